"""Which videos an archive has: what a user names, and what has become of it since."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import ValidationError

from vid2vidmr.data.dataset import data_home, load_dataset
from vid2vidmr.errors import DataError, UserError, VideoError
from vid2vidmr.files import MAX_TABLE_BYTES, decode, file_sha256, parse_json, read_bytes, write_text
from vid2vidmr.records import Record, fault
from vid2vidmr.video.files import files_below, is_video

if TYPE_CHECKING:
    from vid2vidmr.video.packets import Frames

TABLE = "videos.jsonl"
RATES = tuple(
    Fraction(*rate)
    for rate in (
        (24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1), (48, 1), (50, 1), (60000, 1001),
        (60, 1), (100, 1), (120000, 1001), (120, 1),
    )
)  # fmt: skip
"""Frames a second of what editors call a rate."""


class ArchivedVideo(Record):
    """A video of an archive.

    Attributes
    ----------
    video_id : str
        What it is called in results: its path as it was first named.
    path : str
        Where its file is, absolute.
    sha256 : str
        Hash of the file, under which its features are stored.
    size, mtime_us : int
        Of the file when it was hashed: while they stay, it is not read again.
    duration_s : float
    rate : str
        Frames a second, ``"30000/1001"``.
    status : {"ok", "damaged", "vanished"}
        A vanished file is still searched.
    reason : str
        Why it cannot be read.
    """

    video_id: str
    path: str
    sha256: str
    size: int
    mtime_us: int
    duration_s: float = 0.0
    rate: str = "25"
    status: Literal["ok", "damaged", "vanished"] = "ok"
    reason: str = ""


def named_videos(names: Iterable[str | Path]) -> dict[str, Path]:
    """Find the video files that a user names.

    Parameters
    ----------
    names : iterable of str or Path
        Files, folders, and built data sets (folder or name).

    Returns
    -------
    dict of str to Path
        Name to file; of a data set its video ids.

    Raises
    ------
    UserError
        If there is no such thing, or nothing in it.
    """
    found: dict[str, Path] = {}
    for name in map(str, names):
        path = Path(name)
        if path.is_file():
            found[path.as_posix()] = path
        elif any((folder / "dataset.json").exists() for folder in (path, data_home() / name)):
            dataset = load_dataset(name)
            files = ((video, dataset.video_path(video)) for video in dataset.videos["video_id"])
            found |= {video: file for video, file in files if file is not None}
        elif path.is_dir():
            below = files_below(path).items()
            found |= {(path / rest).as_posix(): file for rest, file in below if is_video(file)}
        else:
            raise UserError(
                f"There is no {name}: expected video files, folders of them, or a built data set."
            )
    if not found:
        raise UserError("There is no video file in what was named: check the folders.")
    return found


def looked_at(video_id: str, path: Path) -> ArchivedVideo:
    """Hash a file and read how long it is; one that cannot be read is damaged."""
    from vid2vidmr.video.packets import Frames

    row = ArchivedVideo(video_id=video_id, path=str(path.resolve()), sha256="", size=0, mtime_us=0)
    try:
        about = path.stat()
        seen = {"size": about.st_size, "mtime_us": about.st_mtime_ns // 1000}
        row = row.model_copy(update={"sha256": file_sha256(path), **seen})
        frames = Frames.of(path)
    except (OSError, VideoError) as error:
        return row.model_copy(update={"status": "damaged", "reason": str(error)})
    return row.model_copy(
        update={"duration_s": float(frames.end), "rate": str(nominal_rate(frames))}
    )


def nominal_rate(frames: Frames) -> Fraction:
    """Frames a second; one of `RATES` where that is meant."""
    count, last_s = len(frames.pts), frames.time(len(frames.pts) - 1)
    measured = (count - 1) / last_s if count > 1 and last_s else Fraction(25)
    nearest = min(RATES, key=lambda rate: abs(rate - measured))
    # 29.97 and 30 lie 1/1000 apart; times in whole milliseconds blur what few frames tell.
    meant = abs(nearest / measured - 1) < max(4e-4, 1e-3 / float(last_s or 1))
    return nearest if meant else measured.limit_denominator(1001)


def is_as_it_was(row: ArchivedVideo) -> bool:
    """Whether a file has the size and the time that it had when it was hashed."""
    try:
        about = Path(row.path).stat()
    except OSError:
        return False
    return (about.st_size, about.st_mtime_ns // 1000) == (row.size, row.mtime_us)


def read_videos(archive: Path) -> list[ArchivedVideo]:
    """Read the table of an archive, empty if there is none.

    Raises
    ------
    DataError
        If it is not what `write_videos` leaves.
    """
    path = archive / TABLE
    if not path.exists():
        return []
    rows: list[ArchivedVideo] = []
    lines = decode(read_bytes(path, MAX_TABLE_BYTES), path).splitlines()
    for number, line in enumerate(lines, 1):
        where = f"{path}, line {number}"
        try:
            rows.append(ArchivedVideo.model_validate(parse_json(line, where)))
            Fraction(rows[-1].rate)
        except (ValidationError, ValueError, ZeroDivisionError) as error:
            said = fault(error) if isinstance(error, ValidationError) else error
            raise DataError(f"{where}: {said}; delete the file and index again.") from None
    if len({row.video_id for row in rows}) < len(rows):
        raise DataError(f"{path} has a video twice: delete the file and index again.")
    return rows


def write_videos(archive: Path, rows: Sequence[ArchivedVideo]) -> None:
    """Write the table, a line a video."""
    lines = (json.dumps(row.model_dump(), ensure_ascii=False) for row in rows)
    write_text(archive / TABLE, "".join(f"{line}\n" for line in lines))
