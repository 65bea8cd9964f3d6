"""Candidates of a scan read again by a method, which moves their ends and ranks them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from vid2vidmr.archive.scan import Candidates
from vid2vidmr.archive.store import Archive
from vid2vidmr.contract import FeatureContract
from vid2vidmr.data.pairs import PairSet, pair_table
from vid2vidmr.records import Fuse
from vid2vidmr.windows import temporal_iou

if TYPE_CHECKING:
    from vid2vidmr.methods.base import Method

STRETCH_S = 150.0
"""Seconds about a candidate that a method reads: the length of the targets it was made for."""
MARGIN_S = 30.0
"""At least so much before and behind a long candidate."""
NEAR = 0.1
"""Least IoU with a candidate of what a method finds for it."""
QUERY = "\0query"
"""No video has this name."""


class _Both:
    """Features of an archive, and of a query that need not be in it."""

    def __init__(self, archive: Archive, query: np.ndarray) -> None:
        self._archive, self._query = archive, query

    @property
    def contract(self) -> FeatureContract:
        return self._archive.contract

    def rows(self, video_id: str, start_s: float = 0.0, end_s: float | None = None) -> np.ndarray:
        if video_id == QUERY:
            return self._query
        return self._archive.features.rows(video_id, start_s, end_s)

    def query_rows(self, video_id: str, start_s: float, end_s: float) -> np.ndarray:
        return self.rows(video_id, start_s, end_s)


def refined(
    method: Method,
    archive: Archive,
    queries: Sequence[np.ndarray],
    candidates: Candidates,
    fuse: Fuse = "mean",
) -> Candidates:
    """Let a method find the moment about each candidate; scores are its own, the order stays.

    Parameters
    ----------
    queries : sequence of ndarray, (N, dim)
    candidates : Candidates
        All are read: leave out what is too far behind.
    """
    if not len(candidates):
        return candidates
    found = np.stack([_best_windows(method, archive, query, candidates) for query in queries])
    scores = found[..., 2].mean(0) if fuse == "mean" else found[..., 2].max(0)
    best = found[..., 2].argmax(0)  # the query that likes it best says where it ends
    windows = found[best, np.arange(len(best)), :2]
    return replace(candidates, windows=windows, scores=scores)


def _best_windows(
    method: Method, archive: Archive, query: np.ndarray, candidates: Candidates
) -> np.ndarray:
    """Best window of the method near each candidate, (n, 3): start_s, end_s, score."""
    videos, windows = candidates.videos, candidates.windows
    durations_s = [archive.durations_s[video] for video in videos]
    spans = np.array(
        [
            _stretch(start_s, end_s, duration_s, archive.sketch.step_s)
            for (start_s, end_s), duration_s in zip(windows.tolist(), durations_s, strict=True)
        ]
    )
    table = pair_table(
        [str(i) for i in range(len(videos))], QUERY, videos, query_s=(np.nan, np.nan),
        clip_s=(spans[:, 0], spans[:, 1]), truth_s=(np.nan, np.nan),
    )  # fmt: skip
    pairs = PairSet(table, "test", features=_Both(archive, query))
    out = np.empty((len(videos), 3))
    for i, prediction in enumerate(method.predict(pairs)):
        rows = np.array(prediction.windows, np.float64).reshape(-1, 3)
        rows[:, :2] += spans[i, 0]
        near = rows[temporal_iou(rows[:, :2], windows[i]) > NEAR]
        # Where the method sees nothing the window stays, and ranks last.
        out[i] = near[0] if len(near) else (*windows[i], rows[:, 2].min(initial=0.0))
    return out


def _stretch(start_s: float, end_s: float, duration_s: float, step_s: float) -> tuple[float, float]:
    """Where a method looks for the moment: on the grid, inside the video."""
    more = max(MARGIN_S, (STRETCH_S - (end_s - start_s)) / 2)
    first = max(0.0, step_s * math.floor((start_s - more) / step_s))
    last = min(duration_s, step_s * math.ceil((end_s + more) / step_s))
    if last - first < STRETCH_S:  # at an edge of the video
        first = max(0.0, min(first, step_s * math.floor((last - STRETCH_S) / step_s)))
        last = min(duration_s, max(last, first + STRETCH_S))
    return first, last
