"""Post-norm transformer layers of DETR: queries and keys get positions, values do not."""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _LeakyReLU(torch.autograd.Function):
    """Leaky ReLU with a gradient for its slope (1,)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(x, slope)
        return F.leaky_relu(x, float(slope))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        [of_y], (x, slope) = gradients, ctx.saved_tensors
        of_x = torch.ops.aten.leaky_relu_backward(of_y, x, float(slope), False)
        return of_x, (of_y * x.clamp(max=0)).sum(dtype=slope.dtype).view(1)


class PReLU(nn.PReLU):
    """`torch.nn.PReLU`, whose gradient torch computes entry by entry on a CPU; not so this one."""

    def forward(self, x: Tensor) -> Tensor:
        """(...) -> (...)."""
        if x.device.type != "cpu":  # elsewhere a slope read as a number would be waited for
            return super().forward(x)
        y: Tensor = _LeakyReLU.apply(x, self.weight)
        return y


Activation = Literal["relu", "gelu", "prelu"]
ACTIVATIONS: dict[Activation, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "prelu": PReLU,
}


def xavier_init(module: nn.Module) -> None:
    """Xavier-uniform initialisation of every parameter with more than one dimension."""
    for parameter in module.parameters():
        if parameter.dim() > 1:
            nn.init.xavier_uniform_(parameter)


class DropPath(nn.Module):
    """Drop the whole branch of a sample with probability `rate`, in training only.

    What is kept is scaled by 1 / (1 - rate).

    Source: Huang et al., Deep Networks with Stochastic Depth, ECCV 2016.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """(B, ...) -> (B, ...)."""
        if not self.training or self.rate == 0:
            return x
        kept = x.new_empty(len(x), *[1] * (x.dim() - 1)).bernoulli_(1 - self.rate)
        return x * kept / (1 - self.rate)


class Layer(nn.Module):
    """What every layer has after its attention: feed-forward, norms, residuals.

    Keys ``linear1/2.*``, ``norm1/2.*`` (and ``norm3.*``); PReLU adds ``activation.weight``.
    """

    norm1: nn.LayerNorm
    norm2: nn.LayerNorm
    norm3: nn.LayerNorm

    def add_feed_forward(
        self,
        d: int,
        ff: int,
        dropout: float,
        activation: Activation,
        drop_path: float = 0.0,
        norms: int = 2,
    ) -> None:
        """Register the parts; after the attention, which is how checkpoints and draws are ordered.

        Parameters
        ----------
        d, ff : int
            Hidden size, size of the feed-forward layer.
        drop_path : float
            Above 0, residual branches are dropped as a whole, with this probability, in place of
            `dropout` of their entries.
        """
        self.linear1 = nn.Linear(d, ff)
        self.linear2 = nn.Linear(ff, d)
        for i in range(norms):
            setattr(self, f"norm{i + 1}", nn.LayerNorm(d))
        self.dropout = nn.Dropout(dropout)
        self.residual = DropPath(drop_path) if drop_path else nn.Dropout(dropout)
        self.activation = ACTIVATIONS[activation]()

    def feed_forward(self, x: Tensor) -> Tensor:
        """(..., d) -> (..., d), what is added to the residual."""
        hidden = self.linear2(self.dropout(self.activation(self.linear1(x))))
        added: Tensor = self.residual(hidden)
        return added


class EncoderLayer(Layer):
    """Self-attention (keys ``self_attn.*``) and feed-forward, each with residual and LayerNorm.

    Parameters
    ----------
    d, heads : int
        Hidden size, attention heads.
    ff, dropout, activation, drop_path
        See `Layer.add_feed_forward`.
    """

    def __init__(
        self,
        d: int,
        heads: int,
        ff: int,
        dropout: float = 0.1,
        activation: Activation = "relu",
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, dropout, batch_first=True)
        self.add_feed_forward(d, ff, dropout, activation, drop_path)

    def forward(self, x: Tensor, mask: Tensor, pos: Tensor) -> Tensor:
        """Mix the rows of each sample.

        Parameters
        ----------
        x, pos : Tensor, (B, L, d)
        mask : Tensor, (B, L)
            True where valid; at least one row a sample.

        Returns
        -------
        Tensor, (B, L, d)
        """
        q = k = x + pos
        attended = self.self_attn(q, k, x, key_padding_mask=~mask.bool(), need_weights=False)[0]
        x = self.norm1(x + self.residual(attended))
        out: Tensor = self.norm2(x + self.feed_forward(x))
        return out


