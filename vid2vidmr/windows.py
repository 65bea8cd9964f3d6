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
    rows = np.arange(len(windows))
    if threshold >= 1:  # no IoU is above
        return rows[:top]
    start, end = windows[:, 0], windows[:, 1]
    length = end - start
    kept: list[int] = []
    with np.errstate(divide="ignore", invalid="ignore"):
        while len(rows) and (top is None or len(kept) < top):
            kept.append(int(rows[0]))
            # As `temporal_iou`, whose care for any shape takes longer than the numbers do.
            inter = np.maximum(np.minimum(end[1:], end[0]) - np.maximum(start[1:], start[0]), 0)
            near = inter / (length[1:] + length[0] - inter) > threshold
            left = np.flatnonzero(~near) + 1
            rows, start, end, length = (each[left] for each in (rows, start, end, length))
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
