"""From an alignment to a window for every target clip."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vid2vidmr.alignment import subsequence_ends


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
    B, M, _ = cost.shape
    segment, value = np.zeros((B, M, 2), np.float32), np.zeros((B, M), np.float32)
    lengths = zip(target_lengths.tolist(), query_lengths.tolist(), strict=True)
    for b, (c, (m, n)) in enumerate(zip(cost.float().cpu().numpy(), lengths, strict=True)):
        values, starts = subsequence_ends(c[:m, :n])
        clip = np.arange(m)
        covers = (starts <= clip[:, None]) & (clip >= clip[:, None])  # (clip, last row)
        costs = np.where(covers, values, np.inf)
        last = costs.argmin(1)
        covered = np.isfinite(costs.min(1))
        segment[b, :m, 0] = np.where(covered, starts[last], clip)
        segment[b, :m, 1] = np.where(covered, last, clip) + 1
        value[b, :m] = np.where(covered, values[last], values.max())
    return torch.from_numpy(segment).to(cost.device), torch.from_numpy(value).to(cost.device)
