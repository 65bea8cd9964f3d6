"""Find the moment of one video file in another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np

from vid2vidmr.contract import (
    DEFAULT_ENCODER,
    FeatureContract,
    named_features,
    require_contract,
    require_encoder,
)
from vid2vidmr.data.pairs import PairSet, pair_table
from vid2vidmr.errors import UserError
from vid2vidmr.features.cached import CachedEncoder
from vid2vidmr.features.encoder import VideoEncoder
from vid2vidmr.features.load import load_encoder
from vid2vidmr.features.store import MemoryFeatures
from vid2vidmr.methods.info import MethodInfo
from vid2vidmr.records import Prediction, Record
from vid2vidmr.video.sample import video_duration


class RetrievedWindow(Record):
    """A part of the target, seconds from its start; a larger score is a better match."""

    start_s: float
    end_s: float
    score: float


class Retrieval(Record):
    """What was found.

    Attributes
    ----------
    query, target : str
        The files.
    encoder : str or None
        None for methods that look at no video.
    duration_s : float
        Length of the target.
    windows : tuple of RetrievedWindow
        Best first.
    """

    query: str
    target: str
    method: str
    encoder: str | None
    duration_s: float
    windows: tuple[RetrievedWindow, ...]


class Retriever(Protocol):
    """What `retrieve` needs of a method."""

    info: ClassVar[MethodInfo]
    encoder_contract: FeatureContract | None
    most: int

    @property
    def query(self) -> str:
        """What the query is."""

    def predict(self, pairs: PairSet) -> Iterator[Prediction]:
        """Yield one prediction a pair."""


def retrieve(
    method: Retriever,
    query: str | Path,
    target: str | Path,
    encoder: str | VideoEncoder | None = None,
    top: int = 10,
) -> Retrieval:
    """Find the moment that the whole file `query` shows in the file `target`.

    Files are encoded once: their features are kept, see `vid2vidmr.features.cached`.

    Parameters
    ----------
    method : Method
        See `vid2vidmr.methods.load.load_method`.
    query, target : str or Path
        Any files FFmpeg reads.
    encoder : str or VideoEncoder, optional
        By default the one the method was trained with, else ``clip-vit-b32``; with the step behind
        it, where that is not 2 s (``@0.5``: of the default).
    top : int
        At most so many windows. A network that predicts a fixed number has no more.

    Raises
    ------
    VideoError
        If a file cannot be read.
    FeatureError
        If the method was trained on features of another encoder.
    UserError
        If the method asks by captions.
    """
    if method.query == "text":
        raise UserError(
            f"This {method.info.name} asks by captions, not by video files: train a preset whose "
            "query is a video, such as trained+V, or score captions with `vid2vidmr predict`."
        )
    files = {"query": Path(query), "target": Path(target)}
    durations_s = {name: video_duration(path) for name, path in files.items()}
    features = None
    if method.info.needs_features:
        features = _encoded(method, files, encoder)
    table = pair_table(
        ["retrieve"], *files, query_s=(0.0, durations_s["query"]),
        clip_s=(0.0, durations_s["target"]), truth_s=(np.nan, np.nan),
        sources=(str(query), str(target)),
    )  # fmt: skip
    method.most = top
    prediction = next(iter(method.predict(PairSet(table, "test", features=features))))
    return Retrieval(
        query=str(query),
        target=str(target),
        method=method.info.name,
        encoder=None if features is None else features.contract.name,
        duration_s=durations_s["target"],
        windows=tuple(
            RetrievedWindow(start_s=start, end_s=end, score=score)
            for start, end, score in prediction.windows[:top]
        ),
    )


def _encoded(
    method: Retriever, files: dict[str, Path], encoder: str | VideoEncoder | None
) -> MemoryFeatures:
    """Encode files as the method expects it."""
    contract = method.encoder_contract
    if contract is not None:
        require_encoder(contract, f"This {method.info.name} checkpoint")
    if encoder is None or isinstance(encoder, str):
        usual = DEFAULT_ENCODER if contract is None else contract.name
        encoder = load_encoder(named_features(encoder, usual))
    if contract is not None:
        require_contract(encoder.contract, contract, f"This {method.info.name} checkpoint")
    cached = CachedEncoder(encoder.contract, lambda: encoder)
    return MemoryFeatures(
        encoder.contract, {name: cached.rows(path) for name, path in files.items()}
    )
