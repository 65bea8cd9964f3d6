"""Sampling error of a mean over pairs that share videos: the two-way cluster bootstrap.

Pairs are not independent: several share a query video, several a target video. A resample draws
as many query videos as there are, with replacement, and as many target videos; a pair counts as
often as its query video was drawn times as often as its target video was (Owen, The pigeonhole
bootstrap, 2007). Such resamples have the right shape and too much variance, up to three times where
no two pairs share a video. Their deviations are therefore scaled to the variance of
`vid2vidmr.evaluation.clusters`, with the quantile of Student's t for few videos:
benchmarks/coverage.py shows what this gives.
"""

from __future__ import annotations

import numpy as np

from vid2vidmr.evaluation.clusters import cells, cluster_variance
from vid2vidmr.records import Interval

LEVEL = (2.5, 97.5)
"""Percentiles of a 95 % interval."""
_CHUNK_WEIGHTS = 4_000_000  # weights in memory at once, 32 MB


def _draws(rng: np.random.Generator, clusters: int, resamples: int) -> np.ndarray:
    """How often each cluster is drawn in each resample, (resamples, clusters)."""
    drawn = rng.integers(clusters, size=(resamples, clusters))
    drawn += clusters * np.arange(resamples)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=resamples * clusters)
    return counts.reshape(resamples, clusters).astype(np.float64)


def resampled_means(
    values: np.ndarray, query: np.ndarray, target: np.ndarray, resamples: int, seed: int
) -> np.ndarray:
    """Means over resampled pairs.

    Parameters
    ----------
    values : ndarray, (P, C)
        Numbers per pair, one column a metric.
    query, target : ndarray of int, (P,)
        Cluster of the query and of the target of each pair, 0, 1, 2, ...
    resamples, seed : int

    Returns
    -------
    ndarray, (resamples, C)
        NaN for a resample in which no pair was drawn. The same seed and the same clusters give
        the same resamples, so that two methods on the same pairs can be compared by difference.
    """
    rng = np.random.default_rng(seed)
    query_draws = _draws(rng, int(query.max()) + 1, resamples)
    target_draws = _draws(rng, int(target.max()) + 1, resamples)
    # Pairs of the same two videos always count equally often: one cell of the sums for them.
    videos, cell = cells(query, target)
    n = videos.shape[1]
    sums = np.stack(
        [np.bincount(cell, column, minlength=n) for column in (np.ones(len(cell)), *values.T)],
        axis=1,
    )
    totals = np.empty((resamples, sums.shape[1]))
    step = max(1, _CHUNK_WEIGHTS // n)
    for first in range(0, resamples, step):
        chunk = slice(first, first + step)
        weights = query_draws[chunk][:, videos[0]]
        weights *= target_draws[chunk][:, videos[1]]
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
    seed: int,
    bounds: tuple[float, float] = (0.0, 100.0),
) -> dict[str, Interval]:
    """Mean of every column of `values`, (P, C), with its 95 % interval.

    The arguments are those of `resampled_means`, and the bounds that no mean can leave. There are
    no intervals with 0 resamples.
    """
    means = values.mean(axis=0)
    if resamples == 0:
        return {name: Interval(value=float(mean)) for name, mean in zip(names, means, strict=True)}
    low, high = _limits(values, query, target, resamples, seed).clip(*bounds)
    return {
        name: Interval(value=float(means[k]), low=float(low[k]), high=float(high[k]))
        for k, name in enumerate(names)
    }


def _limits(
    values: np.ndarray, query: np.ndarray, target: np.ndarray, resamples: int, seed: int
) -> np.ndarray:
    """Lower and upper limits of the means, (2, C)."""
    from scipy.stats import norm, t

    samples = resampled_means(values, query, target, resamples, seed)
    samples = samples[~np.isnan(samples[:, 0])]
    variance = cluster_variance(values, query, target)
    spread = samples.std(axis=0, ddof=1)
    level = LEVEL[1] / 100
    few = t.ppf(level, variance.degrees) / norm.ppf(level)
    scale = np.divide(
        few * np.sqrt(variance.total), spread, out=np.ones_like(spread), where=spread > 0
    )
    means = values.mean(axis=0)
    limits: np.ndarray = means + scale * (np.percentile(samples, LEVEL, axis=0) - means)
    return limits
