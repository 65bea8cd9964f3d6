"""From an alignment to a window for every target clip."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from vid2vidmr.alignment import batched_ends
from vid2vidmr.alignment.local import covering

MOST = 2**22
"""Windows that are compared with clips at a time, on a GPU."""


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
    values, starts = batched_ends(cost, target_lengths, query_lengths)
    clip = torch.arange(cost.shape[1], device=cost.device)
    valid = clip < target_lengths[:, None]
    end = (_ends_one_by_one if cost.device.type == "cpu" else _ends_at_once)(values, starts, valid)
    segment = torch.stack([starts.gather(1, end), end + 1], dim=-1) * valid[..., None]
    return segment.float(), torch.where(valid, values.gather(1, end), 0).float()


def _ends_one_by_one(values: Tensor, starts: Tensor, valid: Tensor) -> Tensor:
    """Last row of the window of each clip, (B, M), in M log M."""
    found = np.zeros(starts.shape, np.int64)
    pairs = zip(values.numpy(), starts.numpy(), valid.sum(1).tolist(), strict=True)
    for b, (each, first, m) in enumerate(pairs):
        found[b, :m] = covering(-each[:m], first[:m])
    return torch.from_numpy(found)


def _ends_at_once(values: Tensor, starts: Tensor, valid: Tensor) -> Tensor:
    """Find the same without waiting for a device: all clips are compared with all windows."""
    B, M = values.shape
    clip = torch.arange(M, device=values.device)
    parts = clip.split(max(1, MOST // max(1, B * M)))
    return torch.cat(
        [
            torch.where(
                (starts[:, None] <= some[:, None]) & (clip >= some[:, None]),
                values[:, None],
                torch.inf,
            ).argmin(2)
            for some in parts
        ],
        dim=1,
    )
