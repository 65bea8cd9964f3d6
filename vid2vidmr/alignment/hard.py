"""Hard DTW paths, compiled by numba once and cached on disk."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def _accumulate(cost, free_start, drop):  # type: ignore[no-untyped-def]
    """Costs of the best paths, where they start, and their last moves; `drop` may be empty."""
    rows, columns = cost.shape
    total = np.empty((rows, columns), np.float64)
    start = np.zeros((rows, columns), np.int64)
    move = np.zeros((rows, columns), np.uint8)  # 0 start, 1 diagonal, 2 left, 3 up, 4 dropped
    begin = 0.0  # all rows above are dropped
    for i in range(rows):
        for j in range(columns):
            best = np.inf
            if j == 0 and (i == 0 or free_start):
                best, start[i, j] = begin, i
            if i > 0 and j > 0 and total[i - 1, j - 1] < best:
                best, start[i, j], move[i, j] = total[i - 1, j - 1], start[i - 1, j - 1], 1
            if j > 0 and total[i, j - 1] < best:
                best, start[i, j], move[i, j] = total[i, j - 1], start[i, j - 1], 2
            if i > 0 and total[i - 1, j] < best:
                best, start[i, j], move[i, j] = total[i - 1, j], start[i - 1, j], 3
            total[i, j] = best + cost[i, j]
            if len(drop) and i > 0 and total[i - 1, j] + drop[i] < total[i, j]:
                total[i, j], move[i, j] = total[i - 1, j] + drop[i], 4
        if len(drop):
            begin += drop[i]
    return total, start, move


@njit(cache=True)
def _path(cost, free_start, drop):  # type: ignore[no-untyped-def]
    """Cost of the best path to the last cell, and its matches."""
    total, _, move = _accumulate(cost, free_start, drop)
    path = np.empty((cost.shape[0] + cost.shape[1], 2), np.int64)
    i, j, length = cost.shape[0] - 1, cost.shape[1] - 1, 0
    while True:
        step = move[i, j]
        if step != 4:
            path[length, 0], path[length, 1] = i, j
            length += 1
        if step == 0:
            return total[-1, -1], path[:length][::-1].copy()
        if step != 2:
            i -= 1
        if step in (1, 2):
            j -= 1


NO_DROPS = np.empty(0)


def _checked(cost: np.ndarray) -> np.ndarray:
    if cost.ndim != 2 or 0 in cost.shape:
        raise ValueError(f"expected a cost matrix (M, N) with M, N >= 1, got shape {cost.shape}")
    return np.ascontiguousarray(cost, np.float64)


def dtw(cost: np.ndarray) -> tuple[float, np.ndarray]:
    """Dynamic time warping with fixed ends.

    Parameters
    ----------
    cost : ndarray, (M, N)
        Cost of matching target row i with query column j.

    Returns
    -------
    value : float
        Sum of costs along the best path from (0, 0) to (M - 1, N - 1).
    path : ndarray, (length, 2)
        The path; among equals the diagonal step is preferred.
    """
    value, path = _path(_checked(cost), False, NO_DROPS)
    return float(value), path


def subsequence_ends(cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Best subsequence alignment for every end on the target.

    The query is consumed whole; start and end on the target are free.

    Parameters
    ----------
    cost : ndarray, (M, N)

    Returns
    -------
    values : ndarray, (M,)
        Cost of the best path that ends at target row i.
    starts : ndarray, (M,)
        First target row of that path.
    """
    total, start, _ = _accumulate(_checked(cost), True, NO_DROPS)
    return total[:, -1], start[:, -1]


@njit(cache=True)
def _batch_ends(cost, m, n):  # type: ignore[no-untyped-def]
    values = np.full(cost.shape[:2], np.inf)
    starts = np.zeros(cost.shape[:2], np.int64)
    for b in range(len(cost)):
        if m[b] and n[b]:
            total, start, _ = _accumulate(cost[b, : m[b], : n[b]], True, NO_DROPS)
            values[b, : m[b]], starts[b, : m[b]] = total[:, -1], start[:, -1]
    return values, starts


def batch_ends(cost: np.ndarray, m: np.ndarray, n: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`subsequence_ends` of a padded batch (B, M, N): (B, M) and (B, M), see `batched`."""
    lengths = (np.asarray(m, np.int64), np.asarray(n, np.int64))
    values, starts = _batch_ends(np.ascontiguousarray(cost, np.float64), *lengths)
    return values, starts


def drop_path(cost: np.ndarray, drop: float | np.ndarray) -> tuple[float, np.ndarray]:
    """Drop-DTW: cheapest alignment in which target rows may be dropped.

    Dvornik et al., NeurIPS 2021, algorithm 1, with drops on the side of the target.

    Parameters
    ----------
    cost : ndarray, (M, N)
    drop : float or ndarray, (M,)
        Cost of dropping a target row.

    Returns
    -------
    value : float
        Sum of the costs of matches and drops.
    path : ndarray, (length, 2)
        The matches; rows that are missing were dropped. Among equals a match is preferred to a
        drop, and the diagonal step to the others.
    """
    cost = _checked(cost)
    drops = np.broadcast_to(np.asarray(drop, np.float64), len(cost)).copy()
    value, path = _path(cost, True, drops)
    return float(value), path


def subsequence_dtw(cost: np.ndarray) -> tuple[float, int, int]:
    """Find the part of the target that the whole query matches at least cost.

    Parameters
    ----------
    cost : ndarray, (M, N)

    Returns
    -------
    value : float
        Cost of the best path.
    start, end : int
        Target rows [start, end); among equal costs the first end.
    """
    values, starts = subsequence_ends(cost)
    end = int(values.argmin())
    return float(values[end]), int(starts[end]), end + 1
