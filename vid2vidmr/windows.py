"""Operations on windows in seconds, NumPy only."""

from __future__ import annotations

import numpy as np


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

    Returns
    -------
    ndarray, (k, 3)
        start_s, end_s, score, best first.
    """
    order = np.argsort(-scores, kind="stable")
    rows = np.column_stack([windows[order], scores[order]]).astype(np.float64)
    kept: np.ndarray = rows[nms_1d(rows, threshold, top)]
    return kept


def temporal_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Intersection over union of windows; 0 where either is NaN or the union is empty.

    Parameters
    ----------
    a, b : ndarray, (..., 2)
        Start and end in seconds; leading axes broadcast.

    Returns
    -------
    ndarray, (...)
    """
    a_start, a_end = a[..., 0], a[..., 1]
    b_start, b_end = b[..., 0], b[..., 1]
    inter = np.minimum(a_end, b_end) - np.maximum(a_start, b_start)
    np.maximum(inter, 0, out=inter)
    union = (a_end - a_start) + (b_end - b_start) - inter
    iou: np.ndarray = np.divide(inter, union, out=np.zeros_like(inter), where=union > 0)
    return iou
