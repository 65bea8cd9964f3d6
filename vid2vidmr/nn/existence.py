"""Whether a target holds the moment at all: a small branch beside the heads of localisation.

Source: the existence head published with Soccer-GMR (arXiv 2605.02623), on the pooled output of the
encoder.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from vid2vidmr.nn.heads import MLP


class ExistenceHead(nn.Module):
    """Looks at target rows that have read the query, pooled by mean and by maximum."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.mlp = MLP(2 * d, d, 1, layers=2)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, M, d) with mask (B, M), true where valid -> (B, 1)."""
        valid = mask.unsqueeze(-1)
        mean = (x * valid).sum(1) / valid.sum(1)
        most = x.masked_fill(~valid, -torch.inf).amax(1)
        logits: Tensor = self.mlp(torch.cat([mean, most], dim=-1))
        return logits


class WithExistence(nn.Module):
    """A network with such a head, or without: then it has no weights of it and no output."""

    existence: ExistenceHead | None

    def add_existence(self, wanted: bool, d: int) -> None:
        """Make the head; last of all parts, so that it changes no draw of another."""
        self.existence = ExistenceHead(d) if wanted else None

    def existing(self, x: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Give ``existence``, (B, 1), for rows (B, M, d) with mask (B, M); none without a head."""
        return {} if self.existence is None else {"existence": self.existence(x, mask)}
