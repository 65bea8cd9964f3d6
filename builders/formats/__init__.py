"""Annotations in the forms of others: each module reads one, and says of what it cannot read where.

`read_form` reads a file, or a folder with one file a video or a match, and gives entries: windows
and points. What becomes of them is the same for all forms: `builders.formats.moments`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from math import nan
from pathlib import Path
from typing import Literal, NamedTuple

from builders.rows import raise_lines
from vid2vidmr.errors import DataError, UserError
from vid2vidmr.video.files import files_below

Form = Literal["csv", "activitynet", "soccernet", "spot", "qvhighlights", "sportscode", "vtt"]
ENDINGS = {
    "activitynet": ".json",
    "soccernet": ".json",
    "spot": ".json",
    "qvhighlights": ".jsonl",
    "sportscode": ".xml",
    "vtt": ".vtt",
}
"""Form to the ending of its files, in a folder."""
POINTS = ("soccernet", "spot")
"""Forms of points in time."""
MAX_BYTES = 2**28


class Entry(NamedTuple):
    """A moment as its file has it.

    Attributes
    ----------
    place : str
        In its file, for messages: ``line 3, window 1``.
    start_s, end_s : float
        Seconds of the video; the same for a point.
    duration_s : float
        Of the video, NaN where not told.
    """

    place: str
    video: str
    label: str
    start_s: float
    end_s: float
    duration_s: float = nan


class Fault(NamedTuple):
    """A record that is not as it should be."""

    place: str
    text: str


class LeftOut(NamedTuple):
    """A moment that nobody can find, and why."""

    reason: str


Found = Entry | Fault | LeftOut
Reader = Callable[[Path, str], Iterator[Found]]
"""Of a file, and its name without the ending, below the folder that was given."""


def read_form(path: Path, form: str) -> list[Entry | LeftOut]:
    """Read a file, or all files of a form in a folder.

    Raises
    ------
    UserError
        If there is nothing to read.
    MomentError
        With all records that are not as the form has them, each with its place.
    """
    reader: Reader = import_module(f"builders.formats.{form}").read
    files = {path.name: path}
    if path.is_dir():
        below = files_below(path)
        files = {n: file for n, file in below.items() if file.suffix.lower() == ENDINGS[form]}
        if not files:
            raise UserError(f"{path} has no {ENDINGS[form]}: expected files of {form}.")
    elif not path.exists():
        raise DataError(f"{path} does not exist: expected a file of {form}, or a folder of them.")
    entries: list[Entry | LeftOut] = []
    faults: list[str] = []
    for name, file in files.items():
        where = f"{name}, " if path.is_dir() else ""
        for found in reader(file, name.removesuffix(file.suffix)):
            if isinstance(found, Fault):
                faults.append(f"{where}{found.place}: {found.text}")
            elif isinstance(found, Entry):
                entries.append(found._replace(place=where + found.place))
            else:
                entries.append(found)
    raise_lines(path, faults)
    return entries
