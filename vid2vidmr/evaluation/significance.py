"""Which differences between methods are more than chance: tests, Holm, rank bands, power."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import stdtr, stdtrit

from vid2vidmr.errors import DataError
from vid2vidmr.evaluation.evaluate import Evaluation
from vid2vidmr.evaluation.paired import same_pairs
from vid2vidmr.evaluation.variance import Deviations, world_means

LEVEL = 0.05
_ROUNDING = 1e-9
"""Percentage points below which a difference is rounding."""
_BLOCK = 4_000_000  # deviations in memory at once, 32 MB


class PairedTest(NamedTuple):
    """Two methods on the same pairs.

    Attributes
    ----------
    difference : float
        First minus second, percentage points.
    error : float
        Its standard error over query and target videos, and over seeds where there were several.
    degrees : float
        Degrees of freedom of the error.
    p : float
        Two-sided.
    """

    difference: float
    error: float
    degrees: float
    p: float


class _Differences(NamedTuple):
    """Differences between rows and their p-values, (D,) each."""

    difference: np.ndarray
    error: np.ndarray
    degrees: np.ndarray
    p: np.ndarray


def two_sided(difference: np.ndarray, error: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """Two-sided p-values of differences with their standard errors, (D,) each."""
    size = np.abs(difference)
    with np.errstate(divide="ignore", invalid="ignore"):
        p: np.ndarray = 2 * stdtr(degrees, -size / error)
    p[size < _ROUNDING] = 1.0
    return p


def _differences(
    evaluations: Sequence[Evaluation], metric: str, first: np.ndarray, second: np.ndarray
) -> _Differences:
    """Rows `first` minus rows `second`, (D,) each, indices into the evaluations."""
    values = np.stack([v[:, 0] for v in same_pairs(evaluations, [metric])], axis=1)
    over = evaluations[0]
    means = world_means(values, over.worlds).mean(axis=0)
    deviations = Deviations.of(values, over.query_clusters, over.target_clusters, over.worlds)
    error, degrees = np.empty(len(first)), np.empty(len(first))
    # Two hundred rows have 20,000 differences: all at once would take 10 GB for 10,000 pairs.
    step = max(1, _BLOCK // (1 + len(deviations.dyad) + len(deviations.video)))
    for start in range(0, len(first), step):
        block = slice(start, start + step)
        error[block], degrees[block] = deviations.differences(first[block], second[block]).errors()
    error, degrees = _with_seeds(
        error, degrees, *_seed_variance(evaluations, metric, first, second)
    )
    difference = means[first] - means[second]
    p = two_sided(difference, error, degrees)
    return _Differences(difference, error, degrees, p)


def _seed_variance(
    evaluations: Sequence[Evaluation], metric: str, first: np.ndarray, second: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Variance of every difference between seeds, and its square over its degrees of freedom.

    0 for rows of one seed, of which nothing is known.
    """
    variance, square = np.zeros((2, len(evaluations)))
    for row, each in enumerate(evaluations):
        if each.seed_means is not None:
            seeds, worlds = (means := each.seed_means[metric]).shape
            parts = means.var(axis=0, ddof=1) / (seeds * worlds**2)
            variance[row], square[row] = parts.sum(), (parts**2).sum() / (seeds - 1)
    return variance[first] + variance[second], square[first] + square[second]


def _with_seeds(
    error: np.ndarray, degrees: np.ndarray, variance: np.ndarray, square: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Add the variance between seeds; degrees of freedom as Welch and Satterthwaite."""
    some = (variance > 0) & np.isfinite(error)
    both = error[some] ** 2 + variance[some]
    error, degrees = error.copy(), degrees.copy()
    degrees[some] = both**2 / (error[some] ** 4 / degrees[some] + square[some])
    error[some] = np.sqrt(both)
    return error, degrees


def paired_test(first: Evaluation, second: Evaluation, *, metric: str = "mIoU") -> PairedTest:
    """Whether two methods differ by more than other videos and other seeds would change.

    A t test on the difference pair by pair, with the cluster error over query and target videos
    (`vid2vidmr.evaluation.variance`). Average the seeds of a method first (`mean_evaluation`): how
    they differ is added to the error.

    Raises
    ------
    DataError
        If they were not scored on the same pairs.
    """
    found = _differences([first, second], metric, np.array([0]), np.array([1]))
    return PairedTest(*(float(x[0]) for x in found))


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Adjust p-values for how many there are (Holm 1979).

    Parameters
    ----------
    p : sequence of float, (D,)

    Returns
    -------
    ndarray, (D,)
        In the order given. Calling those of at most 0.05 significant errs, with a probability of at
        most 0.05, even once.
    """
    p = np.asarray(p, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    factors = np.arange(len(p), 0, -1)
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * p[order]), 1.0)
    return adjusted


