"""Videos of a board's pairs: their files, linked into the site or copied, and their pictures."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from leaderboard.site.boards import Board
from vid2vidmr.app.view import jpeg
from vid2vidmr.data.dataset import Dataset, load_dataset
from vid2vidmr.errors import UserError, VideoError
from vid2vidmr.progress import progress
from vid2vidmr.registry import registered
from vid2vidmr.video.files import is_video
from vid2vidmr.video.sample import sample_frames

STEP_S = 2.0
"""Seconds between the pictures of a strip."""
LONGEST_S = 600.0
"""Films that are longer have no strip: a site is small, and a picture wider than 65,535 no JPEG."""
WIDTH = 96
"""Pixels of a picture of a strip."""


class Strip(NamedTuple):
    """Pictures of a video side by side, one every `step_s` seconds from its start on."""

    address: str
    pictures: int
    step_s: float
    shape: float
    """Width by height of one."""


def videos_here(board: Board) -> dict[str, Path]:
    """Find the video files of a board's pairs: snapshots have none, a data set that is built may.

    Returns
    -------
    dict of str to Path
        By the id of the video.
    """
    try:
        built = load_dataset(board.dataset.name)
    except UserError:
        return {}
    if built.fingerprint != board.dataset.fingerprint:
        return {}
    tables = [pairs.table for pairs in board.pairs.values()]
    wanted = sorted({name for t in tables for name in (*t["query_video"], *t["target_video"])})
    found = {name: path for name in wanted if (path := built.own_video(name)) is not None}
    return {name: path for name, path in found.items() if is_video(path)}


def place_videos(board: Board, here: Mapping[str, Path], out: Path) -> dict[str, str]:
    """Put video files into ``out/videos``, linked where that can be: it takes no room.

    Returns
    -------
    dict of str to str
        Video ids to addresses below `out`.
    """
    found: dict[str, str] = {}
    folder = out / "videos" / board.slug
    folder.mkdir(parents=True, exist_ok=True)
    with progress(f"Videos of {board.slug}", len(here)) as bar:
        for number, (name, path) in enumerate(here.items()):
            placed = folder / f"{number}{path.suffix}"  # a server takes it by its name
            _place(path, placed)
            found[name] = placed.relative_to(out).as_posix()
            bar.advance()
    return found


def place_strips(board: Board, here: Mapping[str, Path], out: Path) -> dict[str, Strip]:
    """Write pictures of videos into ``out/pictures``; none of a film that cannot be read.

    Returns
    -------
    dict of str to Strip
        By the id of the video.
    """
    durations = dict(
        zip(*(board.dataset.videos[c] for c in ("video_id", "duration_s")), strict=True)
    )
    found: dict[str, Strip] = {}
    folder = out / "pictures" / board.slug
    folder.mkdir(parents=True, exist_ok=True)
    with progress(f"Pictures of {board.slug}", len(here)) as bar:
        for number, (name, path) in enumerate(here.items()):
            frames = _pictures(path) if durations[name] <= LONGEST_S else []
            if frames:
                placed = folder / f"{number}.jpg"
                placed.write_bytes(jpeg(np.concatenate(frames, axis=1)))
                address, shape = placed.relative_to(out).as_posix(), WIDTH / frames[0].shape[0]
                found[name] = Strip(address, len(frames), STEP_S, round(shape, 3))
            bar.advance()
    return found


def _pictures(path: Path) -> list[np.ndarray]:
    try:
        return [frame for _, frame in sample_frames(path, STEP_S, size=_small)]
    except VideoError:
        return []


def _small(width: int, height: int) -> tuple[int, int]:
    return WIDTH, max(1, round(WIDTH * height / width))


def on_youtube(dataset: Dataset) -> dict[str, str]:
    """Give the ids on YouTube of videos that are whole there; none where the builder says none."""
    try:
        builder = registered("dataset", dataset.name)
    except UserError:
        return {}
    if not builder.whole_on_youtube:
        return {}
    return dict(zip(dataset.videos["video_id"], dataset.videos["source_id"], strict=True))


def _place(path: Path, placed: Path) -> None:
    try:
        os.link(path, placed)
    except OSError:  # another file system, or one without links
        shutil.copyfile(path, placed)
