"""Metrics of queries that are asked of a whole archive, which holds their moment several times."""

from __future__ import annotations

import numpy as np

from vid2vidmr.evaluation.metrics import AP_THRESHOLDS, average_precision, recall
from vid2vidmr.windows import temporal_iou

TOPS = (1, 5, 10, 100)
THRESHOLD = 0.5
ARCHIVE_WINDOWS = 100
"""Windows a query that are looked at."""
_CHUNK = 4_000_000  # overlaps in memory at once, a tenth of what matching takes


def archive_metrics(windows: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    """Every metric of every query, in percent; the means over queries are the metrics.

    Parameters
    ----------
    windows : ndarray, (P, K, 2)
        Ranked windows, best first, seconds on the archive's time line; NaN where a query has fewer.
    truth : ndarray, (P, G, 2)
        Ground truth windows, NaN where a query has fewer.

    Returns
    -------
    dict of str to ndarray, (P,)
        ``mAP`` over IoU 0.5, 0.55, ..., 0.95, and at two of them; ``Rk@0.5``, whether a true window
        is among the first k, for k of 1, 5, 10 and 100.
    """
    step = max(1, _CHUNK // (windows.shape[1] * truth.shape[1] * len(AP_THRESHOLDS)))
    parts = [
        _metrics(windows[i : i + step], truth[i : i + step]) for i in range(0, len(windows), step)
    ]
    return {name: 100.0 * np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _metrics(windows: np.ndarray, truth: np.ndarray) -> dict[str, np.ndarray]:
    iou = temporal_iou(windows[:, :, None], truth[:, None])
    precision = average_precision(iou, (~np.isnan(truth[:, :, 0])).sum(axis=1))
    best = iou.max(axis=2)
    return {
        "mAP": precision.mean(axis=1),
        "mAP@0.5": precision[:, AP_THRESHOLDS.index(0.5)],
        "mAP@0.75": precision[:, AP_THRESHOLDS.index(0.75)],
        **{f"R{k}@{THRESHOLD}": recall(best, k, THRESHOLD) for k in TOPS},
    }
