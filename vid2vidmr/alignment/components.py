"""Sequences of features as unit vectors of their half-whitened principal components."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

BLOCK = 2048
"""Rows that are in float64 at a time: more than an hour."""
FLAT = 1e-4
"""A direction with less than this share of the largest deviation is rounding, not content."""


@dataclass(frozen=True)
class Components:
    """Leading principal components of features.

    Features of one encoder share a large common part, and few directions have most of the rest:
    centred and partly whitened, frames that show other things are unlike.

    Attributes
    ----------
    mean : ndarray, (dim,)
    axes : ndarray, (k, dim)
        Orthonormal rows, largest variance first.
    deviations : ndarray, (k,)
        Standard deviation along each axis, positive.
    """

    mean: np.ndarray
    axes: np.ndarray
    deviations: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray, count: int) -> Components:
        """Find the first `count` components of rows (n, dim).

        There are fewer where the rows vary in fewer directions, and none if all are equal.
        """
        n, dim = rows.shape
        mean = np.asarray(sum(block.sum(axis=0) for block in _blocks(rows)) / n)
        # The smaller of the two Gram matrices has the same non-zero spectrum.
        if n < dim:
            centred = np.asarray(rows, np.float64) - mean
            gram = centred @ centred.T
        else:
            gram = sum(_gram(block - mean) for block in _blocks(rows))
        values, vectors = np.linalg.eigh(gram / n)
        deviations = np.sqrt(values[::-1][:count].clip(0))
        found = cls(mean, vectors[:, ::-1][:, :count].T, deviations).varied()
        if n >= dim:
            return found
        axes = found.axes @ centred / (found.deviations[:, None] * np.sqrt(n))
        return cls(mean, axes, found.deviations)

    def varied(self) -> Components:
        """Leave out the axes along which nothing varies."""
        largest = float(self.deviations.max(initial=0.0))
        kept = self.deviations > max(FLAT * largest, 1e-10)
        return Components(self.mean, self.axes[kept], self.deviations[kept])

    def first(self, count: int) -> Components:
        """Keep the first `count` components."""
        return Components(self.mean, self.axes[:count], self.deviations[:count])

    def unit(self, rows: np.ndarray, whitening: float = 0.5) -> np.ndarray:
        """Project rows (n, dim) to unit vectors (n, k), float32.

        `whitening` is the power of the deviation that an axis is divided by: 0 leaves the variance,
        1 takes it all off. A row that equals the mean points nowhere and becomes zeros.
        """
        [found] = self.units(rows, (len(self.axes),), whitening)
        return found

    def units(
        self, rows: np.ndarray, counts: Sequence[int], whitening: float = 0.5
    ) -> list[np.ndarray]:
        """Give `unit` of the first so many components, for several counts: rows are read once."""
        least = 1e-9 * max(1.0, float(np.abs(self.mean).max(initial=0.0)))
        parts = [[np.empty((0, min(count, len(self.axes))), np.float32)] for count in counts]
        for block in _blocks(rows):
            projected = (block - self.mean) @ self.axes.T
            projected /= self.deviations**whitening
            for part, count in zip(parts, counts, strict=True):
                first = projected[:, :count]
                norms = np.linalg.norm(first, axis=1, keepdims=True)
                small = norms <= least
                unit = np.where(small, 0.0, first / np.where(small, 1.0, norms))
                part.append(unit.astype(np.float32))
        return [np.concatenate(part) for part in parts]


def _blocks(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Give rows in float64, some at a time: hours of video take no memory of their own."""
    for start in range(0, len(rows), BLOCK):
        yield np.asarray(rows[start : start + BLOCK], np.float64)


def _gram(centred: np.ndarray) -> np.ndarray:
    gram: np.ndarray = centred.T @ centred
    return gram


def cosines(target: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Cosines (M, N) of unit rows (M, k) and (N, k)."""
    # Not `@`: waking BLAS threads takes longer than most products of this size.
    found: np.ndarray = np.einsum("mk,nk->mn", target, query)
    return found


def laid_cosines(cosines: np.ndarray) -> np.ndarray:
    """Mean of cosines (M, N) where the query is laid beside the target from each clip on.

    Shape (M - N + 1,), empty for a query that is longer than the target; 1 is an exact copy.
    """
    rows, columns = cosines.shape
    count = max(0, rows - columns + 1)
    laid: np.ndarray = sum(cosines[j : j + count, j] for j in range(columns)) / columns
    return laid


def staticness(rows: np.ndarray) -> float:
    """Mean cosine of unit rows (M, k) with the row before, in [0, 1]; 1 for a single row.

    About 0.45 in edited footage, 0.8 in long static shots.
    """
    if len(rows) < 2:
        return 1.0
    return max(0.0, float(np.einsum("mk,mk->m", rows[1:], rows[:-1]).mean()))
