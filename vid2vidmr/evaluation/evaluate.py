"""`evaluate`: the score of predictions on a set of pairs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from vid2vidmr.data.pairs import PairSet
from vid2vidmr.errors import DataError, UserError
from vid2vidmr.evaluation.archive_retrieval import archive_metrics
from vid2vidmr.evaluation.bootstrap import intervals
from vid2vidmr.evaluation.metrics import per_pair_metrics
from vid2vidmr.evaluation.open_retrieval import calibration, open_metrics
from vid2vidmr.evaluation.ranking import rank_windows
from vid2vidmr.records import Interval, Prediction
from vid2vidmr.text import counted
from vid2vidmr.windows import temporal_iou


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How well predictions do, pair by pair and over all.

    Attributes
    ----------
    metrics : dict of str to Interval
        Percent, with 95 % intervals: ``mIoU``, ``R1@0.3``, ``R1@0.5``, ``R1@0.7``, ``R5@0.3``,
        ``R5@0.5``, ``R5@0.7``, ``R1@avg``, ``mAP@0.5``, ``mAP@0.75``, ``mAP``; under ``open`` those
        of `vid2vidmr.evaluation.open_retrieval.open_metrics`, and ``ECE``, the expected calibration
        error of `exists`, without an interval; under ``archive`` those of
        `vid2vidmr.evaluation.archive_retrieval.archive_metrics`.
    coverage : float
        Share of the pairs with at least one valid window, in [0, 1].
    invalid : dict of str to int
        Faults by reason, see `vid2vidmr.evaluation.ranking.Ranked`; all of them scored 0.
    per_pair : DataFrame
        Metrics of every pair in percent, index ``pair_id``; `metrics` are the means.
    iou : ndarray, (P,)
        Overlap of the first window of every pair, in [0, 1].
    windows : ndarray, (P, 10, 2), under ``archive`` (P, 100, 2)
        The windows that were scored: ranked, clamped, seconds; NaN where none or invalid.
    exists : ndarray, (P,)
        How sure it is that each target holds the moment, see `Ranked`.
    query_clusters, target_clusters : ndarray of int, (P,)
        Query video and target video of every pair, as numbers, for resampling; a video has one
        number, be it query or target.
    worlds : ndarray of int, (P,), or None
        Data set of every pair, as a number, where there are several (`pool_worlds`).
    seed_means : dict of str to ndarray, (seeds, worlds), or None
        Of a mean over seeds (`mean_evaluation`): every metric of every seed in every world.
    """

    metrics: dict[str, Interval]
    coverage: float
    invalid: dict[str, int]
    per_pair: pd.DataFrame
    iou: np.ndarray
    windows: np.ndarray
    exists: np.ndarray
    query_clusters: np.ndarray
    target_clusters: np.ndarray
    worlds: np.ndarray | None = None
    seed_means: dict[str, np.ndarray] | None = None

    def __repr__(self) -> str:
        names = [name for name in ("mIoU", "R1@0.5", "G-mIoU@1", "AUROC") if name in self.metrics]
        shown = ", ".join(f"{name} {self.metrics[name].value:.2f}" for name in names)
        return (
            f"Evaluation({counted(len(self.iou), 'pair')}, {shown}, coverage {self.coverage:.1%})"
        )

    def to_frame(self) -> pd.DataFrame:
        """Give one row a pair: its first window (``start_s, end_s``) and its metrics in percent."""
        first = pd.DataFrame(self.windows[:, 0], self.per_pair.index, ["start_s", "end_s"])
        return first.join(self.per_pair)


def evaluate(
    predictions: Iterable[Prediction],
    pairs: PairSet,
    *,
    resamples: int = 1000,
    seed: int = 0,
    strict: bool = False,
    threshold: float = 0.5,
) -> Evaluation:
    """Score predictions.

    Windows are ranked by score (equal scores as given) and clamped to the target. A pair without
    prediction, and a window that is not finite, reversed or outside the target, scores 0 and is
    counted; nothing is dropped.

    Parameters
    ----------
    predictions : iterable of Prediction
        In any order.
    resamples : int
        Resamples of the bootstrap over query videos and target videos; 0 for no intervals.
    seed : int
        Seed of the bootstrap.
    strict : bool
        ``IoU > threshold`` in R@k, as in Feng et al. 2018, instead of ``>=``.
    threshold : float
        Under the protocol ``open``: a target whose ``exists`` is not above counts as rejected.

    Raises
    ------
    DataError
        If there are no pairs, or a prediction is of an unknown pair or of one that has another.
    UserError
        If something else is given, such as the two in the other order.

    Examples
    --------
    >>> import vid2vidmr as v
    >>> pairs = v.load_dataset("minimatch").pairs("test")
    >>> v.evaluate(v.load_method("whole-video").predict(pairs), pairs)
    Evaluation(500 pairs, mIoU 13.14, R1@0.5 0.00, coverage 100.0%)
    """
    if not isinstance(pairs, PairSet):
        raise UserError(
            "evaluate takes predictions first and pairs second, as in evaluate(predictions, "
            f"pairs); the second is a {type(pairs).__name__}, expected a PairSet."
        )
    predictions = list(predictions)
    if other := [each for each in predictions if not isinstance(each, Prediction)]:
        raise UserError(
            f"evaluate takes Prediction objects, got a {type(other[0]).__name__}: "
            "read_predictions gives a header and a list of them, pass the list."
        )
    if len(pairs) == 0:
        raise DataError("There are no pairs to score: expected at least one.")
    ranked = rank_windows(predictions, pairs)
    table, truth = pairs.table, pairs.truth
    if pairs.protocol.is_open:
        found = open_metrics(ranked.windows, truth, ranked.exists, threshold)
    elif pairs.protocol.is_archive:
        found = archive_metrics(ranked.windows, truth)
    else:
        found = per_pair_metrics(ranked.windows, truth, strict=strict)
    values = np.stack(list(found.values()), axis=1)
    videos = pd.concat([table["query_video"], table["target_video"]])
    query, target = pd.factorize(videos, sort=True)[0].reshape(2, len(table))
    if pairs.protocol.is_archive:
        target = query  # all queries have the one target, which is not drawn
    metrics = _at_least_zero(intervals(list(found), values, query, target, resamples, seed))
    if pairs.protocol.is_open:
        bins = calibration(ranked.exists.clip(0, 1), ~np.isnan(truth[:, 0, 0]))
        error = np.nansum(np.abs(bins[:, 0] - bins[:, 1]) * bins[:, 2])
        metrics["ECE"] = Interval(value=100 * float(error))
    return Evaluation(
        metrics=metrics,
        coverage=ranked.coverage,
        invalid=ranked.invalid,
        per_pair=pd.DataFrame(values, index=pd.Index(table["pair_id"]), columns=list(found)),
        iou=temporal_iou(ranked.windows[:, :1], truth).max(axis=1),
        windows=ranked.windows,
        exists=ranked.exists,
        query_clusters=query,
        target_clusters=target,
    )


def _at_least_zero(metrics: dict[str, Interval]) -> dict[str, Interval]:
    """Cut intervals off at 0: influences of pairs may be negative, what they add up to is not."""
    return {
        name: each if each.low is None else each.model_copy(update={"low": max(each.low, 0.0)})
        for name, each in metrics.items()
    }
