"""The mathematics of the metrics, on arrays: overlap, recall, average precision.

Every metric of a split is the mean over its pairs of a number per pair, so intervals, differences
and seeds need no more than the table of these numbers.

Windows that do not exist, or are invalid, are NaN: they keep their rank and overlap with nothing.
"""

from __future__ import annotations

import numpy as np

from vid2vidmr.windows import temporal_iou

RANKS = (1, 5)
THRESHOLDS = (0.3, 0.5, 0.7)
AVERAGE_THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""IoU thresholds of ``R1@avg``, the "average" of Feng et al. 2018."""
AP_THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
AP_WINDOWS = 10
"""Windows a pair that average precision looks at, as in Moment-DETR's evaluator."""


def recall(
    best_iou: np.ndarray, rank: int, threshold: float, *, strict: bool = False
) -> np.ndarray:
    """Whether one of the first windows overlaps enough.

    Parameters
    ----------
    best_iou : ndarray, (P, K)
        Overlap of the window of each rank with the best ground truth window.
    rank : int
        How many windows may be tried.
    strict : bool
        ``IoU > threshold`` (Feng et al. 2018) instead of ``>=``.

    Returns
    -------
    ndarray of bool, (P,)
    """
    best = best_iou[:, 0] if rank == 1 else best_iou[:, :rank].max(axis=1)
    return best > threshold if strict else best >= threshold


def matches(iou: np.ndarray, limits: np.ndarray) -> np.ndarray:
    """Match windows with ground truth one to one, greedily down the ranking.

    Each window takes the ground truth window it overlaps most among those not yet taken and
    overlapped enough, and of those overlapped equally the first.

    Parameters
    ----------
    iou : ndarray, (P, K, G)
        Overlap of ranked windows with ground truth windows; negative where either is none.
    limits : ndarray, (T,)
        Least overlap.

    Returns
    -------
    ndarray, (P, T, K)
        Overlap of each window with what it took; -1 where it took none.
    """
    P, K, G = iou.shape
    taken_iou = np.full((P, len(limits), K), -1.0)
    free = np.ones((P, len(limits), G), dtype=bool)
    for k in range(K):
        overlap = iou[:, None, k, :]  # (P, 1, G)
        candidate = np.where(free & (overlap >= limits[:, None]), overlap, -1.0)
        taken = candidate.argmax(axis=2)  # (P, T)
        best = np.take_along_axis(candidate, taken[:, :, None], axis=2)[:, :, 0]
        taken_iou[:, :, k] = best
        rows, columns = np.nonzero(best >= 0)
        free[rows, columns, taken[rows, columns]] = False
    return taken_iou


def average_precision(
    iou: np.ndarray, truths: np.ndarray, thresholds: tuple[float, ...] = AP_THRESHOLDS
) -> np.ndarray:
    """Interpolated average precision of every pair at every threshold.

    Down the ranking each window takes the ground truth window it overlaps most among those not
    yet taken and overlapped enough; a window that takes none is a false positive.

    Parameters
    ----------
    iou : ndarray, (P, K, G)
        Overlap of ranked windows with ground truth windows.
    truths : ndarray of int, (P,)
        Number of ground truth windows of each pair.

    Returns
    -------
    ndarray, (P, T)
        In [0, 1]; 0 for a pair without ground truth.
    """
    P, K, G = iou.shape
    limits = np.asarray(thresholds)
    if G == 1:  # The only hit is the first window that overlaps enough.
        reached = np.maximum.accumulate(iou[:, :, 0], axis=1)
        misses = np.zeros((P, len(limits)))
        for k in range(K):
            misses += reached[:, k, None] < limits
        return np.where(misses < K, 1.0 / (misses + 1.0), 0.0)
    hit = matches(iou[:, :, ::-1], limits) >= 0  # equal overlaps: the last is taken, as published
    precision = hit.cumsum(axis=2) / np.arange(1, K + 1)
    interpolated = np.maximum.accumulate(precision[:, :, ::-1], axis=2)[:, :, ::-1]
    total = (interpolated * hit).sum(axis=2)
    average: np.ndarray = total / np.maximum(truths, 1)[:, None]
    return average


def per_pair_metrics(
    windows: np.ndarray, truth: np.ndarray, *, strict: bool = False
) -> dict[str, np.ndarray]:
    """Every metric of every pair, in percent.

    Parameters
    ----------
    windows : ndarray, (P, K, 2)
        Ranked windows, best first, seconds; K >= 1.
    truth : ndarray, (P, G, 2)
        Ground truth windows, seconds, NaN where a pair has fewer; G >= 1. The best one counts.
    strict : bool
        ``IoU > threshold`` in all R@k; average precision keeps ``>=``.

    Returns
    -------
    dict of str to ndarray, (P,)
        ``mIoU``, ``R1@0.3``, ..., ``R5@0.7``, ``R1@avg``, ``mAP@0.5``, ``mAP@0.75``, ``mAP``: the
        means of these arrays are the metrics.
    """
    iou = temporal_iou(windows[:, :AP_WINDOWS, None], truth[:, None])
    best = iou.max(axis=2)
    found = {"mIoU": best[:, 0]}
    for rank in RANKS:
        for threshold in THRESHOLDS:
            found[f"R{rank}@{threshold}"] = recall(best, rank, threshold, strict=strict)
    found["R1@avg"] = np.mean(
        [recall(best, 1, threshold, strict=strict) for threshold in AVERAGE_THRESHOLDS], axis=0
    )
    precision = average_precision(iou, (~np.isnan(truth[:, :, 0])).sum(axis=1))
    found["mAP@0.5"] = precision[:, AP_THRESHOLDS.index(0.5)]
    found["mAP@0.75"] = precision[:, AP_THRESHOLDS.index(0.75)]
    found["mAP"] = precision.mean(axis=1)
    return {name: 100.0 * values for name, values in found.items()}
