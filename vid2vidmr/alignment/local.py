"""Local alignment of a query with a longer target, compiled by numba once and cached on disk."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _local(similarity, threshold, gap):  # type: ignore[no-untyped-def]
    rows, columns = similarity.shape
    scores = np.empty(rows, np.float32)
    starts = np.empty(rows, np.int64)
    last, this = np.full(columns, -np.inf, np.float32), np.empty(columns, np.float32)
    last_start, this_start = np.zeros(columns, np.int64), np.zeros(columns, np.int64)
    for i in range(rows):
        for j in range(columns):
            # A path begins anew where what led here has gained nothing.
            best, start = np.float32(-np.inf), i
            if j == 0:
                best = np.float32(0)
            elif last[j - 1] > this[j - 1] - gap:
                best, start = last[j - 1], last_start[j - 1]
            else:
                best, start = this[j - 1] - gap, this_start[j - 1]
            if last[j] - gap > best:
                best, start = last[j] - gap, last_start[j]
            this[j] = best + similarity[i, j] - threshold
            this_start[j] = start
        scores[i], starts[i] = this[columns - 1], this_start[columns - 1]
        last, this = this, last
        last_start, this_start = this_start, last_start
    return scores, starts


def local_alignment(
    similarity: np.ndarray, threshold: float, gap: float
) -> tuple[np.ndarray, np.ndarray]:
    """For every target row the best alignment of the whole query that ends there.

    The local alignment of Smith and Waterman (1981), with a query that is consumed whole. What is
    above the threshold is gain, what is below it loss: a window ends where the match ends, and
    nothing is divided by a length. Time O(M N), memory O(M + N).

    Parameters
    ----------
    similarity : ndarray, (M, N)
        Of target row i and query column j, finite, such as a cosine.
    threshold : float
        Similarity that is neither gain nor loss.
    gap : float
        Price of a step that repeats a query column or a target row, at least 0.

    Returns
    -------
    scores : ndarray, (M,)
        Sum of similarity - threshold along the path, less its gaps.
    starts : ndarray, (M,)
        First target row of the path; the window is [start, row + 1).
    """
    if similarity.ndim != 2 or 0 in similarity.shape:
        raise ValueError(f"expected similarities (M, N) with M, N >= 1, got {similarity.shape}")
    scores, starts = _local(np.ascontiguousarray(similarity, np.float32), threshold, gap)
    return scores, starts
