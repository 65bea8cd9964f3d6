"""What a target's own background says of the best alignment in it.

Some queries match anything a little, and some targets are matched by anything: a score alone does
not tell. Two backgrounds are at hand in every pair, and ask for no other data: the windows that do
not overlap the best one, and the same query with its clips in another order, which shows the same
things and not the same event.
"""

from __future__ import annotations

import numpy as np

from vid2vidmr import alignment

SHUFFLES = 4


def against_background(
    similarity: np.ndarray, threshold: float, gap: float, most: float = np.inf
) -> tuple[float, float, float]:
    """Tell what the best alignment gains, and how far that is above both backgrounds.

    All are per query clip.

    Parameters
    ----------
    similarity : ndarray, (M, N)
    threshold, gap, most
        See `vid2vidmr.alignment.local_alignment`.

    Returns
    -------
    gain : float
    shuffled : float
        Above the best alignment of the shuffled query, mean over `SHUFFLES`.
    elsewhere : float
        Above the mean over all ends whose window does not overlap the best one (over all ends, if
        there is none).
    """
    columns = similarity.shape[1]
    scores, starts = alignment.local_alignment(similarity, threshold, gap, most)
    best = int(scores.argmax())
    rng = np.random.default_rng(0)
    shuffled = [
        alignment.local_alignment(similarity[:, rng.permutation(columns)], threshold, gap, most)[
            0
        ].max()
        for _ in range(SHUFFLES)
    ]
    apart = (np.arange(1, len(scores) + 1) <= starts[best]) | (starts > best)
    elsewhere = scores[apart] if apart.any() else scores
    top = float(scores[best])
    below = float(np.mean(shuffled)), float(elsewhere.mean())
    return top / columns, (top - below[0]) / columns, (top - below[1]) / columns
