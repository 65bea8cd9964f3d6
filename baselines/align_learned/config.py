"""Hyper-parameters of align_learned, and the best found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vid2vidmr.train.config import TrainingConfig


@dataclass(frozen=True, kw_only=True)
class AlignLearnedConfig(TrainingConfig):
    """Hyper-parameters of align_learned.

    Attributes
    ----------
    d, heads, ff, encoder_layers : int
        Hidden size, attention heads, feed-forward size and layers of the encoder.
    dropout, input_dropout : float
        In the encoder, and before each linear map of the embedding.
    embedding_hidden, embedding : int
        Sizes of the embedding in which query and target are matched.
    gamma : float
        Smoothing of the alignment: costs are compared in units of it.
    nms : float
        IoU above which a lower-ranked window is dropped; 1 drops none.
    """

    d: int = 64
    heads: int = 4
    ff: int = 128
    encoder_layers: int = 2
    dropout: float = 0.1
    input_dropout: float = 0.3
    embedding_hidden: int = 256
    embedding: int = 64
    gamma: float = 0.1
    nms: float = 0.7


BEST = AlignLearnedConfig(
    epochs=24,
    pairs_per_epoch=640,
    batch_size=32,
    learning_rate=1e-3,
    schedule="cosine",
    clip_norm=1.0,
    components=128,
    recrop=0.5,
)
"""Chosen on val of minimatch, see the README."""

PRESETS: Mapping[str, Any] = {
    "small": replace(BEST, epochs=12),
    "best": BEST,
    "open": replace(BEST, existence=True),
}
