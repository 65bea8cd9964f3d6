"""What the network of `align_refine` sees of a pair: similarities and local alignments, no feature.

All of it is linear in the length of the target, in time and in memory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from vid2vidmr.alignment import Components, local_alignment, staticness
from vid2vidmr.alignment.components import cosines as cosines_of
from vid2vidmr.alignment.components import laid_cosines
from vid2vidmr.alignment.local import covering

BINS = 16
"""Points along the query at which similarities are read, however long it is."""
SETTINGS = ((0.45, 0.0, 1.2), (0.5, 0.3, 0.0), (0.5, 0.45, 0.0), (0.4, 0.15, 0.0), (0.6, 0.6, 0.0))
"""Threshold, fixed gap, and gap per squared `staticness` of each local alignment.

The first is that of the first `local-match`; the others go from edited sequences to static film.
"""
LAGS = (1, 2, 4)
"""Clips back, to which a target clip is compared: how static the target is there."""
FOLDS = (0.5, 1.0, 2.0)
"""Numbers of principal components at which cosines are seen, as multiples of the base number."""
WHITENING = 0.5
"""See `Components.unit`."""
REACH = 32.0
"""Unit of distances to a window's ends, in clips."""
MAPS = len(FOLDS) + 1
CLIPS = 2 + len(LAGS) + 4 * len(SETTINGS)


@dataclass(frozen=True)
class Inputs:
    """A pair, as the network sees it.

    Attributes
    ----------
    maps : ndarray, (MAPS, M, BINS)
        Cosines of target clips and the query for each of `FOLDS`, and those of the base number as
        z-scores over the target.
    clips : ndarray, (M, CLIPS)
        Length of the query, how static it is, how static the target is about the clip; of each
        setting's best window that covers the clip the distances to both ends, score, and score
        below the target's best.
    windows : ndarray, (M, len(SETTINGS), 2)
        These windows, first clip and end.
    scores : ndarray, (M, len(SETTINGS))
        Their gain per query row.
    base : ndarray, (M, N)
        Cosines at the base number; not for the network, nor is what follows.
    calm : float
        `staticness` of the target.
    laid : ndarray
        See `laid_cosines`.
    """

    maps: np.ndarray
    clips: np.ndarray
    windows: np.ndarray
    scores: np.ndarray
    base: np.ndarray
    calm: float
    laid: np.ndarray


@njit(cache=True, nogil=True)
def _resampled(cosine, bins):  # type: ignore[no-untyped-def]
    """Read the columns of (M, N) at `bins` points from the first to the last, by interpolation."""
    rows, columns = cosine.shape
    out = np.empty((rows, bins), np.float32)
    for b in range(bins):
        x = b * (columns - 1) / (bins - 1)
        low = min(int(x), max(columns - 2, 0))
        high = min(low + 1, columns - 1)
        part = x - low
        for i in range(rows):
            out[i, b] = (1 - part) * cosine[i, low] + part * cosine[i, high]
    return out


def _alignments(cosine: np.ndarray, static: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns of `Inputs.clips`, `windows` and `scores` of all settings."""
    rows, columns = cosine.shape
    here = np.arange(rows)
    clips, windows, gains = [], [], []
    for threshold, gap, static_gap in SETTINGS:
        scores, starts = local_alignment(cosine, threshold, gap + static_gap * static**2)
        ends = covering(scores, starts)
        first, gain = starts[ends], scores[ends] / columns
        below = gain - scores.max() / columns
        clips += [(here - first) / REACH, (ends - here) / REACH, gain, below]
        windows.append(np.column_stack([first, ends + 1]))
        gains.append(gain)
    return (
        np.column_stack(clips).astype(np.float32),
        np.stack(windows, axis=1).astype(np.float32),
        np.column_stack(gains).astype(np.float32),
    )


def inputs(cosines: np.ndarray, static: np.ndarray, query_static: float, calm: float) -> Inputs:
    """Make the network's inputs.

    Parameters
    ----------
    cosines : ndarray, (len(FOLDS), M, N)
        Of target clips and query clips.
    static : ndarray, (M, len(LAGS))
        See `lagged_cosines`, of the target.
    query_static : float
        Mean cosine of a query clip with the one before it.
    calm : float
        `staticness` of the target.
    """
    base = np.ascontiguousarray(cosines[FOLDS.index(1.0)], np.float32)
    resampled = [_resampled(np.ascontiguousarray(c, np.float32), BINS) for c in cosines]
    centre = resampled[FOLDS.index(1.0)]
    deviation = centre.std(axis=0) + 0.05  # a floor: a target may show one thing throughout
    z = (centre - centre.mean(axis=0)) / deviation
    aligned, windows, scores = _alignments(base, calm)
    rows, columns = base.shape
    query = np.tile(np.array([min(columns / 16, 4), query_static], np.float32), (rows, 1))
    return Inputs(
        maps=np.stack([*resampled, np.clip(z / 2, -4, 4)]).astype(np.float32),
        clips=np.column_stack([query, static, aligned]).astype(np.float32),
        windows=windows,
        scores=scores,
        base=base,
        calm=calm,
        laid=laid_cosines(base),
    )


def lagged_cosines(rows: np.ndarray, lags: tuple[int, ...] = LAGS) -> np.ndarray:
    """Cosines (M, len(lags)) of unit rows (M, k) with those before them; 1 where there is none."""
    out = np.ones((len(rows), len(lags)), np.float32)
    for column, lag in enumerate(lags):
        if lag < len(rows):
            out[lag:, column] = np.einsum("mk,mk->m", rows[lag:], rows[:-lag])
    return out


def pair_inputs(
    query: np.ndarray,
    target: np.ndarray,
    components: Components,
    count: int = 32,
    whitening: float = WHITENING,
) -> Inputs:
    """Make the inputs of a pair of features.

    Parameters
    ----------
    query, target : ndarray, (N, dim), (M, dim)
    components : Components
        As many as `count` times the largest of `FOLDS`, or all there are.
    count : int
        The base number of components.
    whitening : float
        See `Components.unit`.
    """
    counts = [max(2, round(fold * count)) for fold in FOLDS]
    seen, asked = (components.units(rows, counts, whitening) for rows in (target, query))
    base = FOLDS.index(1.0)
    static = lagged_cosines(seen[base]), staticness(asked[base]), staticness(seen[base])
    return inputs(np.stack([*map(cosines_of, seen, asked)]), *static)
