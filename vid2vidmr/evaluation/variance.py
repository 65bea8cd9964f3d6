"""Variance of a mean over pairs that share videos: cluster-robust, for few videos too.

Two pairs vary together if a video is in both, as query or as target: a query video's pairs share
it, and so do a target video's, and where the same videos serve as queries and as targets a video
that is hard to ask for is often hard to find. The variance of the mean sums the products of all
two pairs that share a video: sums by video, squared, less those of pairs that share both videos,
which are counted twice. Where no query video is a target video this is the two-way variance of
Cameron, Gelbach and Miller (Robust inference with multiway clustering, 2011).

The mean follows the pairs of a video, the more so the more there are, and hides a part of their
sum: each square is divided by what is left of the pairs without them (Bell and McCaffrey, Bias
reduction in standard errors for linear regression with multi-stage samples, 2002).

Over several worlds (data sets of one kind) a mean is that of the worlds' means. Worlds share no
video: the variance is the sum of theirs, each counted from its own mean, over their number squared.
It is that of other videos in these worlds; how worlds differ is no part of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


def cluster_sums(values: np.ndarray, clusters: np.ndarray, count: int) -> np.ndarray:
    """Sum of every column of `values`, (P, C), by cluster 0 to `count` - 1: (count, C)."""
    sums = np.empty((count, values.shape[1]))
    for column in range(values.shape[1]):
        sums[:, column] = np.bincount(clusters, values[:, column], minlength=count)
    return sums


def split_worlds(world: np.ndarray | None, *arrays: np.ndarray) -> list[list[np.ndarray]]:
    """Give the rows of every world, of each array (P, ...); without `world`, (P,), all are one."""
    if world is None:
        return [list(arrays)]
    return [[array[world == w] for array in arrays] for w in np.unique(world)]


def world_means(values: np.ndarray, world: np.ndarray | None) -> np.ndarray:
    """Mean of every column of `values`, (P, C), in every world: (worlds, C)."""
    return np.stack([part.mean(axis=0) for (part,) in split_worlds(world, values)])


@dataclass(frozen=True)
class Deviations:
    """How pairs that share videos move the means: linear in the values.

    So the deviations of a difference are the difference of the deviations, and all differences
    between the rows of a table come from one pass over the pairs.

    Attributes
    ----------
    video : ndarray, (V, C)
        All pairs of a video. Their squares add up to a variance.
    dyad : ndarray, (D, C)
        All pairs of the same two videos, whichever is the query.
    double : ndarray of bool, (D,)
        The two are not one: these pairs are among those of either.
    """

    video: np.ndarray
    dyad: np.ndarray
    double: np.ndarray

    @classmethod
    def of(
        cls,
        values: np.ndarray,
        query: np.ndarray,
        target: np.ndarray,
        world: np.ndarray | None = None,
    ) -> Deviations:
        """Deviations of the means of `values`, (P, C), or of the means over worlds.

        Parameters
        ----------
        values : ndarray, (P, C)
        query, target : ndarray of int, (P,)
            Number of each pair's query video and target video: equal numbers, equal videos.
        world : ndarray of int, (P,), optional
            Number of each pair's world; worlds share no video.
        """
        return cls._mean(
            [cls._of_one(*part) for part in split_worlds(world, values, query, target)]
        )

    @classmethod
    def _mean(cls, worlds: Sequence[Deviations]) -> Deviations:
        if all(len(world.dyad) for world in worlds):
            video, dyad = (
                np.concatenate([getattr(world, name) for world in worlds]) / len(worlds)
                for name in ("video", "dyad")
            )
            return cls(video, dyad, np.concatenate([world.double for world in worlds]))
        return next(world for world in worlds if not len(world.dyad))  # nothing is known of one

    @classmethod
    def _of_one(cls, values: np.ndarray, query: np.ndarray, target: np.ndarray) -> Deviations:
        videos, found = np.unique(np.concatenate([query, target]), return_inverse=True)
        query, target = found.reshape(2, len(query))
        first, second = np.minimum(query, target), np.maximum(query, target)
        dyads, dyad = np.unique(first.astype(np.int64) * len(videos) + second, return_inverse=True)
        dyad = dyad.ravel()
        double = dyads // len(videos) != dyads % len(videos)
        pairs = np.bincount(dyad)
        sums = cluster_sums(values - values.mean(axis=0), dyad, len(dyads))

        ends, once = dyads // len(videos), np.flatnonzero(double)
        both = np.concatenate([ends, dyads[once] % len(videos)])
        by_video = cluster_sums(np.concatenate([sums, sums[once]]), both, len(videos))
        pairs_of = np.bincount(both, np.concatenate([pairs, pairs[once]]), minlength=len(videos))
        # A video that all pairs have tells nothing of others.
        some = pairs_of < len(values)
        if len(dyads) == 1:
            return cls(by_video[:0], sums[:0], double[:0])

        def moved(sums: np.ndarray, of: np.ndarray) -> np.ndarray:
            found: np.ndarray = sums / np.sqrt(len(values) * (len(values) - of))[:, None]
            return found

        return cls(moved(by_video[some], pairs_of[some]), moved(sums, pairs), double)

    def differences(self, first: np.ndarray, second: np.ndarray) -> Deviations:
        """Deviations of columns `first` minus columns `second`, both (D,)."""
        return Deviations(
            self.video[:, first] - self.video[:, second],
            self.dyad[:, first] - self.dyad[:, second],
            self.double,
        )

    def errors(self) -> tuple[np.ndarray, np.ndarray]:
        """Give the standard error of every mean, with its degrees of freedom.

        Returns
        -------
        error, degrees : ndarray, (C,)
            Infinite where all pairs are of the same two videos. The error is never below that of
            independent dyads. The degrees of freedom are those of a sum of squares with the
            kurtosis that the deviations have, at most one less than there are videos, and fewer by
            what was counted twice; where the error is that of independent dyads, theirs.
        """
        if not len(self.dyad):
            columns = self.dyad.shape[1]
            return np.full(columns, np.inf), np.ones(columns)
        alone = _squares(self.dyad)
        shared = _squares(self.video)
        variance = shared - alone + _squares(self.dyad[~self.double])
        ratio = np.divide(variance, shared, out=np.zeros_like(shared), where=shared > 0)
        degrees = np.maximum(_degrees(self.video) * ratio**2, 1.0)
        independent = variance <= alone * (1 + 1e-9)  # equal where no pairs share a video
        degrees[independent] = _degrees(self.dyad[:, independent])
        return np.sqrt(np.maximum(variance, alone)), degrees


def _squares(deviations: np.ndarray) -> np.ndarray:
    """Sum of squares of every column."""
    total: np.ndarray = np.einsum("ij,ij->j", deviations, deviations)
    return total


def _degrees(deviations: np.ndarray) -> np.ndarray:
    """Degrees of freedom of the sum of squares of every column.

    Independent normal numbers with variances v have (sum v)^2 / sum v^2 of them, and 3 v^2 is the
    mean of a fourth power.
    """
    fourth = _squares(deviations**2)
    found = np.full(fourth.shape, np.inf)
    np.divide(3 * _squares(deviations) ** 2, fourth, out=found, where=fourth > 0)
    limited: np.ndarray = np.clip(found, 1.0, max(len(deviations) - 1, 1))
    return limited
