"""``Labels-v2.json`` of SoccerNet: actions at a time of a half; a half is a video, ``MATCH/1``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, NonNegativeInt, ValidationError

from builders.formats import MAX_BYTES, Entry, Fault, Found, LeftOut
from vid2vidmr.errors import DataError
from vid2vidmr.files import read_json
from vid2vidmr.records import fault

NOT_SHOWN = "moments that the broadcast does not show"
_TIME = re.compile(r"([12]) - \d+:\d+")


def _half(text: object) -> int:
    found = _TIME.fullmatch(str(text))
    if found is None:
        raise ValueError(f"{text!r} is no time of a half, as 1 - 12:07")
    return int(found[1])


Half = Annotated[int, BeforeValidator(_half)]


class _Action(BaseModel):
    gameTime: Half  # noqa: N815
    label: str
    position: NonNegativeInt  # milliseconds
    visibility: str = "visible"


def records(path: Path) -> list[Any]:
    """List the annotations of a file."""
    value = read_json(path, MAX_BYTES)
    found = value.get("annotations") if isinstance(value, dict) else None
    if not isinstance(found, list):
        raise DataError(f'{path} is not as SoccerNet has it: {{"annotations": [...]}}.')
    return found


def video_of(name: str, half: int) -> str:
    """Id of a half of the match whose labels are in a file."""
    return (Path(name).parent / str(half)).as_posix()


def read(path: Path, name: str) -> Iterator[Found]:
    """Yield the actions of a match as points; other files of a match are passed over."""
    if path.name == "Labels-cameras.json":
        return
    for number, value in enumerate(records(path), 1):
        try:
            action = _Action.model_validate(value)
        except ValidationError as error:
            yield Fault(f"annotation {number}", fault(error, "the annotation"))
            continue
        if action.visibility != "visible":
            yield LeftOut(NOT_SHOWN)
            continue
        time_s = action.position / 1000
        video = video_of(name, action.gameTime)
        yield Entry(f"annotation {number}", video, action.label, time_s, time_s)
