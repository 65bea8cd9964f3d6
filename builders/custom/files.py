"""Video files in a folder, by the names that a CSV file of moments may give them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from vid2vidmr.errors import DataError
from vid2vidmr.files import file_sha256
from vid2vidmr.progress import progress
from vid2vidmr.train.unlabelled import SUFFIXES
from vid2vidmr.video.sample import video_duration


def local_files(folder: Path) -> tuple[dict[str, Path], dict[str, str]]:
    """Find the video files below a folder.

    Returns
    -------
    files : dict of str to Path
        Id of a video, its path below the folder (``cup/final.mp4``), to its file.
    ids : dict of str to str
        Names that a CSV file may give to ids: the paths without ending, where one file has it.

    Raises
    ------
    DataError
        If there is no such folder, or no video in it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder: expected one with video files.")
    files = {
        path.relative_to(folder).as_posix(): path.resolve()
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    }
    if not files:
        raise DataError(f"{folder} holds no video files (of the kinds {' '.join(SUFFIXES)}).")
    stems = pd.Series({name: name.removesuffix(Path(name).suffix) for name in files})
    once = stems[~stems.duplicated(keep=False)]
    return files, {str(stem): str(name) for name, stem in once.items() if stem not in files}


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
    return pd.DataFrame(rows)
