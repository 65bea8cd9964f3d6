"""Prediction heads: a row-wise MLP and a convolution over time; ReLU between layers."""

from __future__ import annotations

from torch import Tensor, nn


class MLP(nn.Module):
    """Linear layers d_in -> d -> ... -> d_out, keys ``layers.{i}.*``."""

    def __init__(self, d_in: int, d: int, d_out: int, layers: int) -> None:
        super().__init__()
        sizes = [d_in, *[d] * (layers - 1), d_out]
        self.layers = nn.ModuleList(nn.Linear(sizes[i], sizes[i + 1]) for i in range(layers))

    def forward(self, x: Tensor) -> Tensor:
        """(..., d_in) -> (..., d_out)."""
        for i, layer in enumerate(self.layers):
            x = layer(x if i == 0 else x.relu())
        return x


class ConvHead(nn.Module):
    """Convolutions over time d -> ... -> d -> d_out, keys ``layers.{i}.*``.

    Parameters
    ----------
    layers, kernel : int
        Kernel is odd; lengths are kept by zero padding.
    masked : bool
        Zero the padding before each convolution, so that the result for a sample does not depend
        on the batch it is in. The published heads do not.
    """

    def __init__(
        self, d: int, d_out: int, layers: int = 3, kernel: int = 3, masked: bool = True
    ) -> None:
        super().__init__()
        sizes = [*[d] * layers, d_out]
        self.layers = nn.ModuleList(
            nn.Conv1d(sizes[i], sizes[i + 1], kernel, padding=kernel // 2) for i in range(layers)
        )
        self.masked = masked

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Map (B, L, d) with mask (B, L), true where valid, to (B, L, d_out)."""
        x = x.transpose(1, 2)  # (B, d, L)
        valid = mask.unsqueeze(1).to(x.dtype)
        for i, layer in enumerate(self.layers):
            x = x if i == 0 else x.relu()
            x = layer(x * valid if self.masked else x)
        return x.transpose(1, 2)
