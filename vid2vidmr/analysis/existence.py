"""`analyse_open`: what a run says of targets that hold no moment, one or several."""

from __future__ import annotations

import numpy as np

from vid2vidmr.analysis.runs import Run
from vid2vidmr.analysis.scored import ScoredOn, scored_on
from vid2vidmr.evaluation.open_retrieval import BINS, asked, calibration
from vid2vidmr.records import Interval, Record

ANSWERS = ("answered, there", "rejected, not there", "answered, not there", "rejected, there")


class Bin(Record):
    """Targets of which a method is about as sure.

    Attributes
    ----------
    pairs : float
        Percent of all.
    said, held : float or None
        Mean probability, and how many hold the moment, percent; None without pairs.
    """

    pairs: float
    said: float | None
    held: float | None


class OpenAnalysis(ScoredOn):
    """How sure a run is, how rightly, and what it does with that.

    Attributes
    ----------
    name : str
        Method, preset, seed.
    threshold : float
        Probability above which a target is answered.
    metrics : dict of str to Interval
        Of the evaluation, percent.
    answers : dict of str to float
        Percent of the pairs that are answered or rejected, rightly or not; they sum to 100.
    reliability : tuple of Bin
        Of probabilities 0 to 0.1, 0.1 to 0.2 and so on; the mean distance of ``said`` and ``held``
        is the metric ``ECE``.
    """

    name: str
    threshold: float
    metrics: dict[str, Interval]
    answers: dict[str, float]
    reliability: tuple[Bin, ...]


def analyse_open(run: Run) -> OpenAnalysis:
    """Analyse a run under the protocol ``open``."""
    present = ~np.isnan(run.pairs.truth[:, 0, 0])
    exists, threshold = run.evaluation.exists, run.header.threshold
    answered = exists > threshold
    kinds = (answered & present, ~answered & ~present, answered & ~present, ~answered & present)
    bins = 100 * calibration(exists.clip(0, 1), present)
    return OpenAnalysis(
        name=run.name,
        **scored_on(run.pairs, run.dataset, run.header.simulated),
        threshold=threshold,
        metrics=asked(run.evaluation.metrics, run.pairs.truth),
        answers={name: 100 * float(of.mean()) for name, of in zip(ANSWERS, kinds, strict=True)},
        reliability=tuple(
            Bin(pairs=pairs, said=said if pairs else None, held=held if pairs else None)
            for said, held, pairs in bins.tolist()
        ),
    )


def bin_name(number: int) -> str:
    """``0.3–0.4``."""
    return f"{number / BINS:.1f}–{(number + 1) / BINS:.1f}"
