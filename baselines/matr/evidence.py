"""Evidence: what the pre-fusion alignment says of each target clip. Not in the paper.

The paper uses the alignment as a loss only. Here encoder and heads are also told where the query
aligns, so that they need not find it out again.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vid2vidmr.alignment import subsequence_posterior

CHANNELS = 5
REACH = 8.0
"""Clips: distances are given in this unit and cut off at three of it."""


def evidence(
    cost: Tensor, segment: Tensor, gamma: float, target_mask: Tensor, query_mask: Tensor
) -> Tensor:
    """Alignment posteriors and the best path, as features of each target clip.

    Parameters
    ----------
    cost : Tensor, (B, M, N)
        Pre-fusion cost; no gradient flows back into it.
    segment : Tensor, (B, 2)
        Rows [s, e) of its best subsequence path.
    gamma : float
    target_mask, query_mask : Tensor, (B, M) and (B, N)

    Returns
    -------
    Tensor, (B, M, CHANNELS)
        Probability that a path starts, ends, is inside; signed distance of the clip's centre from
        the start of the best path and to its end.
    """
    start, end = subsequence_posterior(cost, gamma, target_mask.sum(1), query_mask.sum(1))
    inside = start.cumsum(1) - end.cumsum(1) + end
    centre = torch.arange(cost.shape[1], device=cost.device) + 0.5
    left, right = centre - segment[:, :1], segment[:, 1:] - centre
    distances = torch.stack([left, right], dim=-1).clamp(-3 * REACH, 3 * REACH) / REACH
    channels = torch.cat([torch.stack([start, end, inside], dim=-1), distances], dim=-1)
    return channels * target_mask.unsqueeze(-1)
