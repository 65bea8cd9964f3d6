"""`compare`: two runs on the same pairs, and the pairs on which they disagree most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vid2vidmr.analysis.runs import Run, open_two
from vid2vidmr.analysis.scored import ScoredOn, scored_on
from vid2vidmr.errors import DataError
from vid2vidmr.evaluation.open_retrieval import asked
from vid2vidmr.evaluation.paired import paired_difference
from vid2vidmr.evaluation.significance import detectable_difference, paired_test
from vid2vidmr.records import Interval, Pair, Record, Window

TIE = 0.01
"""Difference in a pair's score, in [0, 1], below which two answers are equally good."""
TESTED = ("AUROC", "G-mIoU@1", "mAP")
"""What is tested under the protocol ``open``: telling, answering rightly, finding."""


class _OfPair(Record):
    """A pair that two runs answer differently.

    Attributes
    ----------
    duration_s : float
        Length of the target.
    """

    pair_id: str
    label: str
    target_video: str
    duration_s: float


class Disagreement(_OfPair):
    """A pair of one moment that two runs answer differently.

    Attributes
    ----------
    truth : tuple of float
        Seconds from the target's start, as all windows.
    windows : tuple of (tuple of float or None)
        First window of either run; None where it is missing or invalid.
    iou : tuple of float
        Overlap of either with the truth, in [0, 1].
    """

    truth: Window
    windows: tuple[Window | None, Window | None]
    iou: tuple[float, float]


class OpenDisagreement(_OfPair):
    """A pair with any number of moments that two runs answer differently.

    Attributes
    ----------
    truth : tuple of (tuple of float)
        All moments, seconds from the target's start; none in a null.
    windows : tuple of (tuple of float or None)
        First window of either run; None where it is rejected, missing or invalid.
    exists : tuple of float
        How sure either is that the moment is there, in [0, 1].
    answered : tuple of bool
        Whether that is above its threshold.
    score : tuple of float
        ``G-mIoU@1`` of either, in [0, 1].
    """

    truth: tuple[Window, ...]
    windows: tuple[Window | None, Window | None]
    exists: tuple[float, float]
    answered: tuple[bool, bool]
    score: tuple[float, float]


class _Compared(ScoredOn):
    """What is said of any two runs on the same pairs.

    Attributes
    ----------
    names : tuple of str
        First and second run.
    metrics : tuple of dict of str to Interval
        Of either run, percent.
    difference : dict of str to Interval
        First minus second, points, resampled pair by pair.
    detectable : float or None
        Smallest difference in the ranking metric that these pairs would mostly show, points; None
        if they are of the same two videos, which show none.
    wins, ties, losses : int
        Pairs on which the score of the first run is higher, within 0.01, lower.
    """

    names: tuple[str, str]
    metrics: tuple[dict[str, Interval], dict[str, Interval]]
    difference: dict[str, Interval]
    detectable: float | None
    wins: int
    ties: int
    losses: int


class Comparison(_Compared):
    """Two runs on the same pairs of one moment; a pair's score is the IoU of the first window.

    Attributes
    ----------
    p : float
        Of the difference in mIoU, two-sided, over query and target videos.
    better, worse : tuple of Disagreement
        Pairs on which the first run is better, and worse, by most; the largest difference first.
    """

    p: float
    better: tuple[Disagreement, ...]
    worse: tuple[Disagreement, ...]


class OpenComparison(_Compared):
    """Two runs on the same pairs of any number of moments; a pair's score is its ``G-mIoU@1``.

    Attributes
    ----------
    p : dict of str to float
        Of the differences in `TESTED`, as of a `Comparison`.
    better, worse : tuple of OpenDisagreement
        As of a `Comparison`.
    """

    p: dict[str, float]
    better: tuple[OpenDisagreement, ...]
    worse: tuple[OpenDisagreement, ...]


def compare(
    first: str | Path,
    second: str | Path,
    dataset: str | Path | None = None,
    *,
    top: int = 10,
    resamples: int = 1000,
) -> Comparison | OpenComparison:
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


def compare_runs(
    one: Run, two: Run, *, top: int = 10, resamples: int = 1000
) -> Comparison | OpenComparison:
    """Compare two runs that are open, see `compare`."""
    first, second, protocol = one.evaluation, two.evaluation, one.pairs.protocol
    if list(first.per_pair.index) != list(second.per_pair.index):
        raise DataError("These runs were not scored on the same pairs: they cannot be compared.")
    scores = [
        each.per_pair[protocol.metric].to_numpy() / 100 if protocol.is_open else each.iou
        for each in (first, second)
    ]
    ahead, truth = scores[0] - scores[1], one.pairs.truth
    seen = detectable_difference({"A": first, "B": second}, protocol.metric)
    ranked = np.argsort(-ahead, kind="stable")
    better = ranked[ahead[ranked] >= TIE][:top].tolist()
    worse = ranked[ahead[ranked] <= -TIE][::-1][:top].tolist()
    common: dict[str, Any] = {
        **scored_on(one.pairs, one.dataset, one.header.simulated or two.header.simulated),
        "names": (one.name, two.name),
        "metrics": (asked(first.metrics, truth), asked(second.metrics, truth)),
        "difference": asked(paired_difference(first, second, resamples=resamples), truth),
        "detectable": seen if math.isfinite(seen) else None,
        "wins": int((ahead >= TIE).sum()),
        "ties": int((np.abs(ahead) < TIE).sum()),
        "losses": int((ahead <= -TIE).sum()),
    }
    if protocol.is_open:
        common["difference"] |= {  # of what is no mean over pairs, without an interval
            name: Interval(value=own.value - second.metrics[name].value)
            for name, own in asked(first.metrics, truth).items()
            if name not in common["difference"]
        }
        return OpenComparison(
            **common,
            p={name: paired_test(first, second, metric=name).p for name in TESTED},
            better=tuple(_open_disagreement(one, two, scores, row) for row in better),
            worse=tuple(_open_disagreement(one, two, scores, row) for row in worse),
        )
    return Comparison(
        **common,
        p=paired_test(first, second).p,
        better=tuple(_disagreement(one, two, row) for row in better),
        worse=tuple(_disagreement(one, two, row) for row in worse),
    )


def _of_pair(pair: Pair) -> dict[str, Any]:
    return {
        "pair_id": pair.pair_id,
        "label": pair.label,
        "target_video": pair.target_video_id,
        "duration_s": pair.duration_s,
    }


def _first(run: Run, row: int) -> Window | None:
    start, end = run.evaluation.windows[row, 0]
    return None if np.isnan(start) else (float(start), float(end))


def _disagreement(one: Run, two: Run, row: int) -> Disagreement:
    pair = one.pairs[row]
    return Disagreement(
        **_of_pair(pair),
        truth=pair.windows[0],
        windows=(_first(one, row), _first(two, row)),
        iou=(float(one.evaluation.iou[row]), float(two.evaluation.iou[row])),
    )


def _open_disagreement(
    one: Run, two: Run, scores: Sequence[np.ndarray], row: int
) -> OpenDisagreement:
    pair = one.pairs[row]
    sure = [float(run.evaluation.exists[row]) for run in (one, two)]
    answered = [s > run.header.threshold for s, run in zip(sure, (one, two), strict=True)]
    a, b = (_first(r, row) if yes else None for r, yes in zip((one, two), answered, strict=True))
    return OpenDisagreement(
        **_of_pair(pair),
        truth=pair.windows,
        windows=(a, b),
        exists=(sure[0], sure[1]),
        answered=(answered[0], answered[1]),
        score=(float(scores[0][row]), float(scores[1][row])),
    )
