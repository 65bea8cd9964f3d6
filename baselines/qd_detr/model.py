"""The network of QD-DETR, with the parameter names of the published checkpoints.

Shapes: B batch, M target rows, N query rows, Q moment queries, d hidden. "txt" in the published
names is the query, here a video.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from baselines.qd_detr.config import QdDetrConfig
from vid2vidmr.methods.detr.model import DabDetrModel
from vid2vidmr.nn.cross_attention import CrossEncoder, blocked_keys
from vid2vidmr.nn.positions import sine_position
from vid2vidmr.nn.transformer import Encoder
from vid2vidmr.train.batch import Batch


class Model(DabDetrModel):
    """Maps a batch to Q spans with class logits, and a saliency for every target clip.

    Parameters as in `DetrModel`.
    """

    def __init__(self, config: QdDetrConfig, dim: int) -> None:
        c = config
        size = c.d, c.heads, c.ff, c.dropout, "prelu"
        blocks = {
            "t2v_encoder": CrossEncoder(c.t2v_layers, *size),
            "encoder": Encoder(c.encoder_layers, *size),
        }
        super().__init__(config, dim, blocks)
        self.global_rep_token = nn.Parameter(torch.randn(c.d))
        self.global_rep_pos = nn.Parameter(torch.randn(c.d))
        self.add_existence(c.existence, c.d)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Predict for a batch as it comes; in training also for negative pairs."""
        return self.outputs(*self.inputs(batch), negatives=self.training)

    def outputs(
        self,
        target: Tensor,
        target_mask: Tensor,
        query: Tensor,
        query_mask: Tensor,
        negatives: bool = False,
    ) -> dict[str, Tensor]:
        """Predict from prepared inputs, see `Inputs`.

        Parameters
        ----------
        negatives : bool
            Also give each target the query of the next pair, and the last one that of the first.

        Returns
        -------
        dict
            ``pred_logits`` (B, Q, 2), foreground first; ``pred_spans`` (B, Q, 2), centre and width
            in [0, 1]; ``saliency_scores`` (B, M); ``video_mask`` (B, M), the target's; the first
            two of the earlier decoder layers, the first layer first, as ``aux_outputs.{i}.*``. With
            `negatives` ``saliency_scores_neg`` (B, M).
        """
        v = self.input_vid_proj(target)  # (B, M, d)
        t = self.input_txt_proj(query)  # (B, N, d)
        v_pos, t_pos = sine_position(target_mask, self.config.d), self.query_position(t)
        token, memory = self.read(v, target_mask, v_pos, t, query_mask, t_pos)
        found = {
            **self.windows(memory, target_mask, v_pos),
            **self.existing(memory, target_mask),
            "saliency_scores": self.saliency(memory, token),
            "video_mask": target_mask,
        }
        if negatives:
            # The published code leaves the positions with the query that they were made for.
            other, other_mask = t.roll(-1, 0), query_mask.roll(-1, 0)
            token, memory = self.read(v, target_mask, v_pos, other, other_mask, t_pos)
            found["saliency_scores_neg"] = self.saliency(memory, token)
        return found

    def read(
        self, v: Tensor, v_mask: Tensor, v_pos: Tensor, t: Tensor, t_mask: Tensor, t_pos: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Let the clips read the query, and a token and the clips read each other.

        Parameters
        ----------
        v, v_pos, v_mask : Tensor, (B, M, d) twice and (B, M)
        t, t_pos, t_mask : Tensor, (B, N, d) twice and (B, N)

        Returns
        -------
        token : Tensor, (B, d)
            Sums the target up, as the query makes it look.
        memory : Tensor, (B, M, d)
        """
        blocked = blocked_keys(v_mask, t_mask, self.config.heads, self.config.official_mask)
        v, _ = self.transformer["t2v_encoder"](v, v_pos, t + t_pos, t, blocked)
        first = v.new_zeros(len(v), 1, self.config.d)
        x = torch.cat([first + self.global_rep_token, v], dim=1)  # (B, 1 + M, d)
        pos = torch.cat([first + self.global_rep_pos, v_pos], dim=1)
        mask = torch.cat([torch.ones_like(v_mask[:, :1]), v_mask], dim=1)
        x = self.transformer["encoder"](x, mask, pos)
        return x[:, 0], x[:, 1:]
