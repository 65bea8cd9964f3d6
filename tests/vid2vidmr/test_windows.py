"""Suppression of neighbours, against the same written with `temporal_iou` alone."""

import numpy as np
import pytest

from vid2vidmr.windows import nms_1d, temporal_iou


def plain(windows: np.ndarray, threshold: float, top: int | None) -> list[int]:
    kept: list[int] = []
    for row, window in enumerate(windows):
        if (temporal_iou(windows[kept], window) <= threshold).all():
            kept.append(row)
    return kept[:top]


@pytest.mark.parametrize("threshold", [0.0, 0.4, 0.7, 1.0])
@pytest.mark.parametrize("top", [None, 3])
def test_neighbours_are_left_out(threshold: float, top: int | None) -> None:
    rng = np.random.default_rng(0)
    start = rng.integers(0, 30, 60)
    windows = np.column_stack([start, start + rng.integers(0, 8, 60)]) / 3  # some are empty
    windows[5] = windows[5, ::-1]  # ends before it starts, as networks may say
    windows[7, 0] = np.nan
    assert nms_1d(windows, threshold, top).tolist() == plain(windows, threshold, top)
    assert not len(nms_1d(windows[:0], threshold, top))
