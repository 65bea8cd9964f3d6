"""What video-match and dtw-match share: centred features and the cosines between two videos."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vid2vidmr.contract import STEP_S, FeatureContract, require_contract
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.methods.base import Method
from vid2vidmr.records import Prediction
from vid2vidmr.windows import ranked


@dataclass(frozen=True)
class MatchConfig:
    """Config of both.

    Attributes
    ----------
    overlap : float
        IoU above which the worse of two windows is left out.
    windows : int
        Windows a pair, at most.
    """

    overlap: float = 0.7
    windows: int = 10


class FrameMatch(Method):
    """Matches frames by the cosine of centred features.

    Features of one encoder share a large common part, which makes all cosines alike. It is taken
    off before they are compared: the mean over the train targets after `fit`, else the mean over
    the target at hand.
    """

    config: MatchConfig

    _mean: np.ndarray | None = None

    def fit(self, train: PairSet, val: PairSet, folder: Path, **options: Any) -> None:
        """Take the mean over the train targets; nothing else is learned, val is not read."""
        distinct = train.table[["target_video", "clip_start_s", "clip_end_s"]].drop_duplicates()
        total, count = 0.0, 0
        for i in distinct.index:
            rows = train.target_features(train.table.index.get_loc(i)).astype(np.float64)
            total, count = total + rows.sum(axis=0), count + len(rows)
        self._mean = (total / count).astype(np.float32)
        assert train.features is not None  # target_features has read them
        self.encoder_contract = train.features.contract
        super().fit(train, val, folder, **options)

    def predict(self, pairs: PairSet) -> Iterator[Prediction]:
        """Yield ranked windows for every pair."""
        if self.encoder_contract is not None and pairs.features is not None:
            checkpoint = f"This fitted {self.info.name}"
            require_contract(pairs.features.contract, self.encoder_contract, checkpoint)
        lengths = (pairs.table["query_end_s"] - pairs.table["query_start_s"]).to_numpy("float64")
        columns = zip(pairs.table["pair_id"], lengths, pairs.durations_s, strict=True)
        for i, (pair_id, query_s, target_s) in enumerate(columns):
            query, target = pairs.query_features(i), pairs.target_features(i)
            mean = target.mean(axis=0) if self._mean is None else self._mean
            if np.isnan(query_s):
                query_s = STEP_S * len(query)
            cosines = self.cosines(query - mean, target - mean)
            windows, scores = self.candidates(cosines, query_s, target_s)
            windows = np.clip(windows, 0, target_s)
            best = ranked(windows, scores, self.config.overlap, self.config.windows)
            yield Prediction(pair_id=pair_id, windows=tuple(map(tuple, best.tolist())))

    @abstractmethod
    def candidates(
        self, cosines: np.ndarray, query_s: float, target_s: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Give all windows and their scores.

        Parameters
        ----------
        cosines : ndarray, (M, N)
            Target rows against query columns, one every 2 s.
        query_s, target_s : float
            Lengths in seconds.

        Returns
        -------
        windows : ndarray, (k, 2)
            start_s, end_s.
        scores : ndarray, (k,)
        """

    def cosines(self, query: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Cosines (M, N) of centred target rows (M, dim) and query rows (N, dim)."""
        # Not `@`: waking BLAS threads takes longer than a product of this size.
        cosines: np.ndarray = np.einsum("md,nd->mn", _unit(target), _unit(query))
        return cosines

    def state(self) -> dict[str, Any]:
        """Give the train mean and the contract of its features."""
        if self._mean is None or self.encoder_contract is None:
            return {}
        return {"mean": self._mean.tolist(), "contract": self.encoder_contract.model_dump()}

    def restore(self, state: dict[str, Any], folder: Path) -> None:
        """Take back what `state` gave."""
        if state:
            self._mean = np.array(state["mean"], np.float32)
            self.encoder_contract = FeatureContract.model_validate(state["contract"])


def _unit(rows: np.ndarray) -> np.ndarray:
    # A frame equal to the mean points nowhere: its cosines are 0.
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: np.ndarray = rows / np.where(norms > 0, norms, 1)
    return unit
