"""From an alignment to a window for every target clip."""

from __future__ import annotations

import torch
from torch import Tensor

from vid2vidmr.alignment import batched_ends

MOST = 2**19
"""Numbers that are compared at a time."""


@torch.no_grad()
def covering_segments(
    cost: Tensor, target_lengths: Tensor, query_lengths: Tensor
) -> tuple[Tensor, Tensor]:
    """Give for each target clip the cheapest hard subsequence alignment that covers it.

    Of all alignments that end at the same clip only the cheapest is looked at; a clip that none of
    them covers gets the window of itself alone, at the cost of the most expensive one.

    Parameters
    ----------
    cost : Tensor, (B, M, N)
    target_lengths, query_lengths : Tensor, (B,)

    Returns
    -------
    segment : Tensor, (B, M, 2)
        Target rows [s, e), as floats; 0 on padding.
    value : Tensor, (B, M)
        Costs of the alignments; 0 on padding.
    """
    values, starts = batched_ends(cost.detach(), target_lengths, query_lengths)
    B, M = values.shape
    clip = torch.arange(M, device=cost.device)
    valid = clip < target_lengths[:, None]
    lowest, last = [], []
    for clips in clip.split(max(1, MOST // max(1, B * M))):
        covers = (starts[:, None] <= clips[:, None]) & (clip >= clips[:, None])  # (B, clips, M)
        costs = torch.where(covers, values[:, None], torch.inf)
        low, at = costs.min(2)
        lowest.append(low)
        last.append(at)
    value, end = torch.cat(lowest, 1), torch.cat(last, 1)
    covered = value.isfinite()
    segment = torch.stack(
        [torch.where(covered, starts.gather(1, end), clip), torch.where(covered, end, clip) + 1], -1
    )
    dearest = values.masked_fill(~valid, -torch.inf).amax(1, keepdim=True)
    value = torch.where(covered, value, dearest)
    return (segment * valid[..., None]).float(), torch.where(valid, value, 0).float()
