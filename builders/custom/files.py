"""Video files in a folder, by the names that a CSV file of moments may give them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from builders.rows import raise_faults
from vid2vidmr.data.info import VIDEO_COLUMNS
from vid2vidmr.files import file_sha256
from vid2vidmr.progress import progress
from vid2vidmr.video.files import files_below, is_video, spellings
from vid2vidmr.video.sample import video_duration

_PREFIX = re.compile(r"((?:^|/))v_(?=[^/]+$)")
_SIZE = re.compile(r"_\d+p$")


def local_files(folder: Path) -> tuple[dict[str, Path], dict[str, set[str]]]:
    """Find the files below a folder, and what a CSV file may call them.

    Returns
    -------
    files : dict of str to Path
        Id of a video, its path below the folder (``cup/final.mp4``), to its file.
    names : dict of str to set of str
        Names to the ids that they may mean: the paths, in either spelling of their accents; and
        those of videos without ending.

    Raises
    ------
    DataError
        If there is no such folder, or nothing in it.
    """
    files = {name: path.resolve() for name, path in files_below(folder).items()}
    names: dict[str, set[str]] = {}
    for name in files:
        for said in spellings(name):
            names.setdefault(said, set()).add(name)
    for name in filter(lambda name: is_video(Path(name)), files):
        for said in spellings(name.removesuffix(Path(name).suffix)):
            if said not in files:
                names.setdefault(said, set()).add(name)
    return files, names | {name: {name} for name in files}


def files_of(videos: Iterable[str], folder: Path) -> dict[str, Path]:
    """Find the files of videos that annotations of others name, as far as they are here.

    A file may be called as the video is, with or without an ending; ``v_ID`` for ID, as many lists
    of ActivityNet have it; ``1_224p`` or ``1_720p`` for the half 1 of a match, as SoccerNet.
    """
    files, names = local_files(folder)
    found = {name: files[min(ids)] for name, ids in names.items()}
    for name in sorted(found):
        other = _SIZE.sub("", _PREFIX.sub(r"\1", name))
        found.setdefault(other, found[name])
    return {video: found[video] for video in videos if video in found}


def require_clear(path: Path, table: pd.DataFrame, names: Mapping[str, set[str]]) -> None:
    """Refuse rows of a CSV file (`path`) whose video could be one of several files.

    Raises
    ------
    MomentError
        With the rows.
    """
    raise_faults(
        path,
        [
            (row, f"{video!r} could be {' or '.join(sorted(names[video]))}: write the ending")
            for row, video in zip(table["row"], table["video"], strict=True)
            if len(names.get(video, ())) > 1
        ],
    )


def video_table(files: Mapping[str, Path], out: Path) -> pd.DataFrame:
    """Table of videos (`vid2vidmr.data.info.VIDEO_COLUMNS`): video to file, measured and hashed.

    Raises
    ------
    VideoError
        If a file is no video.
    """
    rows = []
    with progress("Videos", len(files)) as bar:
        for video, path in files.items():
            inside = path.is_relative_to(out.resolve())
            rows.append(
                {
                    "video_id": video,
                    "source_id": video,
                    "path": str(path.relative_to(out.resolve()) if inside else path),
                    "duration_s": video_duration(path),
                    "sha256": file_sha256(path),
                    "status": "ok",
                }
            )
            bar.advance()
    return pd.DataFrame(rows, columns=list(VIDEO_COLUMNS))
