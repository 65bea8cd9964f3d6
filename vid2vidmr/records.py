"""The records of the benchmark: what a moment, a pair and a prediction are.

Seconds are floats named ``*_s``; windows are half-open ``[start_s, end_s)``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, FiniteFloat, TypeAdapter, ValidationError

from vid2vidmr.errors import DataError
from vid2vidmr.files import MAX_BYTES, read_json
from vid2vidmr.text import plain

Window = tuple[float, float]
ScoredWindow = tuple[float, float, float]
Split = Literal["train", "val", "test"]
Kind = Literal["bias", "untrained", "trained"]
Query = Literal["video", "middle-frame", "text"]
Fuse = Literal["mean", "best", "barycentre"]
"""What counts of several queries: the mean of their scores about a window, the best of them, or one
search with their barycentre."""
"""What a method is given as the query: all frames, the middle one, or a caption's tokens."""
QUERIES: tuple[Query, ...] = get_args(Query)


class Record(BaseModel):
    """Base of all records: immutable, unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def fault(error: ValidationError, whole: str = "the file") -> str:
    """Say in a line what is wrong with a record: the field, or `whole`, and why."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    said = first["msg"].removeprefix("Value error, ").partition(" or instance of ")[0]
    return plain(f"{'.'.join(map(str, first['loc'])) or whole}: {said}")


def read_record(path: Path, kind: Any, what: str, then: str, limit: int = MAX_BYTES) -> Any:
    """Read what an earlier run left in a JSON file: it is looked at before it is believed.

    Parameters
    ----------
    kind : type
        What it must be, for pydantic: a record, ``dict[str, float]``.
    what, then : str
        What to call it, and what to do where it is something else, for the error.
    limit : int
        Bytes that are read at most.

    Raises
    ------
    DataError
    """
    try:
        return TypeAdapter(kind).validate_python(read_json(path, limit))
    except ValidationError as error:
        raise DataError(f"{path} is no {what} ({fault(error)}): {then}.") from None


class Moment(Record):
    """A labelled segment of a reference clip.

    Attributes
    ----------
    moment_id : str
        Unique in the data set.
    video_id : str
        The video file that holds the reference clip.
    label : str
        Class of the action or event.
    split : {"train", "val", "test"}
        Split of the class.
    clip_start_s, clip_end_s : float
        The reference clip in the video file, seconds. For a file of its own: 0 and its duration.
    start_s, end_s : float or None
        The segment inside the reference clip, seconds from the clip's start. None where the
        annotations do not say (a query given as a trimmed file only).
    """

    moment_id: str
    video_id: str
    label: str
    split: Split
    clip_start_s: float
    clip_end_s: float
    start_s: float | None
    end_s: float | None


class Pair(Record):
    """A query moment and the target in which to find the moment that means the same.

    Attributes
    ----------
    pair_id : str
        Unique; several pairs share a query and several share a target.
    query_id, target_id : str
        The query's moment, and the moment whose reference clip is the target.
    query_video_id, target_video_id : str
        The video files.
    query_window : tuple of float or None
        The query in its video file, seconds; None is the whole file.
    target_window : tuple of float
        The target in its video file, seconds.
    windows : tuple of tuple of float
        Ground truth, seconds from the target's start.
    label : str
        The class shared by query and ground truth.
    """

    pair_id: str
    query_id: str
    target_id: str
    query_video_id: str
    target_video_id: str
    query_window: Window | None
    target_window: Window
    windows: tuple[Window, ...]
    label: str
    split: Split

    @property
    def duration_s(self) -> float:
        """Length of the target in seconds."""
        return self.target_window[1] - self.target_window[0]


class Prediction(Record):
    """Ranked windows for one pair.

    Attributes
    ----------
    windows : tuple of (start_s, end_s, score)
        Seconds from the target's start, best first.
    exists : float or None
        How sure it is that the target holds the moment at all, in [0, 1]; None where a method does
        not say.
    """

    pair_id: str
    windows: tuple[ScoredWindow, ...]
    exists: FiniteFloat | None = None


class EvidentPrediction(Prediction):
    """A prediction as a method makes it, with what speaks for existence.

    Attributes
    ----------
    evidence : tuple of float
        A few numbers, always as many, higher where the moment is likelier to be there;
        `vid2vidmr.experiments.existence` weighs them on val. No file keeps them.
    """

    evidence: tuple[FiniteFloat, ...]


class Interval(Record):
    """A number with its 95 % confidence interval (None where none was computed)."""

    value: float
    low: float | None = None
    high: float | None = None

    def text(self, *, signed: bool = False, short: bool = False) -> str:
        """``43.3 [39.1, 47.0]``, short ``43.3 [39, 47]``; no brackets without an interval."""
        sign = "+" if signed else ""
        text = f"{self.value:{sign}z.1f}"
        if self.low is None or self.high is None:
            return text
        digits = f"{sign}z.{0 if short else 1}f"
        return f"{text} [{self.low:{digits}}, {self.high:{digits}}]"
