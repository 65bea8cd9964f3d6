"""A learned alignment proposes the windows, encoder and heads refine them.

- Query and target are matched in an embedding of their own, with a learned bias: a match earns what
  it is worth, so that the alignment of a query with a window is a log-likelihood ratio.
- Every target clip starts from a window, that of the cheapest alignment which covers it, and the
  boundary head moves its ends by at most `REACH` clips.
- The encoder reads how the clips match the query (`evidence`), not what they show: what it learns
  holds for classes that training has not seen.

B batch, M target clips, N query clips, d hidden size.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.align_learned.config import AlignLearnedConfig
from baselines.align_learned.proposals import covering_segments
from vid2vidmr.alignment import subsequence_posterior
from vid2vidmr.nn.existence import WithExistence
from vid2vidmr.nn.heads import ConvHead
from vid2vidmr.nn.positions import sine_position
from vid2vidmr.nn.transformer import Encoder, xavier_init
from vid2vidmr.train.batch import Batch

CHANNELS = 6
"""Numbers of `evidence` a clip."""
FAR = 24.0
"""Clips: longer distances are cut off; they are given in units of a third of it."""
REACH = 2.0
"""Clips."""
LEAST = 0.05
"""Clips that a window has at least."""


class Model(WithExistence):
    """The network; see `forward` for its outputs.

    Parameters
    ----------
    dim : int
        Length of a feature.
    """

    def __init__(self, config: AlignLearnedConfig, dim: int) -> None:
        super().__init__()
        c = self.config = config
        self.dim = dim
        self.embedding = nn.Sequential(
            nn.Dropout(c.input_dropout),
            nn.Linear(dim, c.embedding_hidden),
            nn.ReLU(),
            nn.Dropout(c.input_dropout),
            nn.Linear(c.embedding_hidden, c.embedding),
        )
        self.match_bias = nn.Parameter(torch.zeros(()))
        self.evidence_proj = nn.Linear(CHANNELS, c.d)
        self.encoder = Encoder(c.encoder_layers, c.d, c.heads, c.ff, c.dropout)
        xavier_init(self.encoder)
        self.class_embed_c = ConvHead(c.d + CHANNELS, 1)
        self.span_embed_c = ConvHead(c.d + CHANNELS, 2)
        self.add_existence(c.existence, c.d + CHANNELS)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Score every target clip and give it a window.

        Returns
        -------
        dict
            ``foreground`` (B, M) logits; ``windows_s`` (B, M, 2) seconds, not clamped;
            ``cost`` (B, M, N), below 0 where a match is likelier than not; ``posterior`` (B, M) log
            of how likely the alignment is that a window started from, against the best one.
        """
        target, query = (self.embed(x) for x in (batch.target, batch.query))
        cost = 1 - target @ query.transpose(1, 2) - self.match_bias  # (B, M, N)
        masks = batch.target_mask, batch.query_mask
        lengths = [mask.sum(1) for mask in masks]
        segment, segment_cost = covering_segments(cost, *lengths)  # (B, M, 2), (B, M)
        best = segment_cost.masked_fill(~batch.target_mask, torch.inf).amin(1, keepdim=True)
        posterior = (best - segment_cost) / self.config.gamma  # <= 0
        seen = self.evidence(cost, segment, posterior, lengths) * batch.target_mask[..., None]
        x = self.encoder(self.evidence_proj(seen), masks[0], sine_position(masks[0], self.config.d))
        x = torch.cat([x, seen], dim=-1)
        foreground, moves = (head(x, masks[0]) for head in (self.class_embed_c, self.span_embed_c))
        # Smooth and bounded: where the alignment is wrong, the heads cannot learn to leap.
        step_s = batch.step_s
        ends_s = step_s * segment + REACH * step_s * torch.tanh(moves / (2 * REACH))
        start_s, end_s = ends_s.unbind(-1)
        return {
            "foreground": foreground[..., 0],
            "windows_s": torch.stack(
                [start_s, torch.maximum(end_s, start_s + LEAST * step_s)], dim=-1
            ),
            "cost": cost,
            "posterior": posterior,
            **self.existing(x, masks[0]),
        }

    def embed(self, x: Tensor) -> Tensor:
        """Features (B, L, dim) -> unit vectors (B, L, embedding) that match where moments do."""
        return F.normalize(self.embedding(F.normalize(x, dim=-1) * self.dim**0.5), dim=-1)

    def evidence(
        self, cost: Tensor, segment: Tensor, posterior: Tensor, lengths: list[Tensor]
    ) -> Tensor:
        """Tell what the alignment says of each clip, (B, M, CHANNELS); no gradient flows back.

        Probability that a path starts, ends, is inside; signed distances of the clip's centre from
        the ends of the window it starts from; how likely that window is, a query clip.
        """
        cost = cost.detach()
        M = cost.shape[1]
        start, end = subsequence_posterior(cost, self.config.gamma, *lengths)
        inside = start.cumsum(1) - end.cumsum(1) + end
        centre = torch.arange(M, device=cost.device) + 0.5
        distance = torch.stack([centre - segment[..., 0], segment[..., 1] - centre], dim=-1)
        likely = (posterior / lengths[1][:, None]).clamp(min=-10) / 2
        return torch.cat(
            [
                torch.stack([start, end, inside], dim=-1),
                distance.clamp(-FAR, FAR) / (FAR / 3),
                likely.unsqueeze(-1),
            ],
            dim=-1,
        )
