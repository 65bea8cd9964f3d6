"""From scores to probabilities: what an archive's own background scores, and what a method adds.

Most places of an archive hold no moment of the query's kind. Their scores give a background, whose
upper tail is that of an extreme-value distribution (Gumbel): how many windows of chance the whole
archive has at or above a score is then known, without a label. The odds of a window fall with that
number. A method that reads the candidates again adds how far it puts a window above the others.

Three numbers weigh the two. They were fitted once, on minimatch val, each query asked where its
class is and where it is not (docs/search.md has what came of it on test); they hold for all methods
and encoders, since nothing in them depends on the scale of scores.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BULK = (0.25, 0.75)
"""Quantiles by which the background is fitted: moments that are there lie above."""
PRIOR_MEDIAN, PRIOR_SCALE, PRIOR_WEIGHT = -0.3, 0.1, 5
"""A background of minimatch train, which counts as so many windows: a short target has few."""


@dataclass(frozen=True)
class Background:
    """A Gumbel distribution of the scores of windows of chance.

    Attributes
    ----------
    location, scale : float
    count : int
        Windows of chance in the archive.
    """

    location: float
    scale: float
    count: int

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
            # What few windows tell is less sure: the tail is taken to be longer.
            float(max(own * scale + (1 - own) * PRIOR_SCALE, 1e-4)) * (1 + (n + 1) ** -0.5),
            round(n / share),
        )

    def expected(self, scores: np.ndarray) -> np.ndarray:
        """How many windows of chance the archive has at or above each score, (n,)."""
        z = (np.asarray(scores, np.float64) - self.location) / self.scale
        found: np.ndarray = self.count * -np.expm1(-np.exp(-z))
        return found


SCAN = (1.15, -0.2)
"""Weight of minus the log of the expected windows of chance, and log odds where one is expected."""
READ = (0.7, 0.9, -1.4)
"""The same where a method has read the candidates; in the middle the weight of its scores."""


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
    found: np.ndarray = np.sort(1 / (1 + np.exp(-odds)))[::-1]
    return found


def _above_others(scores: np.ndarray) -> np.ndarray:
    """How many interquartile ranges each score lies above the median, (n,)."""
    if len(scores) and scores.min() >= 0 and scores.max() <= 1:  # probabilities
        odds = scores.clip(1e-6, 1 - 1e-6)
        scores = np.log(odds / (1 - odds))
    first, middle, third = np.quantile(scores, (0.25, 0.5, 0.75)) if len(scores) else (0, 0, 0)
    found: np.ndarray = ((scores - middle) / max(third - first, 1e-9)).clip(-5, 5)
    return found
