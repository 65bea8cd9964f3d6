"""Deriving every number of the board again from the predictions."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from leaderboard.site.boards import Entry, read_boards
from leaderboard.store import FILE, SUBMISSIONS
from vid2vidmr.errors import DataError
from vid2vidmr.evaluation.results import Result
from vid2vidmr.text import plain

TOLERANCE = 1e-6
"""Percent: what another processor's arithmetic may change."""


def verify(root: Path = SUBMISSIONS, only: str | None = None) -> tuple[int, list[str]]:
    """Compare all that submissions say with what their predictions give.

    It reads and scores as a build does: what that refuses is a difference.

    Parameters
    ----------
    root : Path
        Folder of submissions.
    only : str, optional
        ``DATASET/ID`` of one of them.

    Returns
    -------
    checked : int
        Predictions files that were scored.
    differences : list of str
        One line each; none if the board is what its predictions say.

    Raises
    ------
    UnknownNameError
        If there is no submission `only`.
    DataError
        If `root` is no folder.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder: expected one of submissions.")
    boards, refused = read_boards(root, lambda *_: None, only)
    differences = [f"{name}: {reason}" for name, reason in refused.items()]
    entries = [entry for board in boards for entry in board.entries.values()]
    for entry in entries:
        submission = entry.submission
        name = f"{submission.dataset}/{submission.id}"
        differences += [f"{name}: {line}" for line in _different(entry, root)]
    return sum(len(entry.runs) for entry in entries), differences


def _different(entry: Entry, root: Path) -> Iterator[str]:
    submission = entry.submission
    stated = {  # the first of a seed is the one that was scored
        (str(run.header.protocol), run.header.seed): run for run in reversed(submission.runs)
    }
    for doubt in entry.doubts:
        if doubt.fault:
            yield doubt.text
    folder = root / submission.dataset / submission.id
    named = {run.predictions for run in submission.runs}
    if unknown := {path.name for path in folder.iterdir()} - {FILE, *named}:
        yield f"it has the file {plain(min(unknown))!r}, which no run names."
    for found in entry.runs:
        run = stated[str(found.header.protocol), found.header.seed]
        yield from (f"{run.predictions}: {line}" for line in _numbers(run, found))


def _numbers(run: Result, found: Result) -> Iterator[str]:
    if run.pairs != found.pairs:
        yield f"{run.pairs} pairs are stated, the split has {found.pairs}."
    if not abs(found.coverage - run.coverage) <= TOLERANCE or found.invalid != run.invalid:
        yield f"coverage or faults differ: {found.coverage}, {found.invalid}."
    if found.metrics.keys() != run.metrics.keys():
        yield f"metrics are {sorted(run.metrics)}, expected {sorted(found.metrics)}."
        return
    for metric, interval in found.metrics.items():
        for part in ("value", "low", "high"):
            right, stated = getattr(interval, part), getattr(run.metrics[metric], part)
            if right == stated:  # both may be None: there are metrics without an interval
                continue
            if right is None or stated is None or not abs(right - stated) <= TOLERANCE:
                yield f"{metric} ({part}) is {right}, {stated} is stated."
