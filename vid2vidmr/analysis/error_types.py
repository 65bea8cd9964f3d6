"""What is wrong with a window, in the way of DETAD and TIDE, and what mending it would give.

A window of the ranking has an IoU of u with the ground truth, and of d with that other annotated
moment of its target which it overlaps most (0 where the data set knows none). It is, by the first
of these that holds,

- **miss**: there is no valid window at this rank;
- **correct**: u >= 0.5, and no window before it had that;
- **duplicate**: u >= 0.5, but a window before it had that too;
- **wrong moment**: d >= 0.1 and d > u;
- **boundary**: u >= 0.1;
- **background**: all that is left; it overlaps nothing annotated by 0.1 or more.

So every window is of one type, and a first window is never a duplicate.

Sources: Alwassel et al., Diagnosing Error in Temporal Action Detectors (DETAD), ECCV 2018; Bolya et
al., TIDE: A General Toolbox for Identifying Object Detection Errors, ECCV 2020. Both thresholds are
DETAD's and TIDE's.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from vid2vidmr.evaluation.evaluate import Evaluation
from vid2vidmr.evaluation.metrics import per_pair_metrics
from vid2vidmr.evaluation.paired import pair_intervals
from vid2vidmr.records import Interval
from vid2vidmr.windows import temporal_iou

TYPES = ("correct", "duplicate", "boundary", "wrong moment", "background", "miss")
"""Types of windows; `window_types` gives indices into this."""
FIRST_TYPES = ("correct", "boundary", "wrong moment", "background", "miss")
"""Types that a first window can have."""
FOUND_IOU = 0.5
"""IoU with the truth from which on it counts as found."""
TOUCHED_IOU = 0.1
"""IoU below which a window and a moment have nothing to do with each other."""
FIXES = ("boundary", "wrong moment", "background", "miss", "exact", "duplicate", "rank")
"""What `fixed` can mend."""
GAIN_METRICS = ("mIoU", "R1@0.5", "mAP")


def window_types(windows: np.ndarray, truth: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Type of every window.

    Parameters
    ----------
    windows : ndarray, (P, K, 2)
        Ranked windows, best first, seconds; NaN where there is none or it is invalid.
    truth : ndarray, (P, 2)
        Ground truth, seconds.
    others : ndarray, (P, O, 2)
        Other annotated moments of the same target, seconds; NaN where a target has fewer.

    Returns
    -------
    ndarray of int, (P, K)
        Indices into `TYPES`.
    """
    iou = temporal_iou(windows, truth[:, None])
    other = temporal_iou(windows[:, :, None], others[:, None]).max(axis=2, initial=0.0)
    found = iou >= FOUND_IOU
    again = found & (found.cumsum(axis=1) > 1)
    conditions = {
        "miss": np.isnan(windows[:, :, 0]),
        "duplicate": again,
        "correct": found,
        "wrong moment": (other >= TOUCHED_IOU) & (other > iou),
        "boundary": iou >= TOUCHED_IOU,
    }
    codes = [TYPES.index(name) for name in conditions]
    return np.select(list(conditions.values()), codes, TYPES.index("background"))


def fixed(
    windows: np.ndarray, truth: np.ndarray, types: np.ndarray, fixes: Collection[str]
) -> np.ndarray:
    """Windows as an oracle would have them that mends some of `FIXES` and nothing else.

    Parameters
    ----------
    windows, truth
        As in `window_types`.
    types : ndarray of int, (P, K)
        What that gave.
    fixes : collection of str
        ``boundary``, ``wrong moment``, ``background``: every window of the type, at any rank,
        becomes the truth. ``miss``: the first window becomes the truth where there is none.
        ``duplicate``: of all windows that find the truth, the best stands at the place of the
        first. ``rank``: the best of all windows stands first. ``exact``: every correct window
        becomes the truth.

    Returns
    -------
    ndarray, (P, K, 2)
    """
    mended = windows.copy()
    rows = np.arange(len(windows))
    iou = temporal_iou(windows, truth[:, None])
    if "rank" in fixes:
        mended[:, 0] = windows[rows, iou.argmax(axis=1)]
    if "duplicate" in fixes:
        found = iou >= FOUND_IOU
        several = np.flatnonzero(found.any(axis=1))
        place = found[several].argmax(axis=1)
        mended[several, place] = windows[several, iou[several].argmax(axis=1)]
    for name in ("boundary", "wrong moment", "background", "miss", "exact"):
        if name in fixes:
            wrong = types == TYPES.index("correct" if name == "exact" else name)
            if name == "miss":
                wrong[:, 1:] = False
            mended = np.where(wrong[:, :, None], truth[:, None], mended)
    return mended


def shares(types: np.ndarray, evaluation: Evaluation, resamples: int) -> dict[str, Interval]:
    """Share of the first windows that is of each of `FIRST_TYPES`, percent of the pairs."""
    columns = np.stack([types[:, 0] == TYPES.index(name) for name in FIRST_TYPES], axis=1)
    return pair_intervals(evaluation, FIRST_TYPES, 100.0 * columns, resamples)


def gains(
    types: np.ndarray, truth: np.ndarray, evaluation: Evaluation, resamples: int
) -> dict[str, dict[str, Interval]]:
    """Points that every metric of `GAIN_METRICS` would gain by each of `FIXES` alone.

    In mIoU and R1@0.5 the gains of boundary, wrong moment, background, miss and exact, and the
    score itself, sum to 100: they say where the points are lost.
    """
    now = _metrics(evaluation.windows, truth)
    values = [
        _metrics(fixed(evaluation.windows, truth, types, [fix]), truth) - now for fix in FIXES
    ]
    names = [f"{fix}/{metric}" for fix in FIXES for metric in GAIN_METRICS]
    found = pair_intervals(evaluation, names, np.concatenate(values, axis=1), resamples)
    return {fix: {metric: found[f"{fix}/{metric}"] for metric in GAIN_METRICS} for fix in FIXES}


def _metrics(windows: np.ndarray, truth: np.ndarray) -> np.ndarray:
    found = per_pair_metrics(windows, truth[:, None])
    return np.stack([found[name] for name in GAIN_METRICS], axis=1)


def profile(types: np.ndarray) -> tuple[dict[str, float], ...]:
    """Share of each of `TYPES` among the first 1, 2, ... windows of every pair, percent.

    DETAD's profile of false positives, where the first G, 2G, ... windows of all videos by score
    are looked at (G: number of ground truths). Scores here rank the windows of one target and mean
    nothing between targets, so the first kG windows are the first k of every pair.
    """
    found = []
    for k in range(1, types.shape[1] + 1):
        counts = np.bincount(types[:, :k].ravel(), minlength=len(TYPES))
        found.append(
            {name: float(100.0 * n / counts.sum()) for name, n in zip(TYPES, counts, strict=True)}
        )
    return tuple(found)
