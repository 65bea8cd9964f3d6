"""Which files of a folder are videos, and the names by which people call them."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from vid2vidmr.errors import DataError

SUFFIXES = (
    ".264", ".265", ".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif", ".h264",
    ".h265", ".hevc", ".ivf", ".lrv", ".m1v", ".m2t", ".m2ts", ".m2v", ".m4v", ".mj2", ".mjpeg",
    ".mjpg", ".mk3d", ".mkv", ".mod", ".mov", ".mp4", ".mpe", ".mpeg", ".mpg", ".mpv", ".mts",
    ".mxf", ".nut", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".tod", ".tp", ".trp", ".ts", ".vob",
    ".webm", ".wmv", ".wtv", ".y4m",
)  # fmt: skip
"""Files of a folder that are taken for videos."""


def is_video(path: Path) -> bool:
    """Whether a file has one of the `SUFFIXES`."""
    return path.suffix.lower() in SUFFIXES


def files_below(folder: Path) -> dict[str, Path]:
    """Find the files below a folder, links to folders included; hidden files are left out.

    Returns
    -------
    dict of str to Path
        Path below the folder (``cup/final.mp4``), sorted, to file.

    Raises
    ------
    DataError
        If there is no such folder, or nothing in it.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is no folder: expected one with video files.")
    found = sorted(path for path in _walk(folder) if not path.name.startswith("."))
    if not found:
        raise DataError(f"{folder} holds no files: expected a folder of videos.")
    return {path.relative_to(folder).as_posix(): path for path in found}


def spellings(name: str) -> set[str]:
    """Give a name as it is, and with accents as people write them (NFC) and some disks (NFD)."""
    return {name, *(unicodedata.normalize(form, name) for form in ("NFC", "NFD"))}


def _walk(folder: Path, above: tuple[tuple[int, int], ...] = ()) -> Iterator[Path]:
    """All files below a folder; a link to a folder that it lies in leads nowhere."""
    about = folder.stat()
    here = (about.st_dev, about.st_ino)
    if here in above:
        return
    with suppress(PermissionError), os.scandir(folder) as entries:
        for entry in entries:
            path = folder / entry.name
            if entry.is_dir():
                yield from _walk(path, (*above, here))
            elif entry.is_file():
                yield path
