"""Operations on windows in seconds, NumPy only."""

from __future__ import annotations

import numpy as np

from vid2vidmr.evaluation.metrics import temporal_iou


def nms_1d(windows: np.ndarray, threshold: float, top: int | None = None) -> np.ndarray:
    """Greedy non-maximum suppression.

    Parameters
    ----------
    windows : ndarray, (n, >= 2)
        start_s, end_s, best first.
    threshold : float
        A window is dropped if its IoU with a kept one is strictly above.
    top : int, optional
        Stop when so many are kept.

    Returns
    -------
    ndarray, (kept,)
        Row numbers, best first.
    """
    left = np.arange(len(windows))
    kept: list[int] = []
    while len(left) and (top is None or len(kept) < top):
        best, left = left[0], left[1:]
        kept.append(int(best))
        left = left[temporal_iou(windows[left, :2], windows[best, :2]) <= threshold]
    return np.array(kept, dtype=int)


def ranked(windows: np.ndarray, scores: np.ndarray, threshold: float, top: int = 10) -> np.ndarray:
    """Sort windows by score (stable), suppress neighbours, keep the best `top`.

    Parameters
    ----------
    windows : ndarray, (n, 2)
    scores : ndarray, (n,)
    threshold : float
        As in `nms_1d`.
    top : int

    Returns
    -------
    ndarray, (k, 3)
        start_s, end_s, score, best first.
    """
    order = np.argsort(-scores, kind="stable")
    rows = np.column_stack([windows[order], scores[order]]).astype(np.float64)
    kept: np.ndarray = rows[nms_1d(rows, threshold, top)]
    return kept
