"""Two runs on the same pairs, and runs of several seeds and in several worlds."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from vid2vidmr.errors import DataError
from vid2vidmr.evaluation.bootstrap import intervals
from vid2vidmr.evaluation.evaluate import Evaluation
from vid2vidmr.evaluation.variance import world_means
from vid2vidmr.records import Interval, Record


class SeedSummary(Record):
    """A metric over seeds and worlds: kinds of error, kept apart.

    Attributes
    ----------
    mean : Interval
        Mean over the seeds. Its interval is the sampling error: what other videos would change.
    seed_sd : float or None
        Standard deviation between seeds (in a world; the root of the mean variance over worlds):
        what another seed would change. None for one seed, and for a metric that is no mean of a
        number per pair.
    world_sd : float or None
        Standard deviation between the worlds' means over seeds: what another world would change.
        None for one world.
    """

    mean: Interval
    seed_sd: float | None
    seeds: int
    world_sd: float | None = None

    @property
    def spread(self) -> str:
        """Standard deviations as text: ``1.2`` between seeds, ``1.2 / 3.4`` and between worlds."""
        between = None if self.seed_sd is None else f"{self.seed_sd:.1f}"
        if self.world_sd is None:
            return between or ""
        return f"{between or '-'} / {self.world_sd:.1f}"


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
    return intervals(list(names), values, *clusters, resamples, world=over.worlds, signed=signed)


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

    Raises
    ------
    DataError
        If they were not scored on the same pairs, or on open ones.
    """
    if "mIoU" not in right.per_pair:
        raise DataError("These pairs are open, and have no wrong queries: expected closed ones.")
    return paired_difference(right, wrong, resamples=resamples)["mIoU"]


def pool_worlds(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Put the same run in several worlds together as one; a single one is given back as it is.

    Its metrics are means over the worlds, without intervals; so is its coverage.

    Parameters
    ----------
    evaluations : sequence of Evaluation
        One a world, in the order of the worlds; no two share a video.
    """
    if len(evaluations) == 1:
        return evaluations[0]
    worlds = range(len(evaluations))
    per_pair = pd.concat([each.per_pair for each in evaluations], keys=worlds)
    sizes = [1 + max(e.query_clusters.max(), e.target_clusters.max()) for e in evaluations]
    before = np.cumsum([0, *sizes[:-1]])
    query, target = (
        np.concatenate([getattr(e, name) + n for e, n in zip(evaluations, before, strict=True)])
        for name in ("query_clusters", "target_clusters")
    )
    return Evaluation(
        metrics=_mean_metrics(evaluations),
        coverage=float(np.mean([each.coverage for each in evaluations])),
        invalid={k: sum(e.invalid[k] for e in evaluations) for k in evaluations[0].invalid},
        per_pair=per_pair,
        iou=np.concatenate([each.iou for each in evaluations]),
        windows=np.concatenate([each.windows for each in evaluations]),
        exists=np.concatenate([each.exists for each in evaluations]),
        worlds=np.repeat(worlds, [len(each.per_pair) for each in evaluations]),
        query_clusters=query,
        target_clusters=target,
    )


def mean_evaluation(evaluations: Sequence[Evaluation]) -> Evaluation:
    """Average over seeds, pair by pair, as one evaluation that keeps how the seeds differ.

    Its metrics have no intervals (see `combine_seeds`), and it has no windows: they are NaN.
    """
    first = evaluations[0]
    per_pair = first.per_pair.copy()
    values = np.stack(same_pairs(evaluations))
    per_pair[:] = values.mean(axis=0)
    if len(values) == 1:
        return replace(first, per_pair=per_pair)
    means = np.stack([world_means(each, first.worlds) for each in values])  # (seeds, worlds, C)

    def mean(name: str) -> np.ndarray:
        each = [pd.Series(getattr(e, name), e.per_pair.index) for e in evaluations]
        found: np.ndarray = np.mean([e.reindex(per_pair.index) for e in each], axis=0)
        return found

    return replace(
        first,
        metrics=_mean_metrics(evaluations),
        coverage=float(np.mean([each.coverage for each in evaluations])),
        invalid={k: sum(e.invalid[k] for e in evaluations) for k in first.invalid},
        per_pair=per_pair,
        iou=mean("iou"),
        windows=np.full_like(first.windows, np.nan),
        exists=mean("exists"),
        seed_means={name: means[:, :, k] for k, name in enumerate(per_pair.columns)},
    )


def _mean_metrics(evaluations: Sequence[Evaluation]) -> dict[str, Interval]:
    return {
        name: Interval(value=float(np.mean([each.metrics[name].value for each in evaluations])))
        for name in evaluations[0].metrics
    }


def combine_seeds(
    evaluations: Sequence[Evaluation], *, resamples: int = 1000
) -> dict[str, SeedSummary]:
    """Mean and spread of every metric over the seeds of one method, and over worlds.

    What is no mean over pairs (``ECE``) has no interval, and nothing is said of it between worlds.

    Raises
    ------
    DataError
        If there are none, or they were not scored on the same pairs.
    """
    if not evaluations:
        raise DataError("There are no runs to combine: expected at least one seed.")
    over = mean_evaluation(evaluations)
    values = over.per_pair.to_numpy()
    found = pair_intervals(over, over.per_pair.columns, values, resamples)
    of_worlds = world_means(values, over.worlds)
    between = of_worlds.std(axis=0, ddof=1) if len(of_worlds) > 1 else None
    of_pairs = {
        name: SeedSummary(
            mean=interval,
            seed_sd=None
            if over.seed_means is None
            else float(over.seed_means[name].var(axis=0, ddof=1).mean() ** 0.5),
            seeds=len(evaluations),
            world_sd=None if between is None else float(between[k]),
        )
        for k, (name, interval) in enumerate(found.items())
    }
    others = {
        name: SeedSummary(mean=Interval(value=interval.value), seed_sd=None, seeds=len(evaluations))
        for name, interval in over.metrics.items()
        if name not in of_pairs
    }
    return of_pairs | others