class Encoder(nn.Module):
    """Encoder layers one after the other, keys ``layers.{i}.*``; no final norm.

    Parameters after `layers` are those of `EncoderLayer`.
    """

    def __init__(self, layers: int, *size: Any, **options: Any) -> None:
        super().__init__()
        self.layers = nn.ModuleList(EncoderLayer(*size, **options) for _ in range(layers))

    def forward(self, x: Tensor, mask: Tensor, pos: Tensor) -> Tensor:
        """Shapes as in `EncoderLayer.forward`."""
        for layer in self.layers:
            x = layer(x, mask, pos)
        return x


class DecoderLayer(Layer):
    """Self-attention of the queries, cross-attention to a memory, feed-forward.

    Keys ``self_attn.*`` and ``multihead_attn.*`` (cross-attention). Parameters as in
    `EncoderLayer`.
    """

    def __init__(
        self, d: int, heads: int, ff: int, dropout: float = 0.1, activation: Activation = "relu"
    ) -> None:
        super().__init__()
        self.self_attn = nn.MultiheadAttention(d, heads, dropout, batch_first=True)
        self.multihead_attn = nn.MultiheadAttention(d, heads, dropout, batch_first=True)
        self.add_feed_forward(d, ff, dropout, activation, norms=3)

    def forward(
        self, x: Tensor, query_pos: Tensor, memory: Tensor, memory_mask: Tensor, memory_pos: Tensor
    ) -> Tensor:
        """Let every query read the memory.

        Parameters
        ----------
        x, query_pos : Tensor, (B, Q, d)
            Content and learned position of the queries.
        memory, memory_pos : Tensor, (B, L, d)
        memory_mask : Tensor, (B, L)
            True where valid; at least one row a sample.

        Returns
        -------
        Tensor, (B, Q, d)
        """
        q = k = x + query_pos
        x = self.norm1(x + self.residual(self.self_attn(q, k, x, need_weights=False)[0]))
        read = self.multihead_attn(
            x + query_pos,
            memory + memory_pos,
            memory,
            key_padding_mask=~memory_mask.bool(),
            need_weights=False,
        )[0]
        x = self.norm2(x + self.residual(read))
        out: Tensor = self.norm3(x + self.feed_forward(x))
        return out


class Decoder(nn.Module):
    """Decoder layers one after the other, one norm for the output of each.

    Keys ``layers.{i}.*`` and ``norm.*``. The content of the queries starts at zero. Parameters
    after `layers` are those of `DecoderLayer`.
    """

    def __init__(self, layers: int, d: int, *size: Any, **options: Any) -> None:
        super().__init__()
        self.layers = nn.ModuleList(DecoderLayer(d, *size, **options) for _ in range(layers))
        self.norm = nn.LayerNorm(d)

    def forward(
        self, queries: Tensor, memory: Tensor, memory_mask: Tensor, memory_pos: Tensor
    ) -> Tensor:
        """Decode learned queries.

        Parameters
        ----------
        queries : Tensor, (Q, d)
            The learned queries; they serve as positions.
        memory, memory_pos : Tensor, (B, L, d)
        memory_mask : Tensor, (B, L)

        Returns
        -------
        Tensor, (layers, B, Q, d)
            Normed output of every layer, the last one last.
        """
        query_pos = queries.expand(len(memory), -1, -1)  # (B, Q, d)
        x = torch.zeros_like(query_pos)
        outputs = []
        for layer in self.layers:
            x = layer(x, query_pos, memory, memory_mask, memory_pos)
            outputs.append(self.norm(x))
        return torch.stack(outputs)
