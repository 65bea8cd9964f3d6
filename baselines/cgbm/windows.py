"""From probabilities of start, end and inside at each clip to ranked windows, NumPy only."""

from __future__ import annotations

import numpy as np

from vid2vidmr.windows import ranked


def window_scores(log_p: np.ndarray, longest: int) -> np.ndarray:
    """Score of every window of up to `longest` clips.

    Parameters
    ----------
    log_p : ndarray, (M, >= 3)
        Log-probabilities of start, end and inside.

    Returns
    -------
    ndarray, (M, longest), float64
        log p_start(i) + log p_end(i + l) + mean of log p_inside(i..i + l) at [i, l], for a window
        of l + 1 clips; -inf where it would leave the target.
    """
    M = len(log_p)
    start, end, inside = log_p[:, :3].astype(np.float64).T
    sums = np.concatenate([[0.0], inside.cumsum()])
    first = np.arange(M)[:, None]
    last = first + np.arange(longest)  # (M, longest)
    at = np.minimum(last, M - 1)
    mean = (sums[at + 1] - sums[first]) / (at - first + 1)
    return np.where(last < M, start[first] + end[at] + mean, -np.inf)


def best_windows(
    log_p: np.ndarray, duration_s: float, longest: int, nms: float, step_s: float
) -> np.ndarray:
    """Rank the windows of a target, see `vid2vidmr.windows.ranked`.

    Parameters
    ----------
    log_p, longest
        As in `window_scores`.

    Returns
    -------
    ndarray, (k, 3)
        start_s, end_s, exp(score), best first.
    """
    scores = window_scores(log_p, longest)
    first, more = np.nonzero(scores > -np.inf)
    windows_s = step_s * np.column_stack([first, first + more + 1])
    return ranked(np.minimum(windows_s, duration_s), np.exp(scores[first, more]), nms)
