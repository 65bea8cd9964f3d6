"""MATR, wiring of the paper (Kumar et al., ICCV 2025, section 4).

B batch, M target clips, N query clips, L = 10 decoder queries, d hidden size.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.matr.config import MatrConfig
from baselines.matr.joins import JOINS
from vid2vidmr.alignment import subsequence_segments
from vid2vidmr.nn.existence import WithExistence
from vid2vidmr.nn.heads import ConvHead
from vid2vidmr.nn.positions import sine_position
from vid2vidmr.nn.projection import Projection, normalise, with_endpoints
from vid2vidmr.nn.transformer import Decoder, Encoder, xavier_init
from vid2vidmr.train.batch import Batch


def cosine_cost(target: Tensor, query: Tensor) -> Tensor:
    """1 - cosine of every target clip with every query clip, (B, M, N)."""
    return 1 - F.normalize(target, dim=-1) @ F.normalize(query, dim=-1).transpose(1, 2)


class Model(WithExistence):
    """The network; see `forward` for its outputs.

    Parameters
    ----------
    dim : int
        Length of a stored feature.
    """

    def __init__(self, config: MatrConfig, dim: int) -> None:
        super().__init__()
        c = self.config = config
        self.input_vid_proj = Projection(dim + 2, c.d, dropout=c.input_dropout)
        self.input_txt_proj = Projection(c.query_dim or dim, c.d, dropout=c.input_dropout)
        self.token_type_embeddings = nn.Embedding(2, c.d)
        nn.init.normal_(self.token_type_embeddings.weight, std=0.02)
        sizes = (c.d, c.heads, c.ff, c.dropout)
        self.transformer = nn.ModuleDict(
            {
                "encoder": Encoder(c.encoder_layers, *sizes),
                "decoder": Decoder(c.decoder_layers, *sizes),
            }
        )
        xavier_init(self.transformer)
        self.query_embed = nn.Embedding(c.queries, c.d)
        self.join = JOINS[c.join](c)
        self.class_embed_c = ConvHead(self.join.width, 1)
        self.span_embed_c = ConvHead(self.join.width, 2)
        self.add_existence(c.existence, c.d)

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Score every target clip and give it a window.

        Returns
        -------
        dict
            ``foreground`` (B, M) logits; ``windows_s`` (B, M, 2) seconds, not clamped;
            ``pre_cost``, ``post_cost`` (B, M, N) before and after fusion, and ``pre_rows``,
            ``post_rows`` (B, M + N, d) that they compare; ``segment`` (B, 2) rows
            [s, e) of the target that the query aligns with.
        """
        target, query = normalise(batch.target), normalise(batch.query)
        t, q = self.project(with_endpoints(target, batch.target_mask), query)
        pre_cost, pre_rows = cosine_cost(t, q), torch.cat([t, q], dim=1)
        t, q = self.fuse(t, batch.target_mask, q, batch.query_mask)
        post_cost = cosine_cost(t, q)
        segment = aligned_segment(post_cost, batch.target_mask, batch.query_mask)
        decoded = self.decode_segment(t, batch.target_mask, segment)
        foreground, offsets = self.heads(t, batch.target_mask, decoded, segment)
        M = t.shape[1]
        centre_s = batch.step_s * (torch.arange(M, device=t.device) + 0.5)
        offsets_s = batch.step_s * F.softplus(offsets[:, :M])  # (left, right) >= 0
        windows_s = torch.stack([centre_s - offsets_s[..., 0], centre_s + offsets_s[..., 1]], -1)
        return {
            "foreground": foreground[:, :M, 0],
            "windows_s": windows_s,
            "pre_cost": pre_cost,
            "post_cost": post_cost,
            "pre_rows": pre_rows,
            "post_rows": torch.cat([t, q], dim=1),
            "segment": segment,
            **self.existing(t, batch.target_mask),
        }

    def project(self, target: Tensor, query: Tensor) -> tuple[Tensor, Tensor]:
        """(B, M, dim + 2) and (B, N, dim) -> (B, M, d) and (B, N, d), each with its token type."""
        types = self.token_type_embeddings.weight
        return self.input_vid_proj(target) + types[1], self.input_txt_proj(query) + types[0]

    def fuse(
        self, t: Tensor, target_mask: Tensor, q: Tensor, query_mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Encode target and query together: E_t^g (B, M, d) and E_q^g (B, N, d)."""
        q_pos = self.query_position(q, query_mask)
        x = self.transformer["encoder"](
            torch.cat([t, q], dim=1),
            torch.cat([target_mask, query_mask], dim=1),
            torch.cat([sine_position(target_mask, self.config.d), q_pos], dim=1),
        )
        return x[:, : t.shape[1]], x[:, t.shape[1] :]

    def query_position(self, q: Tensor, mask: Tensor) -> Tensor:
        """Positions of the projected query (B, N, d)."""
        return (
            sine_position(mask, self.config.d)
            if self.config.query_positions
            else torch.zeros_like(q)
        )

    def decode_segment(self, t: Tensor, target_mask: Tensor, segment: Tensor) -> Tensor:
        """Let the learned queries read the target rows [s, e): E_t^l (B, L, d)."""
        rows = torch.arange(t.shape[1], device=t.device)
        inside = (rows >= segment[:, :1]) & (rows < segment[:, 1:])  # (B, M)
        positions = sine_position(target_mask, self.config.d)
        decoded: Tensor = self.transformer["decoder"](
            self.query_embed.weight, t, inside, positions
        )[-1]
        return decoded

    def heads(
        self, t: Tensor, mask: Tensor, decoded: Tensor, segment: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Both heads on E_f: raw values (B, rows, 1) and (B, rows, 2); the first M are of clips."""
        joined, valid = self.join(t, mask, decoded, segment)
        return self.class_embed_c(joined, valid), self.span_embed_c(joined, valid)


def aligned_segment(cost: Tensor, target_mask: Tensor, query_mask: Tensor) -> Tensor:
    """Target rows [s, e) of the hard subsequence path of every pair, (B, 2)."""
    return subsequence_segments(cost.detach(), target_mask.sum(1), query_mask.sum(1))


def aligned_window(cost: Tensor, batch: Batch) -> list[np.ndarray]:
    """Windows of the hard subsequence path of every pair, each (1, 3): start_s, end_s, score 1."""
    windows_s = batch.step_s * aligned_segment(cost, batch.target_mask, batch.query_mask)
    windows_s = windows_s.minimum(batch.durations_s[:, None])
    rows = torch.cat([windows_s, torch.ones_like(windows_s[:, :1])], dim=1)
    return list(rows.cpu().numpy()[:, None])
