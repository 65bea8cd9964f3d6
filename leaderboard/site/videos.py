"""Videos of a board's pairs, linked into the site or copied."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from leaderboard.site.boards import Board
from vid2vidmr.data.dataset import Dataset, load_dataset
from vid2vidmr.errors import UserError
from vid2vidmr.progress import progress
from vid2vidmr.registry import registered
from vid2vidmr.video.files import is_video


def place_videos(board: Board, out: Path) -> dict[str, str]:
    """Put the video files of a board's pairs into ``out/videos``.

    A file is linked where the file system allows it: it takes no room.

    Returns
    -------
    dict of str to str
        Video ids to addresses below `out`; without those whose files are not here.
    """
    dataset = _with_videos(board)
    if dataset is None:
        return {}
    tables = [pairs.table for pairs in board.pairs.values()]
    wanted = sorted({name for t in tables for name in (*t["query_video"], *t["target_video"])})
    found: dict[str, str] = {}
    folder = out / "videos" / board.slug
    folder.mkdir(parents=True, exist_ok=True)
    with progress(f"Videos of {board.slug}", len(wanted)) as bar:
        for number, name in enumerate(wanted):
            path = dataset.own_video(name)
            if path is not None and is_video(path):  # by its name, as a server will take it
                placed = folder / f"{number}{path.suffix}"
                _place(path, placed)
                found[name] = placed.relative_to(out).as_posix()
            bar.advance()
    return found


def on_youtube(dataset: Dataset) -> dict[str, str]:
    """Give the ids on YouTube of videos that are whole there; none where the builder says none."""
    try:
        builder = registered("dataset", dataset.name)
    except UserError:
        return {}
    if not builder.whole_on_youtube:
        return {}
    return dict(zip(dataset.videos["video_id"], dataset.videos["source_id"], strict=True))


def _with_videos(board: Board) -> Dataset | None:
    """Open the data set as it is built here: snapshots have no videos."""
    try:
        built = load_dataset(board.dataset.name)
    except UserError:
        return None
    return built if built.fingerprint == board.dataset.fingerprint else None


def _place(path: Path, placed: Path) -> None:
    try:
        os.link(path, placed)
    except OSError:  # another file system, or one without links
        shutil.copyfile(path, placed)
