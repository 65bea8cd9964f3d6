"""Which differences between methods are real: paired tests, Holm's correction, bands of ranks.

The test of two methods takes the mean of their difference pair by pair over its standard error, by
Student's t. The error is `ClusterVariance.cautious`: benchmarks/coverage.py shows that under the
null at most 5 % of such tests reject, also where few videos make most of the pairs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np

from vid2vidmr.evaluation.clusters import cluster_variance
from vid2vidmr.evaluation.compare import same_pairs
from vid2vidmr.evaluation.evaluate import Evaluation

ALPHA = 0.05
POWER = 0.8


def paired_test(first: Evaluation, second: Evaluation, metric: str = "mIoU") -> float:
    """Test whether two methods differ on other videos than these.

    Parameters
    ----------
    first, second : Evaluation
        On the same pairs; of methods with several seeds their `mean_evaluation`.
    metric : str

    Returns
    -------
    float
        Two-sided p value.

    Raises
    ------
    DataError
        If they were not scored on the same pairs.
    """
    return float(_tests([first, second], metric)[1][0])


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p values of several tests, so that 5 % is the chance of any false rejection.

    Source: Holm, A Simple Sequentially Rejective Multiple Test Procedure, 1979.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(steps, 1.0)
    return [float(value) for value in corrected]


def rank_bands(
    evaluations: Mapping[str, Evaluation], metric: str = "mIoU"
) -> dict[str, tuple[int, int]]:
    """Ranks that a method may have, by all paired tests of a table with Holm's correction.

    Parameters
    ----------
    evaluations : mapping of str to Evaluation
        Row to its score; all on the same pairs.
    metric : str

    Returns
    -------
    dict of str to (int, int)
        Best and worst rank: one more than the number of rows that are significantly better, and
        the number of rows less those that are significantly worse.
    """
    names = list(evaluations)
    means, p, _ = _tests(list(evaluations.values()), metric)
    better = dict.fromkeys(range(len(names)), 0)
    worse = dict.fromkeys(range(len(names)), 0)
    for (i, j), corrected in zip(combinations(range(len(names)), 2), holm(p.tolist()), strict=True):
        if corrected <= ALPHA and means[i] != means[j]:
            best, other = (i, j) if means[i] > means[j] else (j, i)
            better[other] += 1
            worse[best] += 1
    return {name: (1 + better[i], len(names) - worse[i]) for i, name in enumerate(names)}


def detectable_difference(evaluations: Sequence[Evaluation], metric: str = "mIoU") -> float:
    """Smallest difference that a test of two of these methods would mostly see, points.

    At 5 % and with a power of 80 %, for the median standard error over all pairs of methods,
    without correction; NaN for less than two.
    """
    from scipy.stats import t

    _, _, (errors, degrees) = _tests(evaluations, metric)
    if not len(errors):
        return float("nan")
    quantiles = t.ppf(1 - ALPHA / 2, degrees) + t.ppf(POWER, degrees)
    return float(quantiles * np.median(errors))


def _tests(
    evaluations: Sequence[Evaluation], metric: str
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, float]]:
    """Means of the rows; p values of all pairs of rows; their standard errors and the degrees."""
    from scipy.stats import t

    first = evaluations[0]
    column = list(first.per_pair.columns).index(metric)
    values = np.stack([found[:, column] for found in same_pairs(evaluations)], axis=1)
    means = values.mean(axis=0)
    pairs = list(combinations(range(values.shape[1]), 2))
    if not pairs:
        return means, np.empty(0), (np.empty(0), 1.0)
    differences = np.stack([values[:, i] - values[:, j] for i, j in pairs], axis=1)
    variance = cluster_variance(differences, first.query_clusters, first.target_clusters)
    errors = np.sqrt(variance.cautious)
    # Without any spread a difference is either nothing or certain.
    found = np.abs(differences.mean(axis=0))
    certain = np.where(found == 0, 0.0, np.inf)
    p: np.ndarray = 2 * t.sf(
        np.divide(found, errors, out=certain, where=errors > 0), variance.degrees
    )
    return means, p, (errors, variance.degrees)
