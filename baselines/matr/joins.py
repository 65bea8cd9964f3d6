"""How the decoder's rows E_t^l meet those of the target's clips E_t^g, before the heads.

B batch, M target clips, L decoder queries, d hidden size.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from baselines.matr.config import Join, MatrConfig


class _Join(nn.Module, ABC):
    """A form of joining, with rows of `width`."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    @abstractmethod
    def forward(
        self, t: Tensor, mask: Tensor, decoded: Tensor, segment: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Join E_t^g (B, M, d) and E_t^l (B, L, d) of the segment [s, e) (B, 2).

        Returns
        -------
        joined : Tensor, (B, rows, width)
            The first M rows are of clips.
        valid : Tensor, (B, rows), bool
        """


class Append(_Join):
    """E_f = [E_t^g; E_t^l] one after the other, (B, M + L, d), as the paper's text reads.

    The decoded rows follow a sample's last valid clip, as they do without padding, so that the
    convolutions see the same neighbours in any batch. Three of kernel 3 carry them to the last
    three clips only.
    """

    def __init__(self, config: MatrConfig) -> None:
        super().__init__(config.d)

    def forward(
        self, t: Tensor, mask: Tensor, decoded: Tensor, segment: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Put the rows one after the other; the segment says nothing here."""
        B, M, d = t.shape
        L = decoded.shape[1]
        lengths = mask.sum(1, keepdim=True)  # (B, 1)
        joined = torch.cat([t * mask.unsqueeze(-1), t.new_zeros(B, L, d)], dim=1)
        at = lengths + torch.arange(L, device=t.device)  # (B, L)
        joined = joined.scatter(1, at.unsqueeze(-1).expand(B, L, d), decoded)
        return joined, torch.arange(M + L, device=t.device) < lengths + L


class Channels(_Join):
    """E_f (B, M, 2 d): beside a clip's row that of the decoder; 0 outside of the aligned segment.

    The L decoded rows are stretched over the clips that they were read from.
    """

    def __init__(self, config: MatrConfig) -> None:
        super().__init__(2 * config.d)

    def forward(
        self, t: Tensor, mask: Tensor, decoded: Tensor, segment: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Put the rows beside the clips of the segment."""
        L = decoded.shape[1]
        clip = torch.arange(t.shape[1], device=t.device) + 0.5
        start, end = segment.to(t.dtype).unsqueeze(-1).unbind(1)  # (B, 1)
        at = (clip - start) / (end - start)  # (B, M)
        row = (at * L).floor().clamp(0, L - 1).long()
        placed = decoded.gather(1, row.unsqueeze(-1).expand_as(t))
        inside = (at >= 0) & (at < 1)
        return torch.cat([t, placed * inside.unsqueeze(-1)], dim=-1), mask


class Attend(_Join):
    """E_f (B, M, d): every clip reads the decoded rows."""

    def __init__(self, config: MatrConfig) -> None:
        super().__init__(config.d)
        self.attention = nn.MultiheadAttention(
            config.d, config.heads, config.dropout, batch_first=True
        )
        self.norm = nn.LayerNorm(config.d)

    def forward(
        self, t: Tensor, mask: Tensor, decoded: Tensor, segment: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Let clips read the rows, wherever those are from."""
        read = self.attention(t, decoded, decoded, need_weights=False)[0]
        return self.norm(t + read), mask


JOINS: dict[Join, Callable[[MatrConfig], _Join]] = {
    "append": Append,
    "channels": Channels,
    "attend": Attend,
}
