"""Building the site: scores, tables, data, pages; written beside and moved when complete."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from leaderboard.site.boards import Board, Entry, read_boards
from leaderboard.site.data import place_predictions, write_pairs, write_predictions
from leaderboard.site.pages import TITLE, write_pages
from leaderboard.site.videos import on_youtube, place_strips, place_videos, videos_here
from leaderboard.site.worlds import Pool, Worlds
from leaderboard.store import SUBMISSIONS
from vid2vidmr import __version__
from vid2vidmr.analysis.analyse import analyse_run
from vid2vidmr.analysis.existence import analyse_open
from vid2vidmr.analysis.page import analysis_page
from vid2vidmr.analysis.runs import Run
from vid2vidmr.errors import DataError
from vid2vidmr.experiments.run import Scored
from vid2vidmr.files import (
    BASE_CSS,
    LOCK,
    MAX_RECORD_BYTES,
    TEMPORARY,
    alone,
    read_json,
    write_text,
)
from vid2vidmr.tables import write_tables

HERE = Path(__file__).parent
MARK = "site.json"
"""Tells a folder that a build wrote from one that somebody needs."""
WRITTEN = frozenset(
    {
        MARK, "README.md", "analyses", "assets", "boards", "data", "index.html", "methods",
        "pairs.html", "pictures", "predictions", "reported.html", "submissions", "videos",
    }
)  # fmt: skip
"""All that a build can write into a folder, and so all that it may delete there."""
SPACE = f"""---
title: {TITLE}
emoji: 🎬
colorFrom: gray
colorTo: blue
sdk: static
app_file: index.html
pinned: false
---

# {TITLE}

Open `index.html`: the pages need no server and no network. They were derived from predictions by
`vid2vidmr leaderboard build` of vid2vidmr {__version__}; the tables lie in `boards/` as Markdown,
CSV and LaTeX.
"""
"""A folder with this README.md is a static Space of Hugging Face."""


@dataclass(frozen=True)
class Built:
    """What a build wrote.

    Attributes
    ----------
    pools : list of Pool
        Boards of several of the `boards`, which are worlds of each other.
    not_shown : dict of str to str
        Submissions that could not be scored here, and why.
    videos : int
        Files that can be played.
    """

    out: Path
    boards: list[Board]
    pools: list[Pool]
    not_shown: dict[str, str]
    videos: int = 0


def build_site(
    root: Path = SUBMISSIONS,
    out: Path = Path("site"),
    *,
    videos: bool = False,
    analyses: bool = False,
) -> Built:
    """Score every submission and write the leaderboard's pages.

    Parameters
    ----------
    root : Path
        Folder of submissions.
    out : Path
        Folder of the site: new, empty, or written by an earlier build.
    videos : bool
        Link (or copy) the videos of data sets that are built here, so that moments can be played.
        Pictures of them are shown then, and without it where the videos are rendered: nobody else
        has a right to those.
    analyses : bool
        Write a page of where the errors of every method come from: a second each.

    Raises
    ------
    DataError
        If `root` is no folder, or `out` holds something else.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: expected one of submissions.")
    for name in WRITTEN:
        if root.resolve().is_relative_to((out / name).resolve()):
            raise DataError(f"{root} lies where a build into {out} writes: give another --out.")
    _require_ours(out)
    with alone(out), TemporaryDirectory(prefix=TEMPORARY, dir=out) as beside:
        return _build(root, out, Path(beside), videos, analyses)


