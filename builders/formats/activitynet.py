"""JSON of ActivityNet; also of HACS, THUMOS14, FineAction, EPIC and Ego4D as OpenTAD has them."""

from __future__ import annotations

from collections.abc import Iterator
from math import nan
from pathlib import Path

from pydantic import AliasChoices, BaseModel, Field, FiniteFloat, PositiveFloat, ValidationError

from builders.formats import MAX_BYTES, Entry, Fault, Found
from vid2vidmr.errors import DataError
from vid2vidmr.files import read_json
from vid2vidmr.records import fault


class _Annotation(BaseModel):
    segment: tuple[FiniteFloat, FiniteFloat]
    label: str


class _Video(BaseModel):
    """Of what else there is (subset, fps, frame, label_id) nothing is needed."""

    duration: PositiveFloat | None = Field(
        None, validation_alias=AliasChoices("duration", "duration_second")
    )
    annotations: list[_Annotation] = []


def read(path: Path, _name: str) -> Iterator[Found]:
    """Yield the segments of every video, ``{"database": {ID: ...}}`` or without ``database``."""
    value = read_json(path, MAX_BYTES)
    videos = value.get("database", value) if isinstance(value, dict) else None
    if not isinstance(videos, dict):
        raise DataError(f'{path} is not as ActivityNet has it: {{"database": {{ID: {{...}}}}}}.')
    for key, record in videos.items():
        try:
            video = _Video.model_validate(record)
        except ValidationError as error:
            yield Fault(key, fault(error, "the video"))
            continue
        for number, each in enumerate(video.annotations, 1):
            # Some lists write v_ before the ids of YouTube.
            yield Entry(
                f"{key}, annotation {number}", key.removeprefix("v_"), each.label, *each.segment,
                video.duration or nan,
            )  # fmt: skip
