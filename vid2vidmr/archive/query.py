"""What is asked: a video file or a part of one, and its features."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vid2vidmr.archive.store import Archive
from vid2vidmr.contract import clips_of, on_grid
from vid2vidmr.errors import UserError
from vid2vidmr.features.cached import CachedEncoder

_CLOCK = r"(?:\d+:){0,2}\d+(?:\.\d+)?"
SHOWN = 5
"""Videos that are named where a query could be of each."""
EXAMPLE = "match.mp4@12:03-12:15"
_PART = re.compile(rf"(.+)@({_CLOCK})-({_CLOCK})")


@dataclass(frozen=True)
class Query:
    """A video file, or a part of one.

    Attributes
    ----------
    name : str
        The file, or a video of the archive by its name there.
    start_s, end_s : float or None
        None is the whole file.
    """

    name: str
    start_s: float | None = None
    end_s: float | None = None

    @classmethod
    def parse(cls, text: str) -> Query:
        """Read ``match.mp4`` or ``match.mp4@12:03-12:15``; clocks are [[H:]M:]S, S with decimals.

        Raises
        ------
        UserError
            If the part is empty, or ends before it begins.
        """
        found = _PART.fullmatch(text)
        if found is None or Path(text).exists():
            return cls(text)
        start_s, end_s = seconds(found[2]), seconds(found[3])
        if start_s >= end_s:
            wrong = "is empty" if start_s == end_s else "ends before it begins"
            raise UserError(f"The query {text!r} {wrong}: expected FILE@START-END.")
        return cls(found[1], start_s, end_s)

    def __str__(self) -> str:
        if self.start_s is None or self.end_s is None:
            return self.name
        return f"{self.name}@{clock(self.start_s)}-{clock(self.end_s)}"


def seconds(text: str) -> float:
    """Seconds of a clock such as ``1:02:03.5``."""
    total = 0.0
    for part in text.split(":"):
        total = 60 * total + float(part)
    return total


def clock(at_s: float) -> str:
    """Write seconds as ``12:03`` or ``1:02:03.5``, to the millisecond."""
    whole, rest = divmod(round(1000 * at_s), 1000)
    minutes, second = divmod(whole, 60)
    hour, minute = divmod(minutes, 60)
    text = f"{hour}:{minute:02}:{second:02}" if hour else f"{minute}:{second:02}"
    return f"{text}.{rest:03}".rstrip("0") if rest else text


def query_rows(query: Query, archive: Archive, encoder: CachedEncoder) -> np.ndarray:
    """Features of a query, (N, dim), from its own start on.

    A part of a video of the archive is read there, where its rows are; all else is encoded, or
    found in the cache.

    Raises
    ------
    UserError
        If the part reaches behind the end, what is named is a folder or no part, or the end of
        several names of the archive.
    VideoError
        If a file cannot be read.
    """
    path, video = Path(query.name), _in_archive(query, archive)
    if video is None:
        _require_file(query, archive)
        return encoder.rows(path, query.start_s, query.end_s)
    _require_inside(query, archive.durations_s[video])
    if query.start_s is None or query.end_s is None:
        return archive.features.rows(video)
    file = archive.video_path(video)
    step_s = archive.sketch.step_s
    if on_grid(query.start_s, step_s) or file is None:
        first = archive.features.rows(video)[round(query.start_s / step_s) :]
        return first[: clips_of(query.start_s, query.end_s, step_s)]
    return encoder.rows(file, query.start_s, query.end_s)


def query_place(query: Query, archive: Archive) -> tuple[str, float, float] | None:
    """Where a query lies in the archive: video, start and end in seconds; None elsewhere."""
    video = _in_archive(query, archive)
    if video is None:
        return None
    whole = (0.0, archive.durations_s[video])
    if query.start_s is None or query.end_s is None:
        return video, *whole
    return video, query.start_s, min(query.end_s, whole[1])


def _in_archive(query: Query, archive: Archive) -> str | None:
    """Name of the video of the archive that a query is of; the end of one that is alone will do.

    Raises
    ------
    UserError
        If several end so.
    """
    name, videos = query.name, archive.durations_s
    if name in videos:
        return name
    full = str(Path(name).resolve())
    found = [v for v, row in archive.videos.items() if row.path == full and v in videos]
    if not found and not Path(name).exists():
        found = [video for video in videos if video.endswith(f"/{name}")]
        if len(found) > 1:
            more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
            raise UserError(
                f"{name} is the end of {len(found)} videos of the archive "
                f"({', '.join(found[:SHOWN])}{more}): name one of them."
            )
    return found[0] if found else None


def _require_file(query: Query, archive: Archive) -> None:
    """Say what is wrong with a name that is neither a file nor one that may be missing."""
    expected = f"expected a video file or a part of one, such as {EXAMPLE}"
    if Path(query.name).is_dir():
        raise UserError(f"The query {query.name} is a folder: {expected}.")
    of, _, part = query.name.rpartition("@")
    if Path(query.name).exists():
        return
    if of and (Path(of).is_file() or _in_archive(Query(of), archive)):
        raise UserError(f"{part!r} is no part of {of}: {expected}.")
    known = next(iter(archive.durations_s), "none")
    raise UserError(
        f"{query.name} does not exist, nor is a video of this name searched (they are called like "
        f"{known}): check the path."
    )


def _require_inside(query: Query, duration_s: float) -> None:
    if query.start_s is not None and query.start_s >= duration_s:
        raise UserError(
            f"The query {query} begins behind the end of its video, which lasts "
            f"{clock(duration_s)}."
        )
    # A second is what people round by.
    if query.end_s is not None and query.end_s > duration_s + 1:
        raise UserError(
            f"The query {query} ends behind the end of its video, which lasts {clock(duration_s)}."
        )
