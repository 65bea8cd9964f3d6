"""Hyper-parameters of CGBM."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from pydantic import NonNegativeFloat, PositiveInt

from vid2vidmr.train.config import Share, TrainingConfig


@dataclass(frozen=True, kw_only=True)
class CgbmConfig(TrainingConfig):
    """Hyper-parameters of cross-gated bilinear matching; the defaults are the published ones.

    Attributes
    ----------
    d : int
        Size of every LSTM and of the matched vectors.
    factors : int
        Products that are added up for one matched value.
    input_dropout, dropout : float
        After the first LSTM, and after matching.
    weight_ends : float
        Weight in the loss of the steps at which the moment starts and ends.
    longest : int
        Clips of 2 s of the longest window that is looked for; at another step as many seconds.
    nms : float
        IoU above which a lower-ranked window is dropped; 1 drops none.
    """

    d: PositiveInt = 128
    factors: PositiveInt = 8
    input_dropout: Share = 0.4
    dropout: Share = 0.2
    weight_ends: NonNegativeFloat = 10.0
    longest: PositiveInt = 64
    nms: Share = 0.7

    of_two_s: ClassVar[frozenset[str]] = frozenset({"longest"})


SMALL = CgbmConfig(
    epochs=60,
    pairs_per_epoch=640,
    batch_size=32,
    learning_rate=3e-3,
    weight_decay=1e-4,
    schedule="cosine",
    clip_norm=5.0,
    components=64,
    buckets=True,
    recrop=0.5,
    self_supervised=0.5,
    input_dropout=0.2,
    weight_ends=3.0,
)

PRESETS: Mapping[str, Any] = {
    # 1,000 steps; AdamW without decay is the published Adam.
    "paper": CgbmConfig(
        epochs=10,
        batch_size=128,
        pairs_per_epoch=12_800,
        learning_rate=1e-3,
        weight_decay=0.0,
        clip_norm=5.0,
        buckets=True,
        recrop=0.9,
    ),
    "small": SMALL,
    "open": replace(SMALL, existence=True),
}