def rows_above(
    evaluations: Mapping[str, Evaluation],
    reference: str,
    names: Iterable[str],
    metric: str = "mIoU",
    *,
    level: float = LEVEL,
) -> set[str]:
    """Those of `names` that are significantly better than one row.

    Only these tests are asked, and Holm's correction is over them: a table with more rows answers
    this question as well as a short one.

    Parameters
    ----------
    evaluations : mapping of str to Evaluation
        Rows of a table, scored on the same pairs; seeds averaged (`mean_evaluation`).
    reference : str
        Which row.

    Raises
    ------
    DataError
        If they were not scored on the same pairs.
    """
    asked = list(names)
    if not asked:
        return set()
    rows = [evaluations[name] for name in [*asked, reference]]
    last = len(asked)
    found = _differences(rows, metric, np.arange(last), np.full(last, last))
    better = (holm(found.p) <= level) & (found.difference > 0)
    return {asked[row] for row in np.flatnonzero(better)}


def rank_bands(
    evaluations: Mapping[str, Evaluation], metric: str = "mIoU", *, level: float = LEVEL
) -> dict[str, tuple[int, int]]:
    """Best and worst rank of every row that paired tests do not exclude.

    Every row is tested against every other, with Holm's correction over all of these tests.

    Parameters
    ----------
    evaluations : mapping of str to Evaluation
        Rows of a table, scored on the same pairs; seeds averaged (`mean_evaluation`).

    Returns
    -------
    dict of str to (int, int)
        1-based. Best: one more than there are rows significantly better; worst: the number of
        rows less those significantly worse.

    Raises
    ------
    DataError
        If they were not scored on the same pairs.
    """
    count = len(evaluations)
    if not count:
        return {}
    first, second = np.triu_indices(count, k=1)
    found = _differences(list(evaluations.values()), metric, first, second)
    ahead = np.zeros((count, count), dtype=bool)  # [i, j]: i is significantly better than j
    apart = holm(found.p) <= level
    ahead[first, second] = apart & (found.difference > 0)
    ahead[second, first] = apart & (found.difference < 0)
    best, worst = 1 + ahead.sum(axis=0), count - ahead.sum(axis=1)
    return {name: (int(best[i]), int(worst[i])) for i, name in enumerate(evaluations)}


def detectable_difference(
    evaluations: Mapping[str, Evaluation],
    metric: str = "mIoU",
    *,
    power: float = 0.8,
    level: float = LEVEL,
) -> float:
    """Smallest true difference between two rows that a test on this split is likely to see.

    Parameters
    ----------
    evaluations : mapping of str to Evaluation
        At least two rows, scored on the same pairs.
    power : float
        How likely.
    level : float
        Of one test; a table of many rows sees less, for Holm's correction.

    Returns
    -------
    float
        Percentage points; the median over all two rows that differ anywhere.

    Raises
    ------
    DataError
        If there are fewer than two rows, or they were not scored on the same pairs.
    """
    if len(evaluations) < 2:
        raise DataError("Power is of a difference: expected at least two methods.")
    first, second = np.triu_indices(len(evaluations), k=1)
    found = _differences(list(evaluations.values()), metric, first, second)
    reach = stdtrit(found.degrees, 1 - level / 2) + stdtrit(found.degrees, power)
    seen = (reach * found.error)[found.error > 0]
    return float(np.median(seen)) if len(seen) else 0.0
