"""Where a row is in its sequence: sine positions and learned ones."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def sine_position(mask: Tensor, d: int) -> Tensor:
    """Sine positions over the valid rows, scaled so that every sequence spans 2 pi.

    Channel k is sin (even k) or cos (odd k) of c / 10000^(2 floor(k / 2) / d), with c = 2 pi times
    the number of valid rows so far over the number of all valid rows (+ 1e-6).

    Parameters
    ----------
    mask : Tensor, (B, L)
        True where valid.
    d : int
        Hidden size, even.

    Returns
    -------
    Tensor, (B, L, d), float32
    """
    count = mask.cumsum(1, dtype=torch.float32)  # (B, L)
    phase = count / (count[:, -1:] + 1e-6) * (2 * math.pi)
    even = torch.arange(0, d, 2, dtype=torch.float32, device=mask.device)
    angle = phase.unsqueeze(-1) / 10000 ** (even / d)  # (B, L, d / 2)
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(2)


class LearnedPosition(nn.Module):
    """Learned positions of a short sequence: LayerNorm(x + E[0:L]).

    Keys ``position_embeddings.weight`` (max_length, d) and ``LayerNorm.*``.
    """

    def __init__(self, max_length: int, d: int, dropout: float) -> None:
        super().__init__()
        self.position_embeddings = nn.Embedding(max_length, d)
        self.LayerNorm = nn.LayerNorm(d)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, L, d) -> (B, L, d), L at most `max_length`."""
        position: Tensor = self.LayerNorm(x + self.position_embeddings.weight[: x.shape[1]])
        dropped: Tensor = self.dropout(position)
        return dropped
