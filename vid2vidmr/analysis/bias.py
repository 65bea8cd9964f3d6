"""What predictions owe to their query, and where they lie whatever it is."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from vid2vidmr.analysis.groups import METRICS
from vid2vidmr.errors import DataError
from vid2vidmr.evaluation.evaluate import Evaluation
from vid2vidmr.evaluation.paired import pair_intervals, paired_difference
from vid2vidmr.records import Interval, Record
from vid2vidmr.windows import temporal_iou

UNCHANGED_IOU = 0.9
"""IoU of two first windows above which one counts as the other."""
POSITIONS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
LENGTHS_S = (0.0, 2.0, 4.0, 8.0, 12.0, 16.0, 24.0, 32.0, 64.0, np.inf)


class Sensitivity(Record):
    """What happens when every query is replaced by one of another class.

    Attributes
    ----------
    drop : dict of str to Interval
        Points lost in mIoU, R1@0.5 and R1@0.7.
    unchanged : Interval
        Percent of the pairs whose first window stays: IoU of the two above 0.9.
    """

    drop: dict[str, Interval]
    unchanged: Interval


class Histogram(Record):
    """Where first windows lie, and where the truth does.

    Attributes
    ----------
    truth, predicted : tuple of float
        Percent of the pairs, and of the valid first windows, in each bin.
    """

    name: str
    bins: tuple[str, ...]
    truth: tuple[float, ...]
    predicted: tuple[float, ...]


def sensitivity(right: Evaluation, wrong: Evaluation, resamples: int) -> Sensitivity:
    """Compare a method with itself, asked with the right queries and with wrong ones.

    Raises
    ------
    DataError
        If they are not of the same pairs in the same order.
    """
    if not right.per_pair.index.equals(wrong.per_pair.index):
        raise DataError("The runs with right and with wrong queries are not of the same pairs.")
    lost = paired_difference(right, wrong, resamples=resamples)
    stays = temporal_iou(right.windows[:, 0], wrong.windows[:, 0]) > UNCHANGED_IOU
    unchanged = pair_intervals(right, ["unchanged"], 100.0 * stays[:, None], resamples)
    return Sensitivity(drop={name: lost[name] for name in METRICS}, **unchanged)


def histograms(
    windows: np.ndarray, truth: np.ndarray, durations_s: np.ndarray
) -> tuple[Histogram, ...]:
    """Position and length of first windows beside those of the truth.

    Parameters
    ----------
    windows, truth : ndarray, (P, 2)
        Seconds; NaN rows of `windows` are left out.
    durations_s : ndarray, (P,)
        Length of every target.
    """
    position = [f"{a:.1f}–{b:.1f}" for a, b in pairwise(POSITIONS)]
    length = [f"{a:g}–{b:g} s" for a, b in pairwise(LENGTHS_S[:-1])]
    length.append(f"> {LENGTHS_S[-2]:g} s")
    return (
        Histogram(
            name="position of the centre",
            bins=tuple(position),
            truth=_percent(truth.mean(axis=1) / durations_s, POSITIONS),
            predicted=_percent(windows.mean(axis=1) / durations_s, POSITIONS),
        ),
        Histogram(
            name="length",
            bins=tuple(length),
            truth=_percent(truth[:, 1] - truth[:, 0], LENGTHS_S),
            predicted=_percent(windows[:, 1] - windows[:, 0], LENGTHS_S),
        ),
    )


def _percent(values: np.ndarray, edges: Sequence[float]) -> tuple[float, ...]:
    """Percent of the finite values in [edge, edge)."""
    values = np.round(values[~np.isnan(values)], 9)
    counts = np.histogram(values, edges)[0]
    return tuple(float(100.0 * n / max(1, len(values))) for n in counts)
