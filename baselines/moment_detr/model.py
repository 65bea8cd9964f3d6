"""The network of Moment-DETR, with the parameter names of the published checkpoints.

Shapes: B batch, M target rows, N query rows, Q moment queries, d hidden. "txt" in the published
names is the query, here a video.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.moment_detr.config import MomentDetrConfig
from vid2vidmr.methods.detr.model import DetrModel, by_layer
from vid2vidmr.nn.heads import MLP
from vid2vidmr.nn.positions import sine_position
from vid2vidmr.nn.transformer import Decoder, Encoder, xavier_init


class Model(DetrModel):
    """Maps a batch to Q spans with class logits, and a saliency for every target clip.

    Parameters as in `DetrModel`.
    """

    def __init__(self, config: MomentDetrConfig, dim: int) -> None:
        super().__init__(config, dim)
        c = config
        self.transformer = nn.ModuleDict(
            {
                "encoder": Encoder(c.encoder_layers, c.d, c.heads, c.ff, c.dropout),
                "decoder": Decoder(c.decoder_layers, c.d, c.heads, c.ff, c.dropout),
            }
        )
        xavier_init(self.transformer)
        self.query_embed = nn.Embedding(c.queries, c.d)
        self.span_embed = MLP(c.d, c.d, 2, layers=3)
        self.class_embed = nn.Linear(c.d, 2)
        self.saliency_proj = nn.Linear(c.d, 1)
        if c.contrastive:
            self.contrastive_align_projection_query = nn.Linear(c.d, c.contrastive_dim)
            self.contrastive_align_projection_txt = nn.Linear(c.d, c.contrastive_dim)
            # The published model has this one too, though no loss uses it.
            self.contrastive_align_projection_vid = nn.Linear(c.d, c.contrastive_dim)
        self.add_existence(c.existence, c.d)

    def outputs(
        self, target: Tensor, target_mask: Tensor, query: Tensor, query_mask: Tensor
    ) -> dict[str, Tensor]:
        """Predict from prepared inputs, see `Inputs`.

        Returns
        -------
        dict
            ``pred_logits`` (B, Q, 2), foreground first; ``pred_spans`` (B, Q, 2), centre and width
            in [0, 1]; ``saliency_scores`` (B, M); the first two of the earlier decoder layers, the
            first layer first, as ``aux_outputs.{i}.*``. With the contrastive loss ``proj_queries``
            (B, Q, h), ``proj_txt_mem`` (B, N, h) and ``proj_vid_mem`` (B, M, h); the first two with
            every layer, though ``proj_txt_mem`` is the same in all.
        """
        v = self.input_vid_proj(target)  # (B, M, d)
        t = self.input_txt_proj(query)  # (B, N, d)
        x = torch.cat([v, t], dim=1)  # (B, M + N, d)
        mask = torch.cat([target_mask, query_mask], dim=1)
        pos = torch.cat([sine_position(target_mask, self.config.d), self.query_position(t)], dim=1)
        memory = self.transformer["encoder"](x, mask, pos)  # (B, M + N, d)
        hidden = self.transformer["decoder"](self.query_embed.weight, memory, mask, pos)

        logits = self.class_embed(hidden)  # (layers, B, Q, 2)
        spans = self.span_embed(hidden).sigmoid()
        layers = {"pred_logits": logits, "pred_spans": spans}
        v_mem, t_mem = memory.split([v.shape[1], t.shape[1]], dim=1)
        once = {"saliency_scores": self.saliency_proj(v_mem).squeeze(-1)}
        if self.config.contrastive:
            aligned = self.contrastive_align_projection_query(hidden)
            layers["proj_queries"] = F.normalize(aligned, dim=-1)
            text = F.normalize(self.contrastive_align_projection_txt(t_mem), dim=-1)
            layers["proj_txt_mem"] = text.expand(len(hidden), *text.shape)
            once["proj_vid_mem"] = F.normalize(self.contrastive_align_projection_vid(v_mem), dim=-1)
        return by_layer(**layers) | once | self.existing(v_mem, target_mask)
