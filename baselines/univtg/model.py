"""The network of UniVTG, with the parameter names of the published checkpoints.

Shapes: B batch, M target rows, N query rows, d hidden. "txt" in the published names is the query,
here a video.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines.univtg.config import UniVtgConfig
from vid2vidmr.nn.clips import WeightedPool, saliency
from vid2vidmr.nn.existence import WithExistence
from vid2vidmr.nn.heads import ConvHead
from vid2vidmr.nn.positions import LearnedPosition, sine_position
from vid2vidmr.nn.projection import Projection, normalise, with_endpoints
from vid2vidmr.nn.transformer import Encoder, xavier_init
from vid2vidmr.train.batch import Batch


class Model(WithExistence):
    """Maps a batch to a probability of foreground, a window and a saliency for every target clip.

    Parameters
    ----------
    dim : int
        Length of a feature; the target's rows have two temporal endpoints beside.
    """

    def __init__(self, config: UniVtgConfig, dim: int) -> None:
        super().__init__()
        c = self.config = config
        self.input_vid_proj = Projection(dim + 2, c.d, c.input_layers, c.input_dropout)
        self.input_txt_proj = Projection(c.query_dim or dim, c.d, c.input_layers, c.input_dropout)
        self.token_type_embeddings = nn.Embedding(2, c.d)  # query, target
        nn.init.normal_(self.token_type_embeddings.weight, std=0.02)
        self.txt_position_embed = LearnedPosition(c.position_table, c.d, c.input_dropout)
        encoder = Encoder(c.encoder_layers, c.d, c.heads, c.ff, c.dropout, "gelu", c.drop_path)
        for layer in encoder.layers:
            layer.dropout = nn.Identity()  # none inside the feed-forward layers
        self.transformer = nn.ModuleDict({"encoder": encoder})
        xavier_init(self.transformer)
        self.class_embed = ConvHead(c.d, 1, masked=not c.official_padding)
        self.span_embed = ConvHead(c.d, 2, masked=not c.official_padding)
        self.weightedpool = WeightedPool(c.d)
        self.register_buffer("direction", torch.tensor([-1.0, 1.0]), persistent=False)
        self.add_existence(c.existence, c.d)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Normalise, append temporal endpoints to the target, and predict."""
        n = self.config.position_table if self.config.query_positions else None
        target = with_endpoints(normalise(batch.target), batch.target_mask)
        return self.outputs(
            target, batch.target_mask, normalise(batch.query[:, :n]), batch.query_mask[:, :n]
        )

    def outputs(
        self, target: Tensor, target_mask: Tensor, query: Tensor, query_mask: Tensor
    ) -> dict[str, Tensor]:
        """Predict from prepared inputs.

        Parameters
        ----------
        target, query : Tensor, (B, M, dim + 2) and (B, N, dim)
        target_mask, query_mask : Tensor, (B, M) and (B, N)
            True where valid.

        Returns
        -------
        dict
            ``pred_logits`` (B, M, 1), in spite of the name the probability of foreground;
            ``pred_spans`` (B, M, 2), offsets from the clip's end to the window's start (<= 0) and
            end (>= 0), as shares of the target; ``saliency_scores`` (B, M); what it compares,
            ``vid_mem_proj`` (B, M, d) and ``txt_mem_proj`` (B, 1, d).
        """
        types = self.token_type_embeddings.weight
        v = self.input_vid_proj(target) + types[1]  # (B, M, d)
        t = self.input_txt_proj(query) + types[0]  # (B, N, d)
        t_pos = self.txt_position_embed(t) if self.config.query_positions else torch.zeros_like(t)
        x = self.transformer["encoder"](
            torch.cat([v, t], dim=1),
            torch.cat([target_mask, query_mask], dim=1),
            torch.cat([sine_position(target_mask, self.config.d), t_pos], dim=1),
        )[:, : v.shape[1]]  # (B, M, d)
        pooled = self.weightedpool(t, query_mask)  # (B, 1, d)
        return {
            "pred_logits": self.class_embed(x, target_mask).sigmoid(),
            "pred_spans": self.span_embed(x, target_mask).sigmoid() * self.direction,
            "saliency_scores": saliency(v, pooled, target_mask),
            "vid_mem_proj": v,
            "txt_mem_proj": pooled,
            **self.existing(x, target_mask),
        }
