"""Hard DTW paths, compiled by numba once and cached on disk."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _path(cost, free_start, drop):  # type: ignore[no-untyped-def]
    """Cost of the best path to the last cell, and its matches; `drop` may be empty."""
    rows, columns = cost.shape
    last, this = np.full(columns, np.inf), np.empty(columns)
    move = np.empty((rows, columns), np.uint8)  # 0 start, 1 diagonal, 2 left, 3 up, 4 dropped
    begin = 0.0  # all rows above are dropped
    for i in range(rows):
        for j in range(columns):
            best, step = np.inf, 0
            if j == 0 and (i == 0 or free_start):
                best = begin
            if j > 0 and last[j - 1] < best:
                best, step = last[j - 1], 1
            if j > 0 and this[j - 1] < best:
                best, step = this[j - 1], 2
            if last[j] < best:
                best, step = last[j], 3
            best += cost[i, j]
            if len(drop) and last[j] + drop[i] < best:
                best, step = last[j] + drop[i], 4
            this[j], move[i, j] = best, step
        if len(drop):
            begin += drop[i]
        last, this = this, last
    path = np.empty((rows + columns, 2), np.int64)
    i, j, length = rows - 1, columns - 1, 0
    while True:
        step = move[i, j]
        if step != 4:
            path[length, 0], path[length, 1] = i, j
            length += 1
        if step == 0:
            return last[-1], path[:length][::-1].copy()
        if step != 2:
            i -= 1
        if step in (1, 2):
            j -= 1


@njit(cache=True, nogil=True)
def _ends(cost):  # type: ignore[no-untyped-def]
    """Of one pair: costs of the best free paths to the last column of each row, and their starts.

    Among equals the diagonal step is preferred, then that along the query.
    """
    rows, columns = cost.shape
    values, starts = np.empty(rows), np.empty(rows, np.int64)
    total, start = np.full(columns, np.inf), np.zeros(columns, np.int64)  # of the row above
    for i in range(rows):
        left, left_start = 0.0, i  # a path begins
        diagonal, diagonal_start = np.inf, i
        for j in range(columns):
            up, up_start = total[j], start[j]
            best, first = diagonal, diagonal_start
            better = left < best
            best, first = left if better else best, left_start if better else first
            better = up < best
            best, first = up if better else best, up_start if better else first
            left, left_start = best + cost[i, j], first
            total[j], start[j] = left, first
            diagonal, diagonal_start = up, up_start
        values[i], starts[i] = left, left_start
    return values, starts


@njit(cache=True, nogil=True)
def _ends_of_lanes(cost, n):  # type: ignore[no-untyped-def]
    """Give `_ends` of many pairs (M, N, B), (B,): the inner loop is over pairs, as (M, B)."""
    rows, columns, pairs = cost.shape
    values, starts = np.empty((rows, pairs)), np.empty((rows, pairs), np.int64)
    last, this = np.full((columns + 1, pairs), np.inf), np.empty((columns + 1, pairs))
    last_start, this_start = np.zeros((2, columns + 1, pairs), np.int64)
    for i in range(rows):
        this[0], this_start[0] = 0.0, i
        for j in range(columns):
            diagonal, left, up = last[j], this[j], last[j + 1]
            starts_d, starts_l, starts_u = last_start[j], this_start[j], last_start[j + 1]
            out, out_start, here = this[j + 1], this_start[j + 1], cost[i, j]
            for k in range(pairs):
                best, first = diagonal[k], starts_d[k]
                better = left[k] < best
                best, first = left[k] if better else best, starts_l[k] if better else first
                better = up[k] < best
                best, first = up[k] if better else best, starts_u[k] if better else first
                out[k], out_start[k] = best + here[k], first
        for k in range(pairs):
            values[i, k], starts[i, k] = this[n[k], k], this_start[n[k], k]
        this[0] = np.inf  # no path leads from where one begins to the next row
        last, this = this, last
        last_start, this_start = this_start, last_start
    return values, starts


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
    values, starts = _ends(_checked(cost))
    return values, starts


def batch_ends(
    cost: np.ndarray, target_lengths: np.ndarray, query_lengths: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Give `subsequence_ends` of a padded batch.

    Parameters
    ----------
    cost : ndarray, (B, M, N)
    target_lengths, query_lengths : ndarray, (B,)

    Returns
    -------
    values, starts : ndarray, (B, M)
        Infinite and 0 where there is no path: on padding, and where a length is 0.
    """
    lanes = np.ascontiguousarray(np.moveaxis(cost, 0, -1), np.float64)
    m, n = np.asarray(target_lengths, np.int64), np.asarray(query_lengths, np.int64)
    values, starts = (found.T for found in _ends_of_lanes(lanes, n))
    there = (np.arange(cost.shape[1]) < m[:, None]) & (n > 0)[:, None]
    return np.where(there, values, np.inf), np.where(there, starts, 0)


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
