"""Features seen through their principal components."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from vid2vidmr.contract import FeatureSource, grid_rows

if TYPE_CHECKING:
    from vid2vidmr.data.pairs import PairSet

PCA_TARGETS = 20_000
"""So many targets at most decide the principal components."""


class ProjectedFeatures:
    """A feature source seen through (rows - mean) @ basis, for example principal components.

    Whole videos are projected and the last ones kept: their windows, of which there may be far
    more, are then read without another product.
    """

    def __init__(self, source: FeatureSource, mean: np.ndarray, basis: np.ndarray) -> None:
        self.contract = source.contract
        self._parts = source, mean, basis

        @lru_cache(maxsize=8192)  # 128 components of 100 s videos: 210 MB
        def video(video_id: str) -> np.ndarray:
            projected: np.ndarray = (source.rows(video_id) - mean) @ basis
            projected.flags.writeable = False
            return projected

        @lru_cache(maxsize=65_536)  # 128 components of 12 s queries: 200 MB
        def query(video_id: str, start_s: float, end_s: float) -> np.ndarray:
            projected: np.ndarray = (source.query_rows(video_id, start_s, end_s) - mean) @ basis
            projected.flags.writeable = False
            return projected

        self._video, self._query = video, query

    def __reduce__(self) -> tuple[type[ProjectedFeatures], tuple[Any, ...]]:
        return ProjectedFeatures, self._parts  # data loader workers keep videos of their own

    def rows(self, video_id: str, start_s: float = 0.0, end_s: float | None = None) -> np.ndarray:
        """Rows of the source, projected; read only."""
        video = self._video(video_id)
        wanted = grid_rows(len(video), video_id, start_s, end_s, self.contract.step_s)
        rows: np.ndarray = video[wanted]
        return rows

    def query_rows(self, video_id: str, start_s: float, end_s: float) -> np.ndarray:
        """Rows of a query, projected; read only."""
        return self._query(video_id, start_s, end_s)


def principal_components(
    train: PairSet, components: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean (dim,), principal directions (dim, k) and deviations (k,) of the targets' features.

    Each target counts once, however many pairs share it; at most `PCA_TARGETS` are looked at, at
    even distances.
    """
    assert train.features is not None
    dim = train.features.contract.dim
    total, squares, count = np.zeros(dim), np.zeros((dim, dim)), 0
    targets = train.table.drop_duplicates(["target_video", "clip_start_s", "clip_end_s"]).index
    targets = targets[:: math.ceil(len(targets) / PCA_TARGETS)]
    for some in np.split(targets, range(256, len(targets), 256)):  # few large products are cheap
        rows = np.concatenate([train.target_features(int(i)) for i in some]).astype(np.float64)
        total += rows.sum(0)
        squares += rows.T @ rows
        count += len(rows)
    mean = total / count
    variances, directions = np.linalg.eigh(squares / count - np.outer(mean, mean))
    basis = directions[:, ::-1][:, :components]
    deviations = np.sqrt(variances[::-1][:components].clip(0))
    return mean.astype(np.float32), np.ascontiguousarray(basis, np.float32), deviations
