"""Hyper-parameters that Moment-DETR, QD-DETR and CG-DETR share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vid2vidmr.methods.presets import SEARCH
from vid2vidmr.train.config import TrainingConfig

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
    queries : int
        Moment queries, that is windows predicted for a pair.
    dropout, input_dropout : float
        In the transformer, and before each linear map of the projections.
    max_target, max_query : int
        Rows (2 s each) after which target and query are cut off.
    query_positions : bool
        Learned positions for the query; without them its order cannot be seen.
    position_table : int
        Rows of the table of those positions (in the state dict even when unused).
    weight_span, weight_giou, weight_label : float
        Of the set losses, and of the costs of matching.
    background : float
        Weight of the background class in the label loss.
    nms : float
        IoU above which a lower-ranked window is dropped; 1 drops none.
    """

    d: int = 256
    heads: int = 8
    ff: int = 1024
    encoder_layers: int = 2
    decoder_layers: int = 2
    input_layers: int = 2
    queries: int = 10
    dropout: float = 0.1
    input_dropout: float = 0.5
    max_target: int = 75
    max_query: int = 32
    query_positions: bool = False
    position_table: int = 32
    weight_span: float = 10.0
    weight_giou: float = 1.0
    weight_label: float = 4.0
    weight_saliency: float = 1.0
    background: float = 0.1
    nms: float = 1.0
