"""`analyse`: all of the analysis of one run, as a record that is JSON."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from vid2vidmr.analysis.bias import Histogram, Sensitivity, histograms, sensitivity
from vid2vidmr.analysis.error_types import gains, profile, shares, window_types
from vid2vidmr.analysis.existence import OpenAnalysis, analyse_open
from vid2vidmr.analysis.groups import Breakdown, breakdowns
from vid2vidmr.analysis.others import other_moments
from vid2vidmr.analysis.runs import Run, open_run
from vid2vidmr.analysis.scored import ScoredOn, scored_on
from vid2vidmr.records import Interval


class Analysis(ScoredOn):
    """Where a run does well, what goes wrong, and what mending it would give.

    Attributes
    ----------
    name : str
        Method, preset, seed; what the run is called.
    coverage : float
        Share of the pairs with at least one valid window, in [0, 1].
    metrics : dict of str to Interval
        Of the evaluation, percent.
    breakdowns : tuple of Breakdown
        The score by lengths, ratios, position, class and source.
    with_others : float
        Percent of the pairs whose target has another annotated moment: without any there can be
        no ``wrong moment``.
    errors : dict of str to Interval
        Type of first windows to percent of the pairs; they sum to 100.
    gains : dict of str to dict of str to Interval
        What is mended, to metric, to points gained, see `vid2vidmr.analysis.error_types.fixed`.
    profile : tuple of dict of str to float
        Percent of each type among the first 1, 2, ... windows of every pair.
    sensitivity : Sensitivity or None
        None where there is no run with wrong queries.
    """

    name: str
    coverage: float
    metrics: dict[str, Interval]
    breakdowns: tuple[Breakdown, ...]
    with_others: float
    errors: dict[str, Interval]
    gains: dict[str, dict[str, Interval]]
    profile: tuple[dict[str, float], ...]
    sensitivity: Sensitivity | None
    histograms: tuple[Histogram, ...]


def analyse(
    run: str | Path,
    dataset: str | Path | None = None,
    *,
    resamples: int = 1000,
) -> Analysis | OpenAnalysis:
    """Analyse the errors of one run; under the protocol ``open``, what it says of existence.

    Parameters
    ----------
    run : str or Path
        A result.json, or predictions with a header, see `open_run`.
    dataset : str or Path, optional
        Name, folder or repository of the data set; by default the name in the file.
    resamples : int
        Of the bootstrap; 0 for no intervals.

    Examples
    --------
    >>> import vid2vidmr as v
    >>> v.analyse("runs/minimatch/matr/KEY-seed0/official/result.json").errors
    """
    opened = open_run(Path(run), dataset)
    if opened.pairs.protocol.is_open:
        return analyse_open(opened)
    return analyse_run(opened, resamples=resamples)


def analyse_run(run: Run, *, resamples: int = 1000) -> Analysis:
    """Analyse a run that is open, see `analyse`."""
    pairs, evaluation, dataset = run.pairs, run.evaluation, run.dataset
    truth = pairs.table[["start_s", "end_s"]].to_numpy("float64")
    others = other_moments(pairs, dataset.moments)
    types = window_types(evaluation.windows, truth, others)
    return Analysis(
        name=run.name,
        **scored_on(pairs, dataset, run.header.simulated),
        coverage=evaluation.coverage,
        metrics=evaluation.metrics,
        breakdowns=breakdowns(pairs, evaluation, dataset.videos, resamples),
        with_others=float(100.0 * np.mean(~np.isnan(others[:, :, 0]).all(axis=1))),
        errors=shares(types, evaluation, resamples),
        gains=gains(types, truth, evaluation, resamples),
        profile=profile(types),
        sensitivity=None if run.wrong is None else sensitivity(evaluation, run.wrong, resamples),
        histograms=histograms(evaluation.windows[:, 0], truth, pairs.durations_s),
    )
