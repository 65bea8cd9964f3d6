"""From predictions, as lists in any order, to ranked and checked windows, as arrays."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from vid2vidmr.errors import DataError
from vid2vidmr.evaluation.archive_retrieval import ARCHIVE_WINDOWS
from vid2vidmr.evaluation.metrics import AP_WINDOWS
from vid2vidmr.records import Prediction

if TYPE_CHECKING:
    from vid2vidmr.data.pairs import PairSet

WINDOW_FAULTS = ("not_finite", "reversed", "outside")
PAIR_FAULTS = ("missing", "empty")


@dataclass(frozen=True)
class Ranked:
    """The first windows of every pair, best first.

    Attributes
    ----------
    windows : ndarray, (P, 10, 2), under the protocol ``archive`` (P, 100, 2)
        Start and end in seconds, clamped to the target; NaN where there is none or it is invalid.
    coverage : float
        Share of the pairs with at least one valid window.
    invalid : dict of str to int
        Pairs ``missing`` from the predictions or ``empty`` (no window), and windows ``not_finite``
        (NaN or infinite, in time or score), ``reversed`` (start >= end) or ``outside`` the target.
    exists : ndarray, (P,)
        Existence scores under the protocol ``open``, else 0.
    """

    windows: np.ndarray
    coverage: float
    invalid: dict[str, int]
    exists: np.ndarray


def clean_windows(
    windows: np.ndarray, durations_s: np.ndarray
) -> tuple[np.ndarray, dict[str, int]]:
    """Clamp windows to their targets, and make NaN of those that cannot be.

    Parameters
    ----------
    windows : ndarray, (..., 2)
        Start and end, seconds.
    durations_s : ndarray, (...)
        Length of the target of each window.

    Returns
    -------
    windows : ndarray, (..., 2)
    counts : dict of str to int
        How many were ``not_finite``, ``reversed``, ``outside``: each window counts once.
    """
    start, end = windows[..., 0], windows[..., 1]
    finite = np.isfinite(start) & np.isfinite(end)
    forward = finite & (start < end)
    inside = forward & (end > 0) & (start < durations_s)
    clean = np.empty(windows.shape)
    np.maximum(start, 0, out=clean[..., 0])
    np.minimum(end, durations_s, out=clean[..., 1])
    if not inside.all():
        clean[~inside] = np.nan
    n_finite, n_forward, n_inside = (
        int(np.count_nonzero(mask)) for mask in (finite, forward, inside)
    )
    counts = {
        "not_finite": inside.size - n_finite,
        "reversed": n_finite - n_forward,
        "outside": n_forward - n_inside,
    }
    return clean, counts


def rank_windows(predictions: Iterable[Prediction], pairs: PairSet) -> Ranked:
    """Bring predictions into the order of `pairs`, rank their windows by score, and check them.

    Equal scores keep the order in which they were given; a score that is not finite ranks last.

    Raises
    ------
    DataError
        If a prediction is of a pair that is not among `pairs`, or of one that has another.
    """
    predictions = list(predictions)
    durations_s = pairs.durations_s
    index = {pair_id: row for row, pair_id in enumerate(pairs.table["pair_id"].tolist())}
    try:
        rows = np.array([index[prediction.pair_id] for prediction in predictions], dtype=np.intp)
    except KeyError as error:
        raise DataError(
            f"Predictions name the pair {error.args[0]!r}, which is not among the {len(pairs)} "
            f"{pairs.split} pairs ({pairs.protocol}) they are scored on: score them on the data "
            "set and split they were made for."
        ) from None
    if len(set(rows.tolist())) < len(rows):
        twice = Counter(prediction.pair_id for prediction in predictions).most_common(1)[0][0]
        raise DataError(f"Predictions have the pair {twice!r} more than once; expected one each.")

    counts = np.array([len(prediction.windows) for prediction in predictions], dtype=np.intp)
    flat = np.fromiter(
        chain.from_iterable(chain.from_iterable(prediction.windows for prediction in predictions)),
        dtype=np.float64,
    ).reshape(-1, 3)
    pair = np.repeat(rows, counts)
    windows, invalid = clean_windows(flat[:, :2], durations_s[pair])
    scores = np.where(np.isfinite(flat[:, 2]), flat[:, 2], np.nan)
    unranked = np.isnan(scores) & ~np.isnan(windows[:, 0])
    windows[unranked] = np.nan
    invalid["not_finite"] += int(unranked.sum())
    invalid["missing"] = len(pairs) - len(rows)
    invalid["empty"] = int((counts == 0).sum())

    # Sorting the rows of a padded array is far faster than one sort by pair and score. A score of
    # NaN comes behind the padding, where it may be cut off: its window is invalid anyway.
    given = np.arange(counts.max(initial=0)) < counts[:, None]
    falling = np.full(given.shape, np.inf)
    falling[given] = -scores
    kept = ARCHIVE_WINDOWS if pairs.protocol.is_archive else AP_WINDOWS
    best = np.argsort(falling, axis=1, kind="stable")[:, :kept]
    row, rank = np.nonzero(best < counts[:, None])  # the rest is padding
    ranked = np.full((len(pairs), kept, 2), np.nan)
    first = counts.cumsum() - counts
    ranked[rows[row], rank] = windows[first[row] + best[row, rank]]
    exists = np.zeros(len(pairs))
    if pairs.protocol.is_open:
        exists[rows] = [existence_score(prediction) for prediction in predictions]
    answered = np.bincount(pair[~np.isnan(windows[:, 0])], minlength=len(pairs)) > 0
    return Ranked(
        windows=ranked,
        coverage=float(answered.mean()),
        invalid={fault: invalid[fault] for fault in (*PAIR_FAULTS, *WINDOW_FAULTS)},
        exists=exists,
    )


def existence_score(prediction: Prediction) -> float:
    """How sure a method is that the target holds the moment.

    Where it does not say, the score of its best window, and 0 where there is none.
    """
    if prediction.exists is not None:
        return prediction.exists
    return max((window[2] for window in prediction.windows if np.isfinite(window[2])), default=0.0)
