"""From stored features to model inputs: normalisation, temporal endpoints, projection."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def normalise(x: Tensor) -> Tensor:
    """Scale every row to unit length, x / (|x| + 1e-5); zero rows (padding) stay zero.

    Parameters
    ----------
    x : Tensor, (..., D)
    """
    length: Tensor = x.norm(dim=-1, keepdim=True)
    return x / (length + 1e-5)


def with_endpoints(x: Tensor, mask: Tensor) -> Tensor:
    """Append temporal endpoint features: clip i of M valid ones gets [i / M, (i + 1) / M].

    Parameters
    ----------
    x : Tensor, (B, M, D)
    mask : Tensor, (B, M)
        True where valid; M of the formula is each sample's own count.

    Returns
    -------
    Tensor, (B, M, D + 2)
        The two new columns are 0 on padding.
    """
    valid = mask.to(x.dtype)
    count = valid.sum(1, keepdim=True)  # (B, 1)
    start = torch.arange(x.shape[1], dtype=x.dtype, device=x.device) / count  # (B, M)
    endpoints = torch.stack([start, start + 1 / count], dim=-1) * valid.unsqueeze(-1)
    return torch.cat([x, endpoints], dim=-1)


class ProjectionLayer(nn.Module):
    """LayerNorm, dropout, linear, and a ReLU unless it is the last layer of its projection."""

    def __init__(self, dim_in: int, dim_out: int, dropout: float, relu: bool) -> None:
        super().__init__()
        self.LayerNorm = nn.LayerNorm(dim_in)
        self.net = nn.Sequential(nn.Dropout(dropout), nn.Linear(dim_in, dim_out))
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        """(..., dim_in) -> (..., dim_out)."""
        x = self.net(self.LayerNorm(x))
        return x.relu() if self.relu else x


class Projection(nn.Sequential):
    """Stack of projection layers, keys ``{i}.LayerNorm.*`` and ``{i}.net.1.*``.

    Parameters
    ----------
    dim_in, d : int
        Length of a feature, hidden size.
    dropout : float
        Before every linear map.
    """

    def __init__(self, dim_in: int, d: int, layers: int = 2, dropout: float = 0.5) -> None:
        super().__init__(
            *(
                ProjectionLayer(dim_in if i == 0 else d, d, dropout, relu=i < layers - 1)
                for i in range(layers)
            )
        )
