"""`compare`: two runs on the same pairs, and the pairs on which they disagree most."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from vid2vidmr.analysis.runs import Run, open_two
from vid2vidmr.analysis.scored import ScoredOn, scored_on
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.errors import DataError
from vid2vidmr.evaluation.evaluate import Evaluation
from vid2vidmr.evaluation.paired import paired_difference
from vid2vidmr.evaluation.significance import detectable_difference, paired_test
from vid2vidmr.records import Interval, Record, Window

TIE = 0.01
"""Difference in IoU below which two windows are equally good."""


class Disagreement(Record):
    """A pair that two runs answer differently.

    Attributes
    ----------
    duration_s : float
        Length of the target.
    truth : tuple of float
        Seconds from the target's start, as all windows.
    windows : tuple of (tuple of float or None)
        First window of either run; None where it is missing or invalid.
    iou : tuple of float
        Overlap of either with the truth, in [0, 1].
    """

    pair_id: str
    label: str
    target_video: str
    duration_s: float
    truth: Window
    windows: tuple[Window | None, Window | None]
    iou: tuple[float, float]


class Comparison(ScoredOn):
    """Two runs on the same pairs.

    Attributes
    ----------
    names : tuple of str
        First and second run.
    metrics : tuple of dict of str to Interval
        Of either run, percent.
    difference : dict of str to Interval
        First minus second, points, resampled pair by pair.
    p : float
        Of the difference in mIoU, two-sided, over query and target videos.
    detectable : float or None
        Smallest difference in mIoU that these pairs would mostly show, points; None if they are of
        the same two videos, which show none.
    wins, ties, losses : int
        Pairs on which the IoU of the first run's first window is higher, within 0.01, lower.
    better, worse : tuple of Disagreement
        Pairs on which the first run is better, and worse, by most; the largest difference first.
    """

    names: tuple[str, str]
    metrics: tuple[dict[str, Interval], dict[str, Interval]]
    difference: dict[str, Interval]
    p: float
    detectable: float | None
    wins: int
    ties: int
    losses: int
    better: tuple[Disagreement, ...]
    worse: tuple[Disagreement, ...]


def compare(
    first: str | Path,
    second: str | Path,
    dataset: str | Path | None = None,
    *,
    top: int = 10,
    resamples: int = 1000,
) -> Comparison:
    """Compare two runs on the same pairs.

    Parameters
    ----------
    first, second : str or Path
        Each a result.json, or predictions with a header, see `open_two`.
    dataset : str or Path, optional
        Name, folder or repository of the data set; by default the name in the first file.
    top : int
        How many pairs to name in either direction.
    resamples : int
        Of the bootstrap.

    Raises
    ------
    DataError
        If they were made for different pairs: says what differs.

    Examples
    --------
    >>> import vid2vidmr as v
    >>> v.compare("matr.jsonl", "dtw.jsonl").difference["mIoU"]
    """
    one, two = open_two(Path(first), Path(second), dataset)
    return compare_runs(one, two, top=top, resamples=resamples)


def compare_runs(one: Run, two: Run, *, top: int = 10, resamples: int = 1000) -> Comparison:
    """Compare two runs that are open, see `compare`."""
    pairs, dataset, first, second = one.pairs, one.dataset, one.evaluation, two.evaluation
    if list(first.per_pair.index) != list(second.per_pair.index):
        raise DataError("These runs were not scored on the same pairs: they cannot be compared.")
    ahead = first.iou - second.iou
    seen = detectable_difference({"A": first, "B": second})
    ranked = np.argsort(-ahead, kind="stable")

    def named(rows: np.ndarray) -> tuple[Disagreement, ...]:
        return tuple(_disagreement(pairs, first, second, int(row)) for row in rows[:top])

    return Comparison(
        names=(one.name, two.name),
        **scored_on(pairs, dataset, one.header.simulated or two.header.simulated),
        metrics=(first.metrics, second.metrics),
        difference=paired_difference(first, second, resamples=resamples),
        p=paired_test(first, second).p,
        detectable=seen if math.isfinite(seen) else None,
        wins=int((ahead >= TIE).sum()),
        ties=int((np.abs(ahead) < TIE).sum()),
        losses=int((ahead <= -TIE).sum()),
        better=named(ranked[ahead[ranked] >= TIE]),
        worse=named(ranked[ahead[ranked] <= -TIE][::-1]),
    )


def _disagreement(pairs: PairSet, first: Evaluation, second: Evaluation, row: int) -> Disagreement:
    pair = pairs[row]

    def top_window(evaluation: Evaluation) -> Window | None:
        start, end = evaluation.windows[row, 0]
        return None if np.isnan(start) else (float(start), float(end))

    return Disagreement(
        pair_id=pair.pair_id,
        label=pair.label,
        target_video=pair.target_video_id,
        duration_s=pair.duration_s,
        truth=pair.windows[0],
        windows=(top_window(first), top_window(second)),
        iou=(float(first.iou[row]), float(second.iou[row])),
    )
