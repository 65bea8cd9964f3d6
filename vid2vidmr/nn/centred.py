"""Prediction clip by clip where a clip's time is its centre: what is foreground, and the losses.

Shapes: B batch, M target clips, N query clips.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from vid2vidmr.alignment import soft_dtw, subsequence_soft_dtw
from vid2vidmr.nn.spans import nearest, span_giou


def clips_centred_in(windows_s: Tensor, mask: Tensor, step_s: float) -> Tensor:
    """Find valid clips whose centre lies in each moment, or the nearest one.

    Parameters
    ----------
    windows_s : Tensor, (B, W, 2)
        NaN, where there is none, has no clip.
    mask : Tensor, (B, M), bool
    step_s : float
        Seconds a clip.

    Returns
    -------
    Tensor, (B, W, M), bool
    """
    M, mask = mask.shape[1], mask.unsqueeze(1)
    centre_s = step_s * (torch.arange(M, device=mask.device) + 0.5)
    start_s, end_s = windows_s[..., :1], windows_s[..., 1:]
    inside = (centre_s >= start_s) & (centre_s < end_s)
    distance = (centre_s - (start_s + end_s) / 2).abs().masked_fill(~mask, torch.inf)
    closest = F.one_hot(distance.argmin(-1), M).bool() & ~start_s.isnan()
    return (inside | closest) & mask


def foreground_loss(logits: Tensor, inside: Tensor, mask: Tensor) -> Tensor:
    """Binary cross-entropy over valid clips, mean over pairs; all (B, M)."""
    each = F.binary_cross_entropy_with_logits(logits, inside.to(logits.dtype), reduction="none")
    return ((each * mask).sum(1) / mask.sum(1)).mean()


def boundary_loss(
    windows_s: Tensor, truth_s: Tensor, inside: Tensor, durations_s: Tensor, step_s: float
) -> Tensor:
    """Smooth L1 on both ends (in units of the target's length) + 1 - gIoU at foreground clips.

    Parameters
    ----------
    windows_s : Tensor, (B, M, 2)
        Predicted for every clip.
    truth_s : Tensor, (B, W, 2)
        NaN where there is none; each clip is held to the window that it lies in.
    inside : Tensor, (B, M), bool
        Of any window, see `clips_centred_in`; at least one a pair.
    durations_s : Tensor, (B,)
        Of the targets.
    step_s : float
        Seconds a clip.
    """
    centre_s = step_s * (torch.arange(inside.shape[1], device=inside.device) + 0.5)
    truth_s = nearest(truth_s, centre_s)  # (B, M, 2)
    scale = durations_s[:, None, None]
    ends = F.smooth_l1_loss(windows_s / scale, truth_s / scale, reduction="none")
    each = (ends.sum(-1) + 1 - span_giou(windows_s, truth_s)) * inside
    return (each.sum(1) / inside.sum(1)).mean()


def posterior_loss(cost: Tensor, inside: Tensor, m: Tensor, n: Tensor, gamma: float) -> Tensor:
    """Windows compete for the query: minus the log of the share that the ground truth has, (B,).

    The share is among all subsequence alignments, weighted by exp(-cost / gamma): (soft-DTW of the
    query with the moment - soft subsequence DTW with the whole target) / gamma, divided by N. Of
    several moments the shares are added.

    Parameters
    ----------
    cost : Tensor, (B, M, N)
    inside : Tensor, (B, W, M), bool
        Clips of each moment, without a gap; none where there is no moment, at least one a pair.
    m, n : Tensor, (B,)
        Valid clips of target and query.
    """
    every = subsequence_soft_dtw(cost, gamma, m, n)
    W = inside.shape[1]
    length = inside.sum(-1)  # (B, W)
    first = inside.int().argmax(-1, keepdim=True)
    # A GPU would wait for the longest moment; it passes over padding at no cost.
    longest = int(length.max()) if cost.device.type == "cpu" else cost.shape[1]
    rows = first + torch.arange(longest, device=cost.device)  # (B, W, longest moment)
    rows = rows.clamp(max=cost.shape[1] - 1).unsqueeze(-1).expand(-1, -1, -1, cost.shape[2])
    moments = cost.unsqueeze(1).expand(-1, W, -1, -1).gather(2, rows).flatten(0, 1)
    lengths = length.clamp(min=1).flatten()
    costs = soft_dtw(moments, gamma, lengths, n.repeat_interleave(W)).view(-1, W)
    if W == 1:
        truth = costs[:, 0]
    else:
        truth = -gamma * (-costs / gamma).masked_fill(length == 0, -torch.inf).logsumexp(1)
    return (truth - every) / gamma / n
