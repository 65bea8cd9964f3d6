"""What the matching methods share: statistics of train features, and windows ranked by score."""

from __future__ import annotations

import operator
from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

import numpy as np
from pydantic import PositiveInt

from vid2vidmr.alignment import Components
from vid2vidmr.contract import FeatureContract, require_contract
from vid2vidmr.files import replacing
from vid2vidmr.methods.base import Method
from vid2vidmr.methods.checkpoint import finite
from vid2vidmr.records import EvidentPrediction, Prediction
from vid2vidmr.train.config import Share
from vid2vidmr.train.projection import principal_components
from vid2vidmr.windows import ranked

if TYPE_CHECKING:
    from vid2vidmr.data.pairs import PairSet

STATISTICS = "model.safetensors"
"""Beside method.json, as the weights of neural methods are: what a checkpoint on the Hub holds."""
COPY = 0.995
"""Mean cosine from which a part of the target that is laid beside the query is a copy of it."""


@dataclass(frozen=True)
class MatchConfig:
    """Config of all.

    Attributes
    ----------
    overlap : float
        IoU above which the worse of two windows is left out.
    windows : int
        Windows a pair, at most.
    statistics : {"train", "target"}
        Whose features give mean and components: the train targets', or each target's own.
    """

    overlap: Share = 0.7
    windows: PositiveInt = 10
    statistics: Literal["train", "target"] = "train"


BLOCK = 2048
"""Rows of a target that are made unit vectors at a time: they fit into a core's cache."""
SEARCH = {
    "statistics": ("train", "target"),
    "components": (16, 24, 32, 48, 64, 128),
    "whitening": (0.0, 0.25, 0.5, 0.75, 1.0),
}
"""What is worth trying of any. (`overlap` is not: it does not change the best window.)"""


