"""Sampling error of a mean over pairs that share videos: the two-way cluster bootstrap.

Pairs are not independent: several share a query video, several a target video, and a video that is
the query of one may be the target of another. A resample draws as many videos as there are, with
replacement; a pair counts as often as its query video was drawn times as often as its target video
was (Owen, The pigeonhole bootstrap, 2007; Davezies, D'Haultfoeuille and Guyonvarch, Empirical
process results for exchangeable arrays, 2021, where videos are both).

The resamples have the shape of the error, but not its size: where few pairs share a video their
variance comes out up to three times too large, where there are few videos it is too small. So
they are scaled to the variance and the degrees of freedom of `vid2vidmr.evaluation.variance`. How
often the intervals cover is measured by ``benchmarks/intervals.py``.

Over several worlds each is resampled for itself (a bootstrap stratified by world).
"""

from __future__ import annotations

import numpy as np
from scipy.special import expit, logit, ndtri, stdtrit

from vid2vidmr.evaluation.variance import Deviations, cluster_sums, split_worlds, world_means
from vid2vidmr.records import Interval

PERCENTILES = (2.5, 97.5)
"""Percentiles of a 95 % interval."""
_CHUNK_WEIGHTS = 4_000_000  # weights in memory at once, 32 MB


def _draws(rng: np.random.Generator, clusters: int, resamples: int) -> np.ndarray:
    """How often each cluster is drawn in each resample, (resamples, clusters)."""
    drawn = rng.integers(clusters, size=(resamples, clusters))
    drawn += clusters * np.arange(resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=resamples * clusters)
    return counts.reshape(resamples, clusters).astype(np.float64)


def resampled_means(
    values: np.ndarray,
    query: np.ndarray,
    target: np.ndarray,
    resamples: int,
    seed: int | tuple[int, ...],
) -> np.ndarray:
    """Means over resampled pairs.

    Parameters
    ----------
    values : ndarray, (P, C)
        Numbers per pair, one column a metric.
    query, target : ndarray of int, (P,)
        Number of each pair's query video and target video: equal numbers, equal videos.

    Returns
    -------
    ndarray, (resamples, C)
        NaN for a resample in which no pair was drawn. The same seed and the same videos give
        the same resamples, so that two methods on the same pairs can be compared by difference.
    """
    videos, found = np.unique(np.concatenate([query, target]), return_inverse=True)
    query, target = found.reshape(2, len(query))
    draws = _draws(np.random.default_rng(seed), len(videos), resamples)
    # Pairs of the same two videos always count equally often: one cell of the sums for them.
    cells, cell = np.unique(query.astype(np.int64) * len(videos) + target, return_inverse=True)
    sums = cluster_sums(np.column_stack([np.ones(len(query)), values]), cell.ravel(), len(cells))
    queries, targets = np.divmod(cells, len(videos))
    n, one = len(cells), np.flatnonzero(queries == targets)
    totals = np.empty((resamples, sums.shape[1]))
    step = max(1, _CHUNK_WEIGHTS // n)
    for first in range(0, resamples, step):
        chunk = slice(first, first + step)
        weights = draws[chunk][:, queries]
        once = weights[:, one]
        weights *= draws[chunk][:, targets]
        weights[:, one] = once
        totals[chunk] = weights @ sums
    with np.errstate(invalid="ignore"):
        means: np.ndarray = totals[:, 1:] / totals[:, :1]
    return means


def intervals(
    names: list[str],
    values: np.ndarray,
    query: np.ndarray,
    target: np.ndarray,
    resamples: int,
    seed: int = 0,
    *,
    world: np.ndarray | None = None,
    signed: bool = False,
) -> dict[str, Interval]:
    """Mean of every column of `values`, (P, C), in percent, with its 95 % interval.

    The arguments are those of `resampled_means`, `world` that of `Deviations.of`. There are no
    intervals with 0 resamples. Means of numbers from 0 to 100 vary on the logit scale, so that
    intervals are longer towards the middle and stay inside; a mean of 0 or 100 has an interval of
    length 0, for nothing varies. Where all pairs are of the same two videos nothing is known of
    others: the interval is the whole range.

    Parameters
    ----------
    signed : bool
        The numbers are differences, from -100 to 100, and not shares. So are those of a column that
        has negative ones.
    """
    means = world_means(values, world).mean(axis=0)
    if resamples == 0:
        return {name: Interval(value=float(mean)) for name, mean in zip(names, means, strict=True)}
    error, degrees = Deviations.of(values, query, target, world).errors()
    by_world = [
        resampled_means(v, q, t, resamples, (seed, k) if k else seed)
        for k, (v, q, t) in enumerate(split_worlds(world, values, query, target))
    ]
    samples = np.mean(by_world, axis=0)
    samples = samples[~np.isnan(samples[:, 0])]
    shape = np.percentile(samples, PERCENTILES, axis=0) - means
    with np.errstate(divide="ignore", invalid="ignore"):
        size = error * stdtrit(degrees, PERCENTILES[1] / 100) / ndtri(PERCENTILES[1] / 100)
        shape *= np.where(size > 0, size / samples.std(axis=0), 0.0)
        share = means / 100
        bounds = 100 * expit(logit(share) + shape / (100 * share * (1 - share)))
    signed_columns = signed | (values.min(axis=0) < 0)
    fixed = (means <= 0) | (means >= 100)
    bounds = np.where(fixed, means, bounds)
    bounds = np.where(signed_columns, np.clip(means + shape, -100, 100), bounds)
    unknown = np.array([np.where(signed_columns, -100.0, 0.0), np.full(len(means), 100.0)])
    low, high = np.where(np.isinf(error), unknown, bounds)
    return {
        name: Interval(value=float(means[k]), low=float(low[k]), high=float(high[k]))
        for k, name in enumerate(names)
    }
