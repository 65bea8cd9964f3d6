"""Hyper-parameters that Moment-DETR, QD-DETR and CG-DETR share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import NonNegativeFloat, PositiveInt

from vid2vidmr.methods.presets import SEARCH
from vid2vidmr.train.config import Share, TrainingConfig

DETR_SEARCH: dict[str, Any] = {
    **SEARCH,
    "encoder_layers": (2, 3),
    "queries": (1, 5, 10),
    "query_positions": (False, True),
}
"""What `vid2vidmr tune` draws from."""


@dataclass(frozen=True, kw_only=True)
class DetrConfig(TrainingConfig):
    """Hyper-parameters that Moment-DETR, QD-DETR and CG-DETR share; defaults as published.

    Attributes
    ----------
    d, heads, ff : int
        Hidden size, attention heads, feed-forward size.
    encoder_layers, decoder_layers, input_layers : int
        Layers of the transformer and of the input projections.
    query_dim : int or None
        Numbers in a row of the query, where they are not as many as in one of the target.
    queries : int
        Moment queries, that is windows predicted for a pair.
    dropout, input_dropout : float
        In the transformer, and before each linear map of the projections.
    max_target, max_query : int
        Rows of 2 s after which target and query are cut off; at another step as many seconds.
    query_positions : bool
        Learned positions for the query; without them its order cannot be seen.
    position_table : int
        Rows of 2 s of the table of those positions (in the state dict even when unused).
    weight_span, weight_giou, weight_label : float
        Of the set losses, and of the costs of matching.
    background : float
        Weight of the background class in the label loss.
    nms : float
        IoU above which a lower-ranked window is dropped; 1 drops none.
    """

    d: PositiveInt = 256
    heads: PositiveInt = 8
    ff: PositiveInt = 1024
    encoder_layers: PositiveInt = 2
    decoder_layers: PositiveInt = 2
    input_layers: PositiveInt = 2
    query_dim: PositiveInt | None = None
    queries: PositiveInt = 10
    dropout: Share = 0.1
    input_dropout: Share = 0.5
    max_target: PositiveInt = 75
    max_query: PositiveInt = 32
    query_positions: bool = False
    position_table: PositiveInt = 32
    weight_span: NonNegativeFloat = 10.0
    weight_giou: NonNegativeFloat = 1.0
    weight_label: NonNegativeFloat = 4.0
    weight_saliency: NonNegativeFloat = 1.0
    background: Share = 0.1
    nms: Share = 1.0

    of_two_s: ClassVar[frozenset[str]] = frozenset({"max_target", "max_query", "position_table"})
    loose: ClassVar[frozenset[str]] = TrainingConfig.loose | {"background", "same_class_negatives"}
