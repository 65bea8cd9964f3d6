"""From scores to probabilities: what an archive's own background scores, and what a method adds.

Most places of an archive hold no moment of the query's kind. Their scores give a background, whose
upper tail is that of an extreme-value distribution (Gumbel): how many windows of chance the whole
archive has at or above a score is then known, without a label. The odds of a window fall with that
number. A method that reads the candidates again adds how far it puts a window above the others.

A short archive has few windows, and tells little of what chance can do: the tail is then that of
the scores to be expected after so few (a Pareto tail, which ends as Gumbel's where there are many),
and what lies above a few other candidates counts less.

Three numbers weigh the two. They were fitted once, on minimatch val, each query asked where its
class is and where it is not, in 2, 5 and all videos (docs/search.md has what came of it); they hold
for all methods and encoders, since nothing in them depends on the scale of scores.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vid2vidmr.archive.scan import COPY, THRESHOLD

BULK = (0.25, 0.75)
"""Quantiles by which the background is fitted: moments that are there lie above."""
PRIOR_MEDIAN, PRIOR_SCALE, PRIOR_WEIGHT = -0.3, 0.1, 5
"""A background of minimatch train, which counts as so many windows: a short target has few."""
FEW = 30
"""So many candidates tell half of how far one lies above the others."""


@dataclass(frozen=True)
class Background:
    """A Gumbel distribution of the scores of windows of chance.

    Attributes
    ----------
    location, scale : float
    count : int
        Windows of chance in the archive.
    known : int
        Windows that location and scale are from.
    """

    location: float
    scale: float
    count: int
    known: int

    @classmethod
    def of(cls, scores: np.ndarray, share: float = 1.0) -> Background:
        """Fit it to the scores (n,) of the best windows of all places.

        `share` is the part of the archive that they are from.
        """
        n = len(scores)
        low, high = -np.log(-np.log(BULK[0])), -np.log(-np.log(BULK[1]))
        if n:
            first, third = np.quantile(scores, BULK)
            scale = (third - first) / (high - low)
            location = first - scale * low
        else:
            location, scale = 0.0, 0.0
        prior_location = PRIOR_MEDIAN + PRIOR_SCALE * np.log(np.log(2))  # of the Gumbel's median
        own = n / (n + PRIOR_WEIGHT)
        return cls(
            float(own * location + (1 - own) * prior_location),
            float(max(own * scale + (1 - own) * PRIOR_SCALE, 1e-4)),
            round(n / share),
            n + PRIOR_WEIGHT,
        )

    def expected(self, scores: np.ndarray) -> np.ndarray:
        """How many windows of chance the archive has at or above each score, (n,)."""
        z = (np.asarray(scores, np.float64) - self.location) / self.scale
        # exp(-z), of a scale that is known from so many windows: its predictive distribution.
        tail = np.where(
            z > 0, (1 + z.clip(0) / self.known) ** -self.known, np.exp(-z.clip(None, 0))
        )
        found: np.ndarray = self.count * -np.expm1(-tail)
        return found


SCAN = (0.95, -1.15)
"""Weight of minus the log of the expected windows of chance, and log odds where one is expected."""
READ = (0.8, 1.0, -1.55)
"""The same where a method has read the candidates; in the middle the weight of its scores."""


SURE = float(np.log(0.99 / 0.01))
"""Log odds, at least, of a copy: rows that are equal one by one are no chance, however short the
archive is."""


def probabilities(
    scores: np.ndarray, background: Background, read: np.ndarray | None = None
) -> np.ndarray:
    """Probability of each of the best windows to hold the moment, (n,), falling.

    Parameters
    ----------
    scores : ndarray, (n,)
        Of the scan.
    read : ndarray, (n,), optional
        Scores of a method for the same windows, of any scale; it ranks them, so that the largest
        probability is that of the window it puts first.
    """
    evidence = -np.log(background.expected(scores).clip(1e-300))
    if read is None:
        odds = SCAN[0] * evidence + SCAN[1]
    else:
        odds = READ[0] * evidence + READ[1] * _above_others(read) + READ[2]
    odds = np.where(scores >= COPY - THRESHOLD, np.maximum(odds, SURE), odds)
    found: np.ndarray = np.sort(1 / (1 + np.exp(-odds)))[::-1]
    return found


def _above_others(scores: np.ndarray) -> np.ndarray:
    """How many interquartile ranges each score lies above the median, (n,); less of a few."""
    if len(scores) and scores.min() >= 0 and scores.max() <= 1:  # probabilities
        odds = scores.clip(1e-6, 1 - 1e-6)
        scores = np.log(odds / (1 - odds))
    first, middle, third = np.quantile(scores, (0.25, 0.5, 0.75)) if len(scores) else (0, 0, 0)
    ranges = ((scores - middle) / max(third - first, 1e-9)).clip(-5, 5)
    found: np.ndarray = ranges * len(scores) / (len(scores) + FEW)
    return found
