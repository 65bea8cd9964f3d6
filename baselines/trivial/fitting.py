"""Constant windows: families of them, and the choice of the best ones on train pairs.

A constant window is four numbers (a, b, p, q): in a target of D seconds it is
``[a D + p, b D + q)``, clamped to the target. ``p = q = 0`` is a share of the target;
``a = b, p = -q`` is a length in seconds around a relative centre.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vid2vidmr.windows import temporal_iou

if TYPE_CHECKING:
    from vid2vidmr.data.pairs import PairSet

LENGTHS_S = np.round(np.geomspace(2.0, 200.0, 30))
STEPS = 20
"""Positions are multiples of 1/20 of the target."""


def shares(centred: bool) -> np.ndarray:
    """Windows that are a share of the target, (n, 4); only those around its centre if asked."""
    windows = [
        (start / STEPS, end / STEPS, 0.0, 0.0)
        for start in range(STEPS)
        for end in range(start + 1, STEPS + 1)
        if not centred or start + end == STEPS
    ]
    return np.array(windows)


def lengths(centred: bool) -> np.ndarray:
    """Windows of a length in seconds around a relative centre, (n, 4)."""
    centres = [0.5] if centred else [k / STEPS for k in range(1, STEPS)]
    return np.array([(c, c, -x / 2, x / 2) for c in centres for x in np.unique(LENGTHS_S)])


def place(windows: np.ndarray, durations_s: np.ndarray) -> np.ndarray:
    """Seconds of constant windows in targets.

    Parameters
    ----------
    windows : ndarray, (n, 4)
    durations_s : ndarray, (P,)

    Returns
    -------
    ndarray, (P, n, 2)
        Clamped to the target.
    """
    ends = durations_s[:, None, None] * windows[:, :2] + windows[:, 2:]
    placed: np.ndarray = np.clip(ends, 0.0, durations_s[:, None, None])
    return placed


def mean_iou(windows: np.ndarray, pairs: PairSet) -> np.ndarray:
    """Mean overlap of each constant window, (n, 4), with the moments of `pairs`, (n,)."""
    truth = pairs.table[["start_s", "end_s"]].to_numpy("float64")[:, None]
    durations_s = pairs.durations_s
    # One window after another: a (P, n) array of a thousand windows would not stay in the cache.
    return np.array(
        [temporal_iou(place(window[None], durations_s), truth).mean() for window in windows]
    )


def best_windows(
    candidates: np.ndarray, pairs: PairSet, count: int, overlap: float
) -> list[tuple[list[float], float]]:
    """Choose the best constant windows, best first, each with its mean IoU on `pairs`.

    A window that overlaps a better one more than `overlap`, in a target of median length, is
    passed over: it would find the same moments again.
    """
    scores = mean_iou(candidates, pairs)
    placed = place(candidates, np.median(pairs.durations_s, keepdims=True))[0]
    chosen: list[int] = []
    for k in np.argsort(-scores, kind="stable"):
        if len(chosen) == count:
            break
        if not chosen or temporal_iou(placed[chosen], placed[k]).max() <= overlap:
            chosen.append(int(k))
    return [(candidates[k].tolist(), float(scores[k])) for k in chosen]
