"""JSON of E2E-Spot: events by frame number, in clips of videos."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import (
    BaseModel,
    FiniteFloat,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    model_validator,
)

from builders.formats import MAX_BYTES, Entry, Fault, Found
from vid2vidmr.errors import DataError
from vid2vidmr.files import read_json
from vid2vidmr.records import fault


class Event(BaseModel):
    """An event at a frame of its clip, counted from 0."""

    frame: NonNegativeInt
    label: str
    comment: str = ""


class Clip(BaseModel):
    """A clip of a video; `fps` is -1 where nobody knows it."""

    video: str
    fps: FiniteFloat
    num_frames: PositiveInt
    events: list[Event]

    @model_validator(mode="after")
    def _inside(self) -> Clip:
        for event in self.events:
            if event.frame >= self.num_frames:
                raise ValueError(f"frame {event.frame} is behind the last of {self.num_frames}")
        return self


def clips(path: Path) -> Iterator[tuple[str, Clip | Fault]]:
    """Yield the clips of a file, each with its place."""
    value = read_json(path, MAX_BYTES)
    if not isinstance(value, list):
        raise DataError(f"{path} is not as E2E-Spot has it: a list of clips.")
    for number, record in enumerate(value, 1):
        place = f"clip {number}"
        try:
            yield place, Clip.model_validate(record)
        except ValidationError as error:
            yield place, Fault(place, fault(error, "the clip"))


def read(path: Path, _name: str) -> Iterator[Found]:
    """Yield the events of all clips as points; a clip is a video, by its name."""
    for place, clip in clips(path):
        if isinstance(clip, Fault):
            yield clip
        elif clip.fps <= 0:
            yield Fault(place, f"fps is {clip.fps:g}, expected above 0")
        else:
            length_s = clip.num_frames / clip.fps
            for number, event in enumerate(clip.events, 1):
                at_s = event.frame / clip.fps
                where = f"{place}, event {number}"
                yield Entry(where, clip.video, event.label, at_s, at_s, length_s)
