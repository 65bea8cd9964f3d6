"""What networks that predict a set of windows share: inputs, targets, losses of all layers.

Shapes: B batch, M target rows, N query rows, Q moment queries, d hidden. "txt" in the published
names is the query, here a video.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from vid2vidmr.errors import UserError
from vid2vidmr.methods.detr.config import DetrConfig
from vid2vidmr.nn.dab import DabDecoder, inverse_sigmoid
from vid2vidmr.nn.existence import WithExistence
from vid2vidmr.nn.heads import MLP
from vid2vidmr.nn.positions import LearnedPosition
from vid2vidmr.nn.projection import Projection, normalise, with_endpoints
from vid2vidmr.nn.transformer import xavier_init
from vid2vidmr.train.batch import Batch


class Inputs(NamedTuple):
    """Prepared inputs of a network.

    Attributes
    ----------
    target, target_mask : Tensor, (B, M, dim + 2) and (B, M)
    query, query_mask : Tensor, (B, N, dim) and (B, N)
        Masks are true where valid.
    """

    target: Tensor
    target_mask: Tensor
    query: Tensor
    query_mask: Tensor


class DetrModel(WithExistence):
    """Inputs of a set-prediction network: cut off, normalised, with endpoints, projected.

    Parameters
    ----------
    dim : int
        Length of a target's feature; its rows have two temporal endpoints beside.

    Raises
    ------
    UserError
        If queries may be longer than the table of their positions.
    """

    def __init__(self, config: DetrConfig, dim: int) -> None:
        super().__init__()
        if config.query_positions and config.max_query > config.position_table:
            raise UserError(
                f"Queries of {config.max_query} rows need a position table of as many, it has "
                f"{config.position_table}: lower max_query or raise position_table."
            )
        self.config: Any = config  # of the subclass's own type
        c = config
        self.input_vid_proj = Projection(dim + 2, c.d, c.input_layers, c.input_dropout)
        self.input_txt_proj = Projection(c.query_dim or dim, c.d, c.input_layers, c.input_dropout)
        self.txt_position_embed = LearnedPosition(c.position_table, c.d, c.input_dropout)

    @abstractmethod
    def outputs(
        self, target: Tensor, target_mask: Tensor, query: Tensor, query_mask: Tensor
    ) -> dict[str, Tensor]:
        """Predict from prepared inputs, see `Inputs`."""

    def inputs(self, batch: Batch) -> Inputs:
        """Cut target and query off, normalise their rows, append endpoints to the target's."""
        m, n = self.config.max_target, self.config.max_query
        mask = batch.target_mask[:, :m]
        target = with_endpoints(normalise(batch.target[:, :m]), mask)
        return Inputs(target, mask, normalise(batch.query[:, :n]), batch.query_mask[:, :n])

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Predict for a batch as it comes."""
        return self.outputs(*self.inputs(batch))

    def query_position(self, t: Tensor) -> Tensor:
        """Positions of the projected query (B, N, d): learned if the config says so, else zero."""
        if not self.config.query_positions:
            return torch.zeros_like(t)
        position: Tensor = self.txt_position_embed(t)
        return position


class DabDetrModel(DetrModel):
    """The second half of QD-DETR and CG-DETR: spans are refined, saliency compares with a token.

    Parameters as in `DetrModel`, and

    Parameters
    ----------
    blocks : dict of str to Module
        Encoders of the transformer, by their published names.
    drop_path : float
        Of the decoder.
    """

    def __init__(
        self,
        config: DetrConfig,
        dim: int,
        blocks: Mapping[str, nn.Module],
        drop_path: float = 0.0,
    ) -> None:
        super().__init__(config, dim)
        c = config
        decoder = DabDecoder(c.decoder_layers, c.d, c.heads, c.ff, c.dropout, "prelu", drop_path)
        self.transformer = nn.ModuleDict({**blocks, "decoder": decoder})
        xavier_init(self.transformer)
        self.query_embed = nn.Embedding(c.queries, 2)
        self.span_embed = MLP(c.d, c.d, 2, layers=3)
        self.class_embed = nn.Linear(c.d, 2)
        self.saliency_proj1 = nn.Linear(c.d, c.d)
        self.saliency_proj2 = nn.Linear(c.d, c.d)

    def windows(self, memory: Tensor, mask: Tensor, pos: Tensor) -> dict[str, Tensor]:
        """Logits and spans of all layers from the clips (B, M, d), see `by_layer`."""
        hidden, references = self.transformer["decoder"](
            self.query_embed.weight, memory, mask, pos
        )  # (layers, B, Q, d), (layers, B, Q, 2)
        spans = (self.span_embed(hidden) + inverse_sigmoid(references)).sigmoid()
        return by_layer(pred_logits=self.class_embed(hidden), pred_spans=spans)

    def saliency(self, memory: Tensor, token: Tensor) -> Tensor:
        """Saliency (B, M) of clips (B, M, d) by their likeness to a token (B, d)."""
        likeness = self.saliency_proj1(memory) @ self.saliency_proj2(token).unsqueeze(-1)
        scores: Tensor = likeness.squeeze(-1) / memory.shape[-1] ** 0.5
        return scores


def by_layer(**layers: Tensor) -> dict[str, Tensor]:
    """Give outputs of all decoder layers, (layers, ...), their published names.

    Those of the last layer keep theirs; those of earlier ones are ``aux_outputs.{i}.*``, the first
    layer first.
    """
    last = {name: value[-1] for name, value in layers.items()}
    earlier = {
        f"aux_outputs.{i}.{name}": value[i]
        for name, value in layers.items()
        for i in range(len(value) - 1)
    }
    return last | earlier
