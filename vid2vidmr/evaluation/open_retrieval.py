"""Metrics of targets that hold the moment no times, once or several times.

As published with Soccer-GMR (arXiv 2605.02623). A target without the moment is a *null*; a method
rejects a target whose existence score is not above a threshold. Every metric here is the mean of a
number per pair, as those of `vid2vidmr.evaluation.metrics` are: for a metric that is not (a share
of some pairs, the area under a curve) the number is its value plus the pair's influence on it, so
that intervals, paired tests and means over seeds are the same for all.

Three quirks are kept for parity: ``mIoU@k`` is a mean over matches, so that fewer windows can score
more; windows are matched greedily in rank order; ``G-mIoU@k`` counts a match of no overlap.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from vid2vidmr.evaluation.metrics import AP_THRESHOLDS, AP_WINDOWS, average_precision, matches
from vid2vidmr.windows import temporal_iou

T = TypeVar("T")
TOPS = (1, 3, 5)
BINS = 10
"""Of the calibration error, equally wide."""


def open_metrics(
    windows: np.ndarray, truth: np.ndarray, exists: np.ndarray, threshold: float
) -> dict[str, np.ndarray]:
    """Every metric of every pair, in percent; the means over pairs are the metrics.

    Parameters
    ----------
    windows : ndarray, (P, K, 2)
        Ranked windows, best first, seconds; NaN where a pair has fewer; K >= 1.
    truth : ndarray, (P, G, 2)
        Ground truth windows, seconds, NaN where a pair has fewer; none is twice.
    exists : ndarray, (P,)
        How sure it is that the target holds the moment.
    threshold : float
        A target is rejected if `exists` is not above.

    Returns
    -------
    dict of str to ndarray, (P,)
        Of all pairs ``AUROC``, ``Rej-F1``, ``Acc``, ``G-mIoU@k``; of those with a moment ``mAP``,
        ``mR@k``, ``mIoU@k``; of those with several ``mR+@k``, ``mIoU+@k``; k is 1, 3, 5.
    """
    truths = (~np.isnan(truth[:, :, 0])).sum(axis=1)
    present, answered = truths > 0, exists > threshold
    found = {
        "AUROC": _auroc(exists, present),
        "Rej-F1": _rejection_f1(present, answered),
        "Acc": (present == answered).astype(float),
    }
    windows = windows[:, :AP_WINDOWS]
    iou = temporal_iou(windows[:, :, None], truth[:, None])  # (P, K, G)
    absent = np.isnan(windows[:, :, None, 0]) | np.isnan(truth[:, None, :, 0])
    iou[absent] = -1.0  # matches nothing, not even where no overlap is asked
    found["mAP"] = _over(average_precision(iou, truths).mean(axis=1), present)
    taken = matches(iou, np.array([*AP_THRESHOLDS, 0.0]))  # (P, T + 1, K)
    hits, overlap = taken[:, :-1] >= 0, taken[:, -1]
    several, counted = truths > 1, np.maximum(truths, 1)
    for k in TOPS:
        matched = hits[:, :, :k].sum(axis=2)
        found[f"mR@{k}"] = _over((matched / counted[:, None]).mean(axis=1), present)
        more = np.maximum(matched - 1, 0) / np.maximum(truths - 1, 1)[:, None]
        found[f"mR+@{k}"] = _over(more.mean(axis=1), several)
    for k in TOPS:
        first = overlap[:, :k]
        n, total = (first >= 0).sum(axis=1), first.clip(min=0).sum(axis=1)
        found[f"mIoU@{k}"] = _over(total / np.maximum(n, 1), present)
        rest = (total - first.max(axis=1).clip(min=0)) / np.maximum(n - 1, 1)
        found[f"mIoU+@{k}"] = _over(np.where(n > 1, rest, 0.0), several)
    given = (windows[:, :, 1] > windows[:, :, 0]) & answered[:, None]
    for k in TOPS:
        # Windows that cannot be are dropped before the first k are taken, and keep no rank.
        first = given & (given.cumsum(axis=1) <= k)
        shared = matches(np.where(first[:, :, None], iou, -1.0), np.zeros(1))[:, 0]
        n, total = (shared >= 0).sum(axis=1), shared.clip(min=0).sum(axis=1)
        union = first.sum(axis=1) + truths - n
        found[f"G-mIoU@{k}"] = np.where(union > 0, total / np.maximum(union, 1), 1.0)
    return {name: 100.0 * values for name, values in found.items()}


def asked(metrics: Mapping[str, T], truth: np.ndarray) -> dict[str, T]:
    """Leave out the metrics of targets with several moments, if no target has.

    Parameters
    ----------
    metrics : mapping of str to anything
    truth : ndarray, (P, G, 2)
        NaN where a pair has fewer.
    """
    several = bool((~np.isnan(truth[:, 1:, 0])).any())
    return {name: value for name, value in metrics.items() if several or "+@" not in name}


def calibration(exists: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Reliability of existence probabilities, in bins of equal width.

    Parameters
    ----------
    exists : ndarray, (P,)
        In [0, 1].
    present : ndarray of bool, (P,)

    Returns
    -------
    ndarray, (BINS, 3)
        Mean probability, share that hold the moment, share of the pairs; NaN, NaN, 0 where empty.
        The expected calibration error is ``nansum(|mean - share| * pairs)``.
    """
    at = np.minimum((np.asarray(exists) * BINS).astype(int), BINS - 1)
    counts = np.bincount(at, minlength=BINS)
    with np.errstate(invalid="ignore"):
        means = [np.bincount(at, w, BINS) / counts for w in (exists, present.astype(float))]
    return np.column_stack([*means, counts / len(at)])


def _over(values: np.ndarray, some: np.ndarray) -> np.ndarray:
    """Mean over some pairs, spread over all: each gets the mean and its influence on it."""
    share = some.mean()
    if share == 0:
        return np.zeros(len(values))
    mean = values[some].mean()
    spread: np.ndarray = mean + np.where(some, values - mean, 0.0) / share
    return spread


def _auroc(scores: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Area under the curve, spread over the pairs by DeLong's components; 0.5 of one class."""
    n, share = len(scores), present.mean()
    if share in (0, 1):
        return np.full(n, 0.5)
    # Of the other class, the share that is ranked on the right side; equal scores count half.
    component = np.empty(n)
    everywhere = _ranks(scores)
    for side in (True, False):
        own = present == side
        below = (everywhere[own] - _ranks(scores[own])) / (n - own.sum())
        component[own] = below if side else 1 - below
    area = component[present].mean()
    spread: np.ndarray = area + (component - area) / np.where(present, share, 1 - share)
    return spread


def _ranks(scores: np.ndarray) -> np.ndarray:
    """Ranks from 1, equal scores have the mean of theirs: scipy's, which takes 0.5 s to import."""
    _, level, count = np.unique(scores, return_inverse=True, return_counts=True)
    ranks: np.ndarray = (count.cumsum() - (count - 1) / 2)[level]
    return ranks


def _rejection_f1(present: np.ndarray, answered: np.ndarray) -> np.ndarray:
    """F1 of rejecting, spread over the pairs; 0 where nothing is rejected."""
    right = 2.0 * (~present & ~answered)
    size = right + (present != answered)
    if size.sum() == 0:
        return np.zeros(len(present))
    f1 = right.sum() / size.sum()
    spread: np.ndarray = f1 + (right - f1 * size) / size.mean()
    return spread
