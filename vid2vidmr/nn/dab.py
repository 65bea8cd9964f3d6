"""The decoder of DAB-DETR (Liu et al., ICLR 2022) in one dimension: queries are spans.

A moment query is a reference span (centre, width). Its sine embedding is its position, and every
layer refines it.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from vid2vidmr.nn.cross_attention import Attention
from vid2vidmr.nn.heads import MLP
from vid2vidmr.nn.transformer import Activation, Layer


def inverse_sigmoid(x: Tensor, eps: float = 1e-3) -> Tensor:
    """Logit of x in [0, 1], no further from 0 than that of `eps`."""
    x = x.clamp(0, 1)
    return (x.clamp(min=eps) / (1 - x).clamp(min=eps)).log()


def sine_embedding(spans: Tensor, d: int) -> Tensor:
    """Sines and cosines of centre and width, d / 2 each: (B, Q, 2) -> (B, Q, d)."""
    even = torch.arange(0, d // 2, 2, dtype=torch.float32, device=spans.device)
    angle = spans.unsqueeze(-1) * 2 * math.pi / 10000 ** (even / (d // 2))  # (B, Q, 2, d / 4)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(2)


class DabDecoderLayer(Layer):
    """Self-attention of the queries, cross-attention in which content and place are compared apart.

    Parameters as in `EncoderLayer`, and

    Parameters
    ----------
    first : bool
        The first layer, in which the content of queries is zero, adds places to contents too.
    """

    def __init__(
        self,
        d: int,
        heads: int,
        ff: int,
        dropout: float = 0.1,
        activation: Activation = "prelu",
        drop_path: float = 0.0,
        *,
        first: bool,
    ) -> None:
        super().__init__()
        self.heads = heads
        self.first = first
        self.sa_qcontent_proj = nn.Linear(d, d)
        self.sa_qpos_proj = nn.Linear(d, d)
        self.sa_kcontent_proj = nn.Linear(d, d)
        self.sa_kpos_proj = nn.Linear(d, d)
        self.sa_v_proj = nn.Linear(d, d)
        self.self_attn = Attention(d, heads, dropout)
        self.ca_qcontent_proj = nn.Linear(d, d)
        if first:
            self.ca_qpos_proj = nn.Linear(d, d)
        self.ca_qpos_sine_proj = nn.Linear(d, d)
        self.ca_kcontent_proj = nn.Linear(d, d)
        self.ca_kpos_proj = nn.Linear(d, d)
        self.ca_v_proj = nn.Linear(d, d)
        self.cross_attn = Attention(d, heads, dropout)
        self.add_feed_forward(d, ff, dropout, activation, drop_path, norms=3)

    def forward(
        self, x: Tensor, pos: Tensor, sine: Tensor, memory: Tensor, mask: Tensor, memory_pos: Tensor
    ) -> Tensor:
        """Let every query read the memory.

        Parameters
        ----------
        x, pos, sine : Tensor, (B, Q, d)
            Content of the queries, their place for self-attention, and for cross-attention.
        memory, memory_pos : Tensor, (B, L, d)
        mask : Tensor, (B, L)
            True where valid; at least one row a sample.

        Returns
        -------
        Tensor, (B, Q, d)
        """
        q = self.sa_qcontent_proj(x) + self.sa_qpos_proj(pos)
        k = self.sa_kcontent_proj(x) + self.sa_kpos_proj(pos)
        x = self.norm1(x + self.residual(self.self_attn(q, k, self.sa_v_proj(x))[0]))

        q, k = self.ca_qcontent_proj(x), self.ca_kcontent_proj(memory)
        k_place = self.ca_kpos_proj(memory_pos)
        if self.first:
            q, k = q + self.ca_qpos_proj(pos), k + k_place
        q = self._side_by_side(q, self.ca_qpos_sine_proj(sine))  # (B, Q, 2 d)
        k = self._side_by_side(k, k_place)  # (B, L, 2 d)
        blocked = ~mask.bool()[:, None, None]
        read = self.cross_attn(q, k, self.ca_v_proj(memory), blocked)[0]
        x = self.norm2(x + self.residual(read))
        out: Tensor = self.norm3(x + self.feed_forward(x))
        return out

    def _side_by_side(self, content: Tensor, place: Tensor) -> Tensor:
        """Content and place of each head next to each other, two (B, L, d) -> (B, L, 2 d)."""
        parts = [x.view(*x.shape[:2], self.heads, -1) for x in (content, place)]
        return torch.cat(parts, dim=-1).flatten(2)


class DabDecoder(nn.Module):
    """Decoder layers, each of which reads around its reference spans and then moves them.

    Keys ``layers.{i}.*``, ``norm.*``, ``ref_point_head.*`` (place of a span), ``query_scale.*``
    and ``ref_anchor_head.*`` (how place counts, by content), ``bbox_embed.*`` (how spans move).
    Parameters after `layers` are those of `DabDecoderLayer`.
    """

    def __init__(self, layers: int, d: int, *size: Any, **options: Any) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            DabDecoderLayer(d, *size, first=i == 0, **options) for i in range(layers)
        )
        self.norm = nn.LayerNorm(d)
        self.query_scale = MLP(d, d, d, layers=2)
        self.ref_point_head = MLP(d, d, d, layers=2)
        self.ref_anchor_head = MLP(d, d, 1, layers=2)
        self.bbox_embed = MLP(d, d, 2, layers=3)

    def forward(
        self, queries: Tensor, memory: Tensor, mask: Tensor, memory_pos: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Decode learned spans.

        Parameters
        ----------
        queries : Tensor, (Q, 2)
            Logits of centre and width.
        memory, memory_pos : Tensor, (B, L, d)
        mask : Tensor, (B, L)
            True where valid.

        Returns
        -------
        hidden : Tensor, (layers, B, Q, d)
            Normed output of every layer.
        references : Tensor, (layers, B, Q, 2)
            The spans that every layer started from, in [0, 1].
        """
        b, d = len(memory), memory.shape[-1]
        reference = queries.sigmoid().expand(b, -1, -1)  # (B, Q, 2)
        x = memory.new_zeros(b, len(queries), d)
        hidden, references = [], [reference]
        for i, layer in enumerate(self.layers):
            sine = sine_embedding(reference, d)  # (B, Q, d)
            pos = self.ref_point_head(sine)
            if i > 0:
                sine = sine * self.query_scale(x)
            sine = sine * self.ref_anchor_head(x).sigmoid() / reference[..., 1:]
            x = layer(x, pos, sine, memory, mask, memory_pos)
            hidden.append(self.norm(x))
            if i + 1 < len(self.layers):
                moved = (self.bbox_embed(x) + inverse_sigmoid(reference)).sigmoid()
                references.append(moved)
                reference = moved.detach()
        return torch.stack(hidden), torch.stack(references)
