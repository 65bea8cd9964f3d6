"""Hyper-parameters of UniVTG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import NonNegativeFloat, PositiveInt

from vid2vidmr.methods.presets import PAPER, SMALL, with_variants
from vid2vidmr.train.config import Share, TrainingConfig


@dataclass(frozen=True, kw_only=True)
class UniVtgConfig(TrainingConfig):
    """Hyper-parameters of UniVTG; the defaults are the published ones.

    Attributes
    ----------
    d, heads, ff : int
        Hidden size, attention heads, feed-forward size.
    encoder_layers, input_layers : int
        Layers of the encoder and of the input projections.
    query_dim : int or None
        Numbers in a row of the query, where they are not as many as in one of the target.
    dropout, input_dropout : float
        Of the attention weights, and before each linear map of the projections.
    drop_path : float
        Probability of leaving out a residual branch of a sample.
    query_positions : bool
        Learned positions for the query; without them its order cannot be seen.
    position_table : int
        Rows of 2 s of the table of those positions (in the state dict even when unused); a query
        that has positions is cut off after so many.
    official_padding : bool
        Let padding leak through the convolutions of the heads, as published.
    same_class_negatives : bool
        Contrast pairs of one class with each other, as published for any two pairs of a batch.
    weight_b, weight_g, weight_f, weight_s_inter, weight_s_intra : float
        Of the losses, see `vid2vidmr.nn.clips.clip_losses`.
    nms : float
        IoU above which a lower-ranked window is dropped; 1 drops none.
    """

    d: PositiveInt = 1024
    heads: PositiveInt = 8
    ff: PositiveInt = 1024
    encoder_layers: PositiveInt = 4
    input_layers: PositiveInt = 2
    query_dim: PositiveInt | None = None
    dropout: Share = 0.1
    input_dropout: Share = 0.5
    drop_path: Share = 0.1
    query_positions: bool = False
    position_table: PositiveInt = 32
    official_padding: bool = False
    same_class_negatives: bool = False
    weight_b: NonNegativeFloat = 10.0
    weight_g: NonNegativeFloat = 1.0
    weight_f: NonNegativeFloat = 10.0
    weight_s_inter: NonNegativeFloat = 0.01
    weight_s_intra: NonNegativeFloat = 0.05
    nms: Share = 0.7

    of_two_s: ClassVar[frozenset[str]] = frozenset({"position_table"})
    loose: ClassVar[frozenset[str]] = TrainingConfig.loose | {"same_class_negatives"}


PRESETS: Mapping[str, Any] = with_variants(
    {
        "paper": UniVtgConfig(
            **PAPER,
            schedule="step",
            warm_up_epochs=10,
            decay_epochs=80,
        ),
        "small": UniVtgConfig(**SMALL, drop_path=0.0),
    }
)
