"""Variance of a mean over pairs that share videos, by cluster of query and of target video.

Every estimate is a jackknife: it leaves out one cluster after the other, which allows for clusters
of different sizes. With Cameron, Gelbach and Miller (Robust Inference with Multiway Clustering,
2011) the variance of the mean is that by query, plus that by target, minus that by both, since
pairs that share both are in each of the first two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ClusterVariance:
    """Variances of the mean of every column.

    Attributes
    ----------
    query, target, both : ndarray, (C,)
        As far as query videos, target videos, and pairs of them decide it.
    degrees : float
        Degrees of freedom, at least 1: clusters that count, less one, of the side that has fewer.
        Clusters of unequal size count as ``(sum of sizes)^2 / sum of squared sizes``.
    """

    query: np.ndarray
    target: np.ndarray
    both: np.ndarray
    degrees: float

    @property
    def total(self) -> np.ndarray:
        """Unbiased for the mean over other query and target videos; never below one side's."""
        sides = np.maximum(self.query, self.target)
        total: np.ndarray = np.maximum(sides, self.query + self.target - self.both)
        return total

    @property
    def cautious(self) -> np.ndarray:
        """Without the subtraction: never too small in expectation, which is what a test needs."""
        both_sides: np.ndarray = self.query + self.target
        return both_sides


def cells(query: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the pairs of videos that occur, (2, cells), and the cell of each row, (P,)."""
    found, cell = np.unique(np.stack([query, target]), axis=1, return_inverse=True)
    return found, cell.ravel()


def cluster_variance(values: np.ndarray, query: np.ndarray, target: np.ndarray) -> ClusterVariance:
    """Estimate the variance of the means of the columns of `values`.

    Parameters
    ----------
    values : ndarray, (P, C)
        Numbers per pair.
    query, target : ndarray of int, (P,)
        Cluster of the query and of the target of each pair, 0, 1, 2, ...
    """
    rest = values - values.mean(axis=0)
    by_query, queries = _jackknife(rest, query)
    by_target, targets = _jackknife(rest, target)
    by_both, _ = _jackknife(rest, cells(query, target)[1])
    return ClusterVariance(by_query, by_target, by_both, max(min(queries, targets) - 1, 1.0))


def _jackknife(rest: np.ndarray, cluster: np.ndarray) -> tuple[np.ndarray, float]:
    """Variance of the mean by one way of clustering, (C,), and how many clusters count."""
    sizes = np.bincount(cluster).astype(np.float64)
    n = len(sizes)
    effective = sizes.sum() ** 2 / (sizes**2).sum()
    if n == 1:  # nothing can be left out: one cluster says nothing of others
        return np.zeros(rest.shape[1]), effective
    sums = np.stack([np.bincount(cluster, column, minlength=n) for column in rest.T], axis=1)
    shifts = sums / (sizes.sum() - sizes)[:, None]
    variance: np.ndarray = (shifts**2).sum(axis=0) * (n - 1) / n
    return variance, effective
