"""Two runs on the same pairs, and runs of several seeds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from vid2vidmr.errors import DataError
from vid2vidmr.evaluation.bootstrap import intervals
from vid2vidmr.evaluation.evaluate import Evaluation
from vid2vidmr.records import Interval, Record


class SeedSummary(Record):
    """A metric over seeds: two kinds of error, kept apart.

    Attributes
    ----------
    mean : Interval
        Mean over the seeds. Its interval is the sampling error: what other videos would change.
    seed_sd : float or None
        Standard deviation between seeds: what another seed would change. None for one seed.
    """

    mean: Interval
    seed_sd: float | None
    seeds: int


def same_pairs(
    evaluations: Sequence[Evaluation], metrics: Sequence[str] | None = None
) -> list[np.ndarray]:
    """Values per pair of every evaluation, (P, C), pairs and metrics in the order of the first.

    Parameters
    ----------
    evaluations : sequence of Evaluation
        At least one.
    metrics : sequence of str, optional
        All, if not given.

    Raises
    ------
    DataError
        If they were not scored on the same pairs.
    """
    first = evaluations[0].per_pair
    names = list(first.columns if metrics is None else metrics)
    values = []
    for each in evaluations:
        rows = each.per_pair[names]
        if not rows.index.equals(first.index):  # looking up ids is slow
            if len(rows) != len(first) or not rows.index.isin(first.index).all():
                raise DataError(
                    f"These runs were scored on different pairs ({len(first)} and "
                    f"{len(rows)}): expected the same data set, split and limit."
                )
            rows = rows.loc[first.index]
        values.append(rows.to_numpy())
    return values


def pair_intervals(
    over: Evaluation,
    names: Iterable[Any],
    values: np.ndarray,
    resamples: int,
    *,
    signed: bool = False,
) -> dict[str, Interval]:
    """Means of numbers a pair, (P, C), with intervals, see `intervals`; `over` has the videos."""
    clusters = over.query_clusters, over.target_clusters
    return intervals(list(names), values, *clusters, resamples, signed=signed)


def paired_difference(
    first: Evaluation, second: Evaluation, *, resamples: int = 1000
) -> dict[str, Interval]:
    """Every metric of `first` minus that of `second`, in percentage points.

    The interval is of the difference: both are resampled together, pair by pair, over the query
    and target videos of `first`.

    Raises
    ------
    DataError
        If they were not scored on the same pairs.
    """
    a, b = same_pairs([first, second])
    return pair_intervals(first, first.per_pair.columns, a - b, resamples, signed=True)


def query_sensitivity(right: Evaluation, wrong: Evaluation, *, resamples: int = 1000) -> Interval:
    """Drop in mIoU when every query is replaced by one of another class, percentage points.

    A method that uses its query loses most of its score, a position prior loses nothing.

    Parameters
    ----------
    right, wrong : Evaluation
        The same method on `pairs` and on ``pairs.under(WRONG_QUERIES)``.
    """
    return paired_difference(right, wrong, resamples=resamples)["mIoU"]


def mean_evaluation(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Average over seeds, pair by pair, as one evaluation."""
    first = evaluations[0]
    per_pair = first.per_pair.copy()
    per_pair[:] = np.mean(same_pairs(evaluations), axis=0)
    return replace(first, per_pair=per_pair)


def combine_seeds(
    evaluations: Sequence[Evaluation], *, resamples: int = 1000
) -> dict[str, SeedSummary]:
    """Mean and spread of every metric over the seeds of one method.

    Raises
    ------
    DataError
        If there are none, or they were not scored on the same pairs.
    """
    if not evaluations:
        raise DataError("There are no runs to combine: expected at least one seed.")
    values = np.stack(same_pairs(evaluations))  # (seeds, pairs, metrics)
    first = evaluations[0]
    means = pair_intervals(first, first.per_pair.columns, values.mean(axis=0), resamples)
    spread = values.mean(axis=1).std(axis=0, ddof=1) if len(values) > 1 else None
    return {
        name: SeedSummary(
            mean=interval,
            seed_sd=None if spread is None else float(spread[k]),
            seeds=len(values),
        )
        for k, (name, interval) in enumerate(means.items())
    }
