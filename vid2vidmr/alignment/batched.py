"""Hard subsequence paths of padded batches of tensors, on any device."""

from __future__ import annotations

import torch
from torch import Tensor

from vid2vidmr.alignment import paths


@torch.no_grad()
def batched_ends(
    cost: Tensor, target_lengths: Tensor, query_lengths: Tensor
) -> tuple[Tensor, Tensor]:
    """`subsequence_ends` of every pair; what is on a GPU stays there.

    Parameters
    ----------
    cost : Tensor, (B, M, N)
    target_lengths, query_lengths : Tensor, (B,)

    Returns
    -------
    values : Tensor, (B, M)
        Cost of the best path that ends at each target row; infinite on padding, and where there is
        no query. In float64, on GPUs in float32.
    starts : Tensor, (B, M), int64
        First target row of that path.
    """
    m, n = paths.both_lengths(cost, target_lengths, query_lengths)
    if paths.way(cost) == "triton":
        from vid2vidmr.alignment import gpu

        return gpu.subsequence_ends(cost, m, n)
    from vid2vidmr.alignment.hard import batch_ends

    costs = cost.to(torch.promote_types(cost.dtype, torch.float32)).cpu().numpy()
    values, starts = batch_ends(costs, m.cpu().numpy(), n.cpu().numpy())
    if cost.device.type != "cpu":
        values = values.astype("float32")  # not all devices have wider numbers
    return torch.from_numpy(values).to(cost.device), torch.from_numpy(starts).to(cost.device)


@torch.no_grad()
def subsequence_segments(cost: Tensor, target_lengths: Tensor, query_lengths: Tensor) -> Tensor:
    """Parts of the targets that `subsequence_dtw` finds, (B, 2), int64.

    Parameters are those of `batched_ends`; target rows [start, end), 0, 0 where a length is 0.
    """
    values, starts = batched_ends(cost, target_lengths, query_lengths)
    end = values.argmin(1, keepdim=True)
    segments = torch.cat([starts.gather(1, end), end + 1], dim=1)
    empty = (target_lengths == 0) | (query_lengths == 0)
    return segments.masked_fill(empty.to(cost.device)[:, None], 0)