def _build(root: Path, out: Path, beside: Path, videos: bool, analyses: bool) -> Built:
    worlds = Worlds()

    def keep(
        board: Board,
        entry: Entry,
        protocol: str,
        runs: Mapping[int, Scored],
        scores: np.ndarray,
    ) -> None:
        key = f"{board.slug}/{protocol}/{entry.submission.id}"
        is_open = board.pairs[protocol].protocol.is_open
        evaluations = {seed: run.evaluation for seed, run in runs.items()}
        write_predictions(beside, key, evaluations, scores, is_open=is_open)
        if analyses and entry.row.kind != "bias":
            _write_analysis(beside, board, entry, next(iter(runs.values())))
        worlds.add(board, entry, protocol, runs)

    boards, not_shown = read_boards(root, keep)
    pools = worlds.pools(boards)
    placed = 0
    for board in boards:
        rendered = board.dataset.info.synthetic
        files = videos_here(board) if videos or rendered else {}
        strips = place_strips(board, files, beside) if files else {}
        here = place_videos(board, files, beside) if videos else {}
        placed += len(here)
        for protocol in board.tables:
            key = f"{board.slug}/{protocol}"
            youtube = on_youtube(board.dataset)
            write_pairs(beside, key, board.pairs[protocol], here, youtube, strips)
        for entry in board.entries.values():
            place_predictions(root, beside, entry.submission)
    for each in (*boards, *pools):
        for protocol, table in each.tables.items():
            write_tables(table, beside / "boards" / each.slug / protocol)
    write_pages(beside, boards, pools, not_shown, analyses=analyses)
    shutil.copytree(HERE / "assets", beside / "assets")
    shutil.copy(BASE_CSS, beside / "assets")
    shutil.copytree(HERE / "vendor", beside / "assets" / "vendor")
    write_text(beside / "README.md", SPACE)
    _move(beside, out)
    return Built(out, boards, pools, not_shown, placed)


def _write_analysis(out: Path, board: Board, entry: Entry, first: Scored) -> None:
    header = first.result.header
    protocol = str(header.protocol)
    pairs = board.pairs[protocol]
    run = Run(header, board.dataset, pairs, first.evaluation, first.wrong)
    found = analyse_open(run) if pairs.protocol.is_open else analyse_run(run)
    places = {
        "Leaderboard": f"../../index.html#{board.slug}-{protocol}",
        entry.row.name: f"../../{entry.page('submissions')}",
        "Pair by pair": f"../../pairs.html#{board.slug}/{protocol}",
    }
    write_text(out / entry.page("analyses", protocol), analysis_page(found, places))


def _require_ours(out: Path) -> set[str]:
    """Give what a build wrote into a folder; refuse one that holds something else in its place.

    The folder may be a stranger's, such as a Space that was cloned: its mark is not believed.
    """
    if not out.exists():
        return set()
    if not out.is_dir():
        raise DataError(f"{out} is a file: expected a folder to write the site into.")
    for path in (*(out / name for name in sorted(WRITTEN)), out / LOCK):
        if path.is_symlink():
            raise DataError(f"{path} is a link, which no build writes: delete it first.")
    mark = out / MARK
    # A fresh clone of a Space has dot files and a README.md.
    others = [p for p in out.iterdir() if not p.name.startswith(".") and p.name != "README.md"]
    if others and not mark.exists():
        raise DataError(
            f"{out} holds {others[0].name} and was not written by `leaderboard build`: give a "
            "folder that is new or empty."
        )
    listed = _entries(mark) if mark.exists() else set()
    for path in others:
        if path.name in WRITTEN - listed - {MARK}:
            raise DataError(
                f"{path} is in the way, {mark} does not list it as written by a build: move it."
            )
    return listed


def _entries(mark: Path) -> set[str]:
    value = read_json(mark, MAX_RECORD_BYTES)
    listed = value.get("entries") if isinstance(value, dict) else None
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        raise DataError(f"{mark} lists nothing that a build wrote: give a folder that is new.")
    if foreign := sorted(set(listed) - WRITTEN):
        raise DataError(
            f"{mark} lists {foreign[0]!a}, which no build writes: nothing was deleted. Give a "
            "folder that is new, or mend that file."
        )
    return set(listed)


def _move(beside: Path, out: Path) -> None:
    """Replace what a build wrote and leave the rest, such as ``.git``.

    From the first step on the mark lists what is of either build: whenever this is killed, the
    next build knows the folder for one of its own.
    """
    new = {path.name for path in beside.iterdir()}
    old = _require_ours(out)  # again: scoring took a while
    _write_mark(out, new | old)
    for name in old - {MARK}:
        path = out / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for name in new:
        (beside / name).replace(out / name)
    _write_mark(out, new)


def _write_mark(out: Path, names: Iterable[str]) -> None:
    entries = sorted({*names, MARK})
    write_text(out / MARK, json.dumps({"vid2vidmr": __version__, "entries": entries}) + "\n")
