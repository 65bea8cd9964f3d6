"""Deriving every number of the board again from the predictions."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from leaderboard.store import (
    FILE,
    SUBMISSIONS,
    board_dataset,
    read_submission,
    rescore,
    submission_folders,
)
from leaderboard.submission import Submission
from vid2vidmr.errors import UserError
from vid2vidmr.evaluation.results import Result, predicted_pairs
from vid2vidmr.progress import progress

TOLERANCE = 1e-6
"""Percent: what another processor's arithmetic may change."""


def verify(root: Path = SUBMISSIONS) -> tuple[int, list[str]]:
    """Compare all that submissions say with what their predictions give.

    Returns
    -------
    checked : int
        Predictions files that were scored.
    differences : list of str
        One line each; none if the board is what its predictions say.
    """
    folders, checked, differences = submission_folders(root), 0, []
    with progress("Verifying", len(folders)) as bar:
        for folder in folders:
            name = f"{folder.parent.name}/{folder.name}"
            try:
                submission = read_submission(folder)
                header = submission.header
                dataset = board_dataset(header.dataset, header.dataset_fingerprint)
            except UserError as error:
                differences.append(f"{name}: {error}")
                continue
            differences += [f"{name}: {line}" for line in _of_folder(submission, folder)]
            for run in submission.runs:
                try:
                    found, _ = rescore(run, folder, partial(predicted_pairs, dataset=dataset))
                    lines = list(_different(run, found))
                except UserError as error:
                    lines = [str(error)]
                differences += [f"{name}, {run.predictions}: {line}" for line in lines]
                checked += 1
            bar.advance()
    return checked, differences


def _of_folder(submission: Submission, folder: Path) -> Iterator[str]:
    named = [run.predictions for run in submission.runs]
    if len(set(named)) < len(named):
        yield "two runs name one file."
    if unknown := {path.name for path in folder.iterdir()} - {FILE, *named}:
        yield f"it has the file {min(unknown)!r}, which no run names."


def _different(run: Result, found: Result) -> Iterator[str]:
    if run.pairs != found.pairs:
        yield f"{run.pairs} pairs are stated, the split has {found.pairs}."
    if abs(found.coverage - run.coverage) > TOLERANCE or found.invalid != run.invalid:
        yield f"coverage or faults differ: {found.coverage}, {found.invalid}."
    if found.metrics.keys() != run.metrics.keys():
        yield f"metrics are {sorted(run.metrics)}, expected {sorted(found.metrics)}."
        return
    for metric, interval in found.metrics.items():
        for part in ("value", "low", "high"):
            right, stated = getattr(interval, part), getattr(run.metrics[metric], part)
            if stated is None or not abs(right - stated) <= TOLERANCE:
                yield f"{metric} ({part}) is {right:.6f}, {stated} is stated."
