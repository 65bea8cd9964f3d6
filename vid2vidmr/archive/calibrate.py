"""From scores to probabilities, without a label: what an archive's own background scores.

Most places of an archive hold no moment of the query's kind. Their scores give a background, whose
upper tail is that of an extreme-value distribution (Gumbel). How many windows of chance lie between
one score and the next best is then known; that there is one window is seen. The first over the
second, made monotone (isotonic regression), is the local false discovery rate of Efron, with an
empirical null: the probability that a window with that score is chance.
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


def probabilities(scores: np.ndarray, background: Background) -> np.ndarray:
    """Probability of each of the best windows to be no chance, (n,); scores fall.

    Parameters
    ----------
    scores : ndarray, (n,)
        Of the windows, best first, none left out in between.
    """
    shares: list[float] = []  # of chance among windows of about one score, which never fall
    counts: list[int] = []
    for share in np.diff(background.expected(scores), prepend=0.0).tolist():
        count = 1
        while shares and shares[-1] >= share:
            before = counts.pop()
            share = (share * count + shares.pop() * before) / (count + before)
            count += before
        shares.append(share)
        counts.append(count)
    chance: np.ndarray = np.repeat(np.array(shares), counts)
    return 1 - np.minimum(chance, 1.0)