class FeatureMatch(Method):
    """Looks for the query's features in the target's; of train it knows label-free statistics.

    They come from the train targets after `fit` (if the config says so), else from the target at
    hand.
    """

    config: MatchConfig

    def fit(self, train: PairSet, val: PairSet, folder: Path, **options: Any) -> None:
        """Take the statistics of the train targets; nothing else is learned, val is not read."""
        if self.config.statistics == "train":
            self.learn(train)
        assert train.features is not None
        self.encoder_contract = train.features.contract
        super().fit(train, val, folder, **options)

    @abstractmethod
    def learn(self, train: PairSet) -> None:
        """Take statistics of the train targets' features."""

    def predict(self, pairs: PairSet) -> Iterator[Prediction]:
        """Yield ranked windows for every pair."""
        if self.encoder_contract is not None and pairs.features is not None:
            checkpoint = f"This fitted {self.info.name}"
            require_contract(pairs.features.contract, self.encoder_contract, checkpoint)
        step_s, table = pairs.step_s, pairs.table
        lengths = (table["query_end_s"] - table["query_start_s"]).to_numpy("float64")
        start_s, end_s = (table[f"query_{end}_s"].fillna(-1.0) for end in ("start", "end"))
        places = zip(table["query_video"], start_s, end_s, strict=True)
        columns = zip(table["pair_id"], places, lengths, pairs.durations_s, strict=True)
        last: tuple[Any, np.ndarray] = None, np.empty(0)
        for i, (pair_id, place, query_s, target_s) in enumerate(columns):
            if place != last[0]:
                last = place, pairs.query_features(i)
            query, target = last[1], pairs.target_features(i)
            length = len(query) if np.isnan(query_s) else query_s / step_s
            windows, scores = self.windows(query, target, length, target_s / step_s)
            windows = np.clip(step_s * windows, 0, target_s)
            count = max(self.config.windows, self.most)
            best = ranked(windows, scores, self.config.overlap, count)
            found = tuple(map(tuple, best.tolist()))
            evidence = pairs.protocol.is_open and self.evidence(query, target, best[0, 2])
            if evidence:
                yield EvidentPrediction(pair_id=pair_id, windows=found, evidence=evidence)
            else:
                yield Prediction(pair_id=pair_id, windows=found)

    def evidence(self, query: np.ndarray, target: np.ndarray, score: float) -> tuple[float, ...]:
        """Say what speaks for the moment being in the target at all; nothing beside the score.

        Parameters
        ----------
        query, target : ndarray, (N, dim), (M, dim)
        score : float
            Of the best window.
        """
        return ()

    @abstractmethod
    def windows(
        self, query: np.ndarray, target: np.ndarray, length: float, total: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Give all windows and their scores.

        Parameters
        ----------
        query, target : ndarray, (N, dim), (M, dim)
            One row a clip.
        length, total : float
            Of query and target, in clips; with the part of one that the last row may stand for.

        Returns
        -------
        windows : ndarray, (k, 2)
            Start and end in clips.
        scores : ndarray, (k,)
        """

    def state(self) -> dict[str, Any]:
        """Give the contract of the train features."""
        if self.encoder_contract is None:
            return {}
        return {"contract": self.encoder_contract.model_dump()}

    def restore(self, state: dict[str, Any], folder: Path) -> None:
        """Take back what `state` gave."""
        if state:
            self.encoder_contract = FeatureContract.model_validate(state["contract"])


R = TypeVar("R")


def once(method: Callable[..., R]) -> Callable[..., R]:
    """Keep what a method of a `ComponentMatch` gave last, for arguments that are the same objects.

    One query is asked of many targets, and a pair is read for its windows and for its evidence.
    """
    name = f"_{method.__name__}_last"

    @wraps(method)
    def kept(self: ComponentMatch, *arguments: Any) -> R:
        key = self.components, *arguments
        last: tuple[tuple[Any, ...], R] | None = vars(self).get(name)
        if last is None or any(map(operator.is_not, key, last[0])):
            last = vars(self)[name] = key, method(self, *arguments)
        return last[1]

    return kept


class ComponentMatch(FeatureMatch):
    """Sees features through principal components."""

    components: Components | None = None

    @property
    @abstractmethod
    def count(self) -> int:
        """Components to keep; 0 for features as they are."""

    def learn(self, train: PairSet) -> None:
        """Find the components of the train targets."""
        mean, axes, deviations = principal_components(train, self.count)
        self.components = Components(mean, axes.T, deviations).varied()

    def acquaint(self, statistics: Components) -> None:
        """Take the components of what is searched, if there are none of train."""
        if self.components is None and self.count:
            self.components = statistics.first(self.count)

    def components_for(self, target: np.ndarray) -> Components:
        """Give the components of train, or of a target (M, dim) where there was none."""
        return self.components or Components.of(target, self.count)

    @once
    def asked(self, query: np.ndarray, components: Components, whitening: float) -> np.ndarray:
        """Project a query (N, dim), once for all the targets that it is asked of."""
        return components.unit(query, whitening)

    def save(self, folder: Path) -> None:
        """Write the components beside ``method.json``."""
        from safetensors.numpy import save_file

        if self.components is not None:
            tensors = {k: np.ascontiguousarray(v) for k, v in vars(self.components).items()}
            with replacing(folder / STATISTICS) as temporary:
                save_file(tensors, temporary)
        super().save(folder)  # last: a folder with method.json is complete

    def restore(self, state: dict[str, Any], folder: Path) -> None:
        """Take back what `save` wrote."""
        from safetensors.numpy import load_file

        super().restore(state, folder)
        if state and self.count and self.config.statistics == "train":
            found = load_file(folder / STATISTICS)
            dim, count = state["contract"]["dim"], len(found["deviations"])
            for name, shape in {
                "mean": (dim,),
                "axes": (count, dim),
                "deviations": (count,),
            }.items():
                finite(found[name], shape, name)
            self.components = Components(**found)


def copies_first(
    windows: np.ndarray, scores: np.ndarray, laid: np.ndarray, length: int, most: float
) -> tuple[np.ndarray, np.ndarray]:
    """Add the copies of the query in the target, and let no other window rank above them.

    In a static shot a longer window gains as much as the copy inside it; what is equal clip by clip
    is not to be overruled.

    Parameters
    ----------
    windows, scores : ndarray, (k, 2), (k,)
        In clips; what else was found.
    laid : ndarray
        See `vid2vidmr.alignment.components.laid_cosines`.
    length : int
        Of the query, in clips.
    most : float
        Score of a perfect copy.
    """
    first = np.flatnonzero(laid >= COPY)
    if not len(first):
        return windows, scores
    copies = np.column_stack([first, first + length])
    lost = np.maximum(1 - laid[first], 1e-6)
    others = np.minimum(scores, most - (1 - COPY))
    return np.concatenate([windows, copies]), np.concatenate([others, most - lost])


@dataclass(frozen=True)
class FrameMatchConfig(MatchConfig):
    """Config of `FrameMatch`.

    Attributes
    ----------
    components : int or None
        Principal components that are compared; None compares centred features.
    whitening : float
        See `Components.unit`; 0 where there are no components.
    """

    components: PositiveInt | None = None
    whitening: Share = 0.0

    def __post_init__(self) -> None:
        """Let configs that do the same be equal."""
        if self.components is None:
            object.__setattr__(self, "whitening", 0.0)


class FrameMatch(ComponentMatch):
    """Matches frames by the cosine of centred features, or of their principal components.

    Features of one encoder share a large common part, which makes all cosines alike. It is taken
    off before they are compared: the mean over the train targets after `fit`, else the mean over
    the target at hand.
    """

    config: FrameMatchConfig
    search: ClassVar = {**SEARCH, "components": (None, *SEARCH["components"])}
    _mean: np.ndarray | None = None

    @property
    def count(self) -> int:
        """Components to keep; 0 for features as they are."""
        return self.config.components or 0

    def learn(self, train: PairSet) -> None:
        """Take the mean over the train targets, or find their components."""
        if self.count:
            super().learn(train)
            return
        distinct = train.table[["target_video", "clip_start_s", "clip_end_s"]].drop_duplicates()
        total, count = 0.0, 0
        for i in distinct.index:
            rows = train.target_features(train.table.index.get_loc(i)).astype(np.float64)
            total, count = total + rows.sum(axis=0), count + len(rows)
        self._mean = (total / count).astype(np.float32)

    def acquaint(self, statistics: Components) -> None:
        """Take components, or the mean, of what is searched, if there are none of train."""
        super().acquaint(statistics)
        if self._mean is None and not self.count:
            self._mean = statistics.mean

    def windows(
        self, query: np.ndarray, target: np.ndarray, length: float, total: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Give the candidates among the cosines of frames."""
        if self.count:
            components, power = self.components_for(target), self.config.whitening
            query, target = self.asked(query, components, power), components.unit(target, power)
        else:
            mean = target.mean(axis=0) if self._mean is None else self._mean
            query, target = query - mean, target - mean
        return self.candidates(self.cosines(query, target), length, total)

    @abstractmethod
    def candidates(
        self, cosines: np.ndarray, length: float, total: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Give all windows and their scores.

        Parameters
        ----------
        cosines : ndarray, (M, N)
            Target rows against query columns.
        length, total : float
            See `FeatureMatch.windows`.

        Returns
        -------
        windows : ndarray, (k, 2)
            Start and end in clips.
        scores : ndarray, (k,)
        """

    def cosines(self, query: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Cosines (M, N) of centred target rows (M, dim) and query rows (N, dim)."""
        asked, parts = _unit(query), np.array_split(target, range(BLOCK, len(target), BLOCK))
        # Not `@`: waking BLAS threads takes longer than a product of this size.
        return np.concatenate([np.einsum("md,nd->mn", _unit(part), asked) for part in parts])

    def state(self) -> dict[str, Any]:
        """Give the train mean and the contract of its features."""
        return ({} if self._mean is None else {"mean": self._mean.tolist()}) | super().state()

    def restore(self, state: dict[str, Any], folder: Path) -> None:
        """Take back what `state` gave."""
        super().restore(state, folder)
        if "mean" in state:
            dim = state["contract"]["dim"]
            self._mean = finite(state["mean"], (dim,), "mean").astype(np.float32)


def _unit(rows: np.ndarray) -> np.ndarray:
    # A frame equal to the mean points nowhere: its cosines are 0.
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: np.ndarray = rows / np.where(norms > 0, norms, 1)
    return unit
