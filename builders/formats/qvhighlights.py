"""JSON Lines of QVHighlights: a text, a video, and the windows in it; the text is the class."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, FiniteFloat, PositiveFloat, ValidationError

from builders.formats import Entry, Fault, Found
from vid2vidmr.files import read_jsonl
from vid2vidmr.records import fault


class _Line(BaseModel):
    vid: str
    query: str
    duration: PositiveFloat
    relevant_windows: list[tuple[FiniteFloat, FiniteFloat]] = []


def read(path: Path, _name: str) -> Iterator[Found]:
    """Yield the windows of every line; lines of test have none."""
    for number, value in read_jsonl(path):
        try:
            line = _Line.model_validate(value)
        except ValidationError as error:
            yield Fault(f"line {number}", fault(error, "the line"))
            continue
        for k, window in enumerate(line.relevant_windows, 1):
            place = f"line {number}, window {k}"
            yield Entry(place, line.vid, line.query, *window, line.duration)
