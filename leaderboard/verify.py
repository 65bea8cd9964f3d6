"""Deriving every number of the board again from the predictions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from leaderboard.store import (
    FILE,
    SUBMISSIONS,
    board_dataset,
    read_submission,
    run_pairs,
    score,
    submission_folders,
)
from leaderboard.strict import gunzip, parse_predictions
from leaderboard.submission import Run, Submission
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.errors import UserError
from vid2vidmr.evaluation.predictions import PredictionHeader
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
                dataset = board_dataset(submission.dataset, submission.dataset_fingerprint)
                differences += [f"{name}: {line}" for line in _of_folder(submission, folder)]
                for run in submission.runs:
                    found = list(_of_run(submission, run, folder, dataset))
                    differences += [f"{name}, {run.predictions}: {line}" for line in found]
                    checked += 1
            except UserError as error:
                differences.append(f"{name}: {error}")
            bar.advance()
    return checked, differences


def _of_folder(submission: Submission, folder: Path) -> Iterator[str]:
    named = [run.predictions for run in submission.runs]
    if len(set(named)) < len(named):
        yield "two runs name one file."
    if unknown := {path.name for path in folder.iterdir()} - {FILE, *named}:
        yield f"it has the file {min(unknown)!r}, which no run names."
    if submission.simulated:
        yield "features were simulated: such submissions stand on no board."


def header_differences(submission: Submission, run: Run, header: PredictionHeader) -> Iterator[str]:
    """Say where predictions were made for something else than what the submission states."""
    says = {
        "dataset": submission.dataset, "dataset_fingerprint": submission.dataset_fingerprint,
        "split": submission.split, "protocol": run.protocol, "seed": run.seed,
        "preset": run.preset, "config": run.config, "protocol_seed": 0, "simulated": False,
    }  # fmt: skip
    for field, value in says.items():
        if (stated := getattr(header, field)) != value:
            yield f"{field} is {stated!r} in the predictions, {value!r} beside them."


def _of_run(submission: Submission, run: Run, folder: Path, dataset: Dataset) -> Iterator[str]:
    if Path(run.predictions).name != run.predictions:
        yield "it is not the name of a file beside the submission."
        return
    data = gunzip(folder / run.predictions)
    if hashlib.sha256(data).hexdigest() != run.predictions_sha256:
        yield "the predictions are not those that were submitted (another hash)."
        return
    header, predictions = parse_predictions(data, folder / run.predictions)
    yield from header_differences(submission, run, header)
    pairs = run_pairs(dataset, header)
    found = score(pairs, predictions)
    if submission.pairs != len(pairs):
        yield f"{submission.pairs} pairs are stated, the split has {len(pairs)}."
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
