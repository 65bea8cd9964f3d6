"""Hard DTW paths, compiled by numba once and cached on disk."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True)
def _accumulate(cost, free_start):  # type: ignore[no-untyped-def]
    rows, columns = cost.shape
    total = np.empty((rows, columns), np.float64)
    start = np.zeros((rows, columns), np.int64)
    move = np.zeros((rows, columns), np.uint8)  # 0 start, 1 diagonal, 2 left (query), 3 up (target)
    for i in range(rows):
        for j in range(columns):
            best = np.inf
            if j == 0 and (i == 0 or free_start):
                best, start[i, j] = 0.0, i
            if i > 0 and j > 0 and total[i - 1, j - 1] < best:
                best, start[i, j], move[i, j] = total[i - 1, j - 1], start[i - 1, j - 1], 1
            if j > 0 and total[i, j - 1] < best:
                best, start[i, j], move[i, j] = total[i, j - 1], start[i, j - 1], 2
            if i > 0 and total[i - 1, j] < best:
                best, start[i, j], move[i, j] = total[i - 1, j], start[i - 1, j], 3
            total[i, j] = best + cost[i, j]
    return total, start, move


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
    total, _, move = _accumulate(_checked(cost), False)
    i, j = cost.shape[0] - 1, cost.shape[1] - 1
    path = [(i, j)]
    while move[i, j]:
        i, j = i - (move[i, j] != 2), j - (move[i, j] != 3)
        path.append((i, j))
    return float(total[-1, -1]), np.array(path[::-1])


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
    total, start, _ = _accumulate(_checked(cost), True)
    return total[:, -1], start[:, -1]


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
