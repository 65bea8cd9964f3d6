"""Local alignment of a query with a longer target, compiled by numba once and cached on disk."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def _local(similarity, threshold, gap, most):  # type: ignore[no-untyped-def]
    rows, columns = similarity.shape
    scores = np.empty(rows, np.float32)
    starts = np.empty(rows, np.int64)
    last, this = np.full(columns, -np.inf, np.float32), np.empty(columns, np.float32)
    last_start, this_start = np.zeros(columns, np.int64), np.zeros(columns, np.int64)
    for i in range(rows):
        for j in range(columns):
            gain = similarity[i, j] - threshold
            # A path begins anew where what led here has gained nothing.
            if j == 0:
                best, start = gain, i
            else:
                best, start = last[j - 1] + gain, last_start[j - 1]
            repeated = min(gain - gap, most)
            if j > 0 and this[j - 1] + repeated >= best:
                best, start = this[j - 1] + repeated, this_start[j - 1]
            if last[j] + repeated > best:
                best, start = last[j] + repeated, last_start[j]
            this[j] = best
            this_start[j] = start
        scores[i], starts[i] = this[columns - 1], this_start[columns - 1]
        last, this = this, last
        last_start, this_start = this_start, last_start
    return scores, starts


def local_alignment(
    similarity: np.ndarray, threshold: float, gap: float, most: float = np.inf
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
    most : float
        Most that such a step gains. A static shot matches for as long as it lasts: with little to
        gain from waiting in it, windows do not swallow it.

    Returns
    -------
    scores : ndarray, (M,)
        Sum of similarity - threshold along the path, less its gaps.
    starts : ndarray, (M,)
        First target row of the path; the window is [start, row + 1).
    """
    if similarity.ndim != 2 or 0 in similarity.shape:
        raise ValueError(f"expected similarities (M, N) with M, N >= 1, got {similarity.shape}")
    scores, starts = _local(np.ascontiguousarray(similarity, np.float32), threshold, gap, most)
    return scores, starts


@njit(cache=True, nogil=True)
def covering(scores, starts):  # type: ignore[no-untyped-def]
    """For each clip the end of the best window [starts[e], e + 1) that covers it.

    Windows paint their clips, best first; clips that are painted are skipped (a forest of jumps),
    so that all takes O(M log M). There is one for every clip i: the one that ends at i + 1.
    """
    rows = len(scores)
    ends = np.full(rows, -1, np.int64)
    jump = np.arange(rows + 1)
    for e in np.argsort(-scores, kind="mergesort"):
        i = starts[e]
        while True:
            root = i
            while jump[root] != root:
                root = jump[root]
            while jump[i] != root:  # shorten the way for the next who comes along
                onward = jump[i]
                jump[i] = root
                i = onward
            i = root
            if i > e:
                break
            ends[i] = e
            jump[i] = i + 1
    return ends
