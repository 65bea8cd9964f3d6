"""From an alignment to a window for every target clip."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vid2vidmr.alignment.hard import batch_ends
from vid2vidmr.alignment.local import covering


@torch.no_grad()
def covering_segments(
    cost: Tensor, target_lengths: Tensor, query_lengths: Tensor
) -> tuple[Tensor, Tensor]:
    """Give for each target clip the cheapest hard subsequence alignment that covers it.

    Of all alignments that end at the same clip only the cheapest is looked at.

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
    m, n = target_lengths.cpu().numpy(), query_lengths.cpu().numpy()
    ends = batch_ends(cost.float().cpu().numpy(), m, n)
    for b, (values, starts) in enumerate(zip(*ends, strict=True)):
        values, starts = values[: m[b]], starts[: m[b]]
        last = covering(-values, starts)
        segment[b, : m[b], 0] = starts[last]
        segment[b, : m[b], 1] = last + 1
        value[b, : m[b]] = values[last]
    return torch.from_numpy(segment).to(cost.device), torch.from_numpy(value).to(cost.device)
