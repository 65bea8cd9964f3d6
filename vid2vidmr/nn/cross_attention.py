"""Attention with the projections left to the caller, and layers in which clips read the query."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vid2vidmr.nn.transformer import Activation, Layer


class Attention(nn.Module):
    """Multi-head attention that gives its weights, keys ``out_proj.*``.

    Parameters
    ----------
    d, heads : int
        Length of values and outputs. Queries and keys may be longer, see `forward`.
    dropout : float
        Of the weights.
    projected : bool
        Project queries, keys and values first; keys ``in_proj_weight`` and ``in_proj_bias``, as of
        `torch.nn.MultiheadAttention`.
    """

    def __init__(self, d: int, heads: int, dropout: float = 0.1, projected: bool = False) -> None:
        super().__init__()
        self.heads = heads
        self.projected = projected
        if projected:
            self.in_proj_weight = nn.Parameter(torch.empty(3 * d, d))
            self.in_proj_bias = nn.Parameter(torch.zeros(3 * d))
            nn.init.xavier_uniform_(self.in_proj_weight)
        self.out_proj = nn.Linear(d, d)
        nn.init.zeros_(self.out_proj.bias)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, q: Tensor, k: Tensor, v: Tensor, blocked: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Mix values by softmax(q . k / sqrt(length of a head's q)).

        Parameters
        ----------
        q, k : Tensor, (B, L, e) and (B, N, e)
            Heads lie one after the other in e.
        v : Tensor, (B, N, d)
        blocked : Tensor, (B or 1, heads or 1, L or 1, N), bool, optional
            True where a row may not see a key; each must see one at least.

        Returns
        -------
        out : Tensor, (B, L, d)
        weights : Tensor, (B, L, N)
            Mean over heads, before dropout.
        """
        if self.projected:
            weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
            q, k, v = (F.linear(*part) for part in zip((q, k, v), weights, biases, strict=True))
        q, k, v = (x.view(*x.shape[:2], self.heads, -1).transpose(1, 2) for x in (q, k, v))
        logits = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5  # (B, heads, L, N)
        if blocked is not None:
            logits = logits.masked_fill(blocked, -torch.inf)
        attention = logits.softmax(-1)
        mixed = (self.dropout(attention) @ v).transpose(1, 2).flatten(2)  # (B, L, d)
        return self.out_proj(mixed), attention.mean(1)


def blocked_keys(rows_mask: Tensor, keys_mask: Tensor, heads: int, official: bool) -> Tensor:
    """Give what rows may not see of keys, for `Attention`: padding.

    The published QD-DETR and CG-DETR also block padded keys for padded rows, which changes nothing,
    but hand the blocks of a batch to its samples in the wrong order: head h of sample b gets that
    of sample (b * heads + h) mod B. A pair's outputs then depend on its neighbours.

    Parameters
    ----------
    rows_mask, keys_mask : Tensor, (B, L) and (B, N)
        True where valid.
    official : bool
        Do as published.

    Returns
    -------
    Tensor, (B, 1, 1, N) or, if `official`, (B, heads, L, N), bool
    """
    padding: Tensor = ~keys_mask.bool()[:, None, None]
    if not official:
        return padding
    pairs = ~rows_mask.bool().unsqueeze(2) & ~keys_mask.bool().unsqueeze(1)  # (B, L, N)
    return padding | pairs.repeat(heads, 1, 1).view(len(pairs), heads, *pairs.shape[1:])


class CrossLayer(Layer):
    """Rows read keys of another sequence: attention and feed-forward with residuals and LayerNorm.

    The residual of the feed-forward is what was there before the first LayerNorm. Keys and
    parameters as of `EncoderLayer`, `projected` as of `Attention`.
    """

    def __init__(
        self,
        d: int,
        heads: int,
        ff: int,
        dropout: float = 0.1,
        activation: Activation = "prelu",
        drop_path: float = 0.0,
        projected: bool = True,
    ) -> None:
        super().__init__()
        self.self_attn = Attention(d, heads, dropout, projected)  # a published name
        self.add_feed_forward(d, ff, dropout, activation, drop_path)

    def forward(
        self, x: Tensor, pos: Tensor, k: Tensor, v: Tensor, blocked: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Let rows x (B, L, d) with positions `pos` read v (B, N, d) under the keys k (B, N, d).

        Returns
        -------
        x : Tensor, (B, L, d)
        weights : Tensor, (B, L, N)
        """
        attended, weights = self.self_attn(x + pos, k, v, blocked)
        x = x + self.residual(attended)
        return self.norm2(x + self.feed_forward(self.norm1(x))), weights


class CrossEncoder(nn.Module):
    """Cross layers one after the other, keys ``layers.{i}.*``.

    Parameters after `layers` are those of `CrossLayer`.
    """

    def __init__(self, layers: int, *size: Any, **options: Any) -> None:
        super().__init__()
        self.layers = nn.ModuleList(CrossLayer(*size, **options) for _ in range(layers))

    def forward(
        self, x: Tensor, pos: Tensor, k: Tensor, v: Tensor, blocked: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """As `CrossLayer.forward`; weights are the mean over layers."""
        weights = []
        for layer in self.layers:
            x, seen = layer(x, pos, k, v, blocked)
            weights.append(seen)
        return x, torch.stack(weights).mean(0)
