"""From scores to probabilities, without a label: what an archive's own background scores.

Most places of an archive hold no moment of the query's kind. Their scores give a background, whose
upper tail is that of an extreme-value distribution (Gumbel). How many windows of chance reach a
score is then known; how many windows do reach it is counted. One minus their ratio is the share of
windows at or above that score that are no chance (1 - the tail false discovery rate of Benjamini
and Hochberg, with Efron's empirical null).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BULK = (0.25, 0.75)
"""Quantiles by which the background is fitted: moments that are there lie above."""
PRIOR_MEDIAN, PRIOR_SCALE, PRIOR_WEIGHT = -0.3, 0.1, 20
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
    def of(cls, scores: np.ndarray) -> Background:
        """Fit it to the scores (n,) of the best windows of all places."""
        n = len(scores)
        low, high = -np.log(-np.log(BULK[0])), -np.log(-np.log(BULK[1]))
        if n:
            first, third = np.quantile(scores, BULK)
            scale, location = (third - first) / (high - low), 0.0
            location = first - scale * low
        else:
            location, scale = 0.0, 0.0
        prior_location = PRIOR_MEDIAN + PRIOR_SCALE * np.log(np.log(2))
        share = n / (n + PRIOR_WEIGHT)
        return cls(
            float(share * location + (1 - share) * prior_location),
            float(max(share * scale + (1 - share) * PRIOR_SCALE, 1e-4)),
            n,
        )

    def expected(self, scores: np.ndarray) -> np.ndarray:
        """How many windows of chance the archive has at or above each score, (n,)."""
        z = (np.asarray(scores, np.float64) - self.location) / self.scale
        found: np.ndarray = self.count * -np.expm1(-np.exp(-z))
        return found


def probabilities(scores: np.ndarray, background: Background) -> np.ndarray:
    """Probability of each of the best windows to be no chance, (n,); scores fall.

    Parameters
    ----------
    scores : ndarray, (n,)
        Of the windows, best first, none left out in between.
    """
    expected = background.expected(scores)
    reached = np.arange(1, len(scores) + 1)
    rate = np.minimum(expected / reached, 1.0)
    # A window is not less sure than those below it.
    found: np.ndarray = 1 - np.minimum.accumulate(rate[::-1])[::-1]
    return found
