"""Saliency of clips: clips inside the moment must score higher than clips outside."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

RANKS = 12
"""Highest saliency of a clip: three people rate it 0 to 4."""

TEMPERATURE = 0.5


class ClipDraw(NamedTuple):
    """Clips drawn for the margin loss.

    Attributes
    ----------
    positive, negative : Tensor, (B, P), int64
        Clips inside and outside the moment.
    valid : Tensor, (B,), bool
        False where a sample has no clip outside (its `negative` means nothing).
    """

    positive: Tensor
    negative: Tensor
    valid: Tensor


def clips_inside(windows_s: Tensor, mask: Tensor, step_s: float) -> Tensor:
    """Clips of moments: int(start / step) to int(end / step) - 1, in the video, at least one.

    Parameters
    ----------
    windows_s : Tensor, (B, W, 2)
        Start and end, seconds; NaN, where there is none, has no clip.
    mask : Tensor, (B, M)
        True where valid.
    step_s : float
        Seconds a clip.

    Returns
    -------
    Tensor, (B, W, M), bool
    """
    count = mask.sum(1, keepdim=True)
    first, end = (windows_s.nan_to_num() / step_s).long().unbind(-1)  # (B, W)
    last = (torch.minimum(end, count) - 1).clamp(min=0)
    first = torch.minimum(first, last)
    clip = torch.arange(mask.shape[1], device=mask.device)
    inside = (clip >= first.unsqueeze(-1)) & (clip <= last.unsqueeze(-1))
    return inside & ~windows_s[..., :1].isnan()


def _draw(allowed: Tensor, count: int) -> Tensor:
    """`count` different columns a row where `allowed` (B, M); too few: the first is repeated."""
    key = torch.rand(allowed.shape, device=allowed.device).masked_fill(~allowed, -1)
    # A row shorter than `count` clips has no second column at all.
    key, column = key.topk(min(count, allowed.shape[1]), dim=1)
    column = torch.where(key < 0, column[:, :1], column)
    return torch.cat([column, column[:, :1].expand(-1, count - column.shape[1])], dim=1)


def draw_clips(windows_s: Tensor, mask: Tensor, step_s: float, count: int = 2) -> ClipDraw:
    """Draw `count` clips inside and outside of the moments, from torch's global generator.

    Parameters as in `clips_inside`.
    """
    inside = clips_inside(windows_s, mask, step_s).any(1)
    outside = ~inside & mask.bool()
    return ClipDraw(_draw(inside, count), _draw(outside, count), outside.any(1))


def margin_loss(scores: Tensor, clips: ClipDraw, margin: float = 0.2) -> Tensor:
    """Hinge 2 * mean(max(0, margin + negative - positive)) over the drawn clips of valid samples.

    Parameters
    ----------
    scores : Tensor, (B, M)
    """
    positive, negative = scores.gather(1, clips.positive), scores.gather(1, clips.negative)
    hinge = (margin + negative - positive).clamp(min=0) * clips.valid.unsqueeze(1)
    return 2 * hinge.sum() / (clips.valid.sum().clamp(min=1) * clips.positive.shape[1])


def counted(rows: Tensor) -> Tensor | slice:
    """Index of the samples where `rows` (B,) is true; on a GPU, which would wait for it, of all.

    What the losses below make of samples is the same, if ``rows[index]`` says which of them count.
    """
    return rows if rows.device.type == "cpu" else slice(None)


def rank_loss(scores: Tensor, labels: Tensor, mask: Tensor, rows: Tensor | None = None) -> Tensor:
    """For each rank, contrast the clips that reach it with all others.

    Sum over the ranks 1 to 11 of -log softmax of scores / 0.5, mean over the clips with a label as
    high or higher; divided by 12. A sample without such a clip counts as 0.

    Parameters
    ----------
    scores, labels : Tensor, (B, L)
    mask : Tensor, (B, L)
        True where valid.
    rows : Tensor, (B,), bool, optional
        Samples that count, all by default.

    Returns
    -------
    Tensor, scalar
        Mean over samples, 0 if there is none.
    """
    logits = scores.masked_fill(~mask.bool(), -1000.0) / TEMPERATURE
    logits = logits - logits.amax(1, keepdim=True).detach()
    log_share = logits - (logits.exp().sum(1, keepdim=True) + 1e-6).log()
    ranks = torch.arange(1, RANKS, device=labels.device)
    reached = ((labels.unsqueeze(-1) >= ranks) & mask.bool().unsqueeze(-1)).float()  # (B, L, 11)
    mean = torch.einsum("bl,blr->br", log_share, reached) / (reached.sum(1) + 1e-6)
    if rows is None:
        return -mean.sum() / (RANKS * max(len(scores), 1))
    return -(mean * rows.unsqueeze(1)).sum() / (RANKS * rows.sum().clamp(min=1))


def negative_pair_loss(scores: Tensor, mask: Tensor, rows: Tensor | None = None) -> Tensor:
    """No clip is salient for the query of another pair: sum over clips of -log(1 - sigmoid(score)).

    Parameters
    ----------
    scores, mask : Tensor, (B, M)
    rows : Tensor, (B,), bool, optional
        Samples that count, all by default.

    Returns
    -------
    Tensor, scalar
        Mean over samples, 0 if there is none.
    """
    if rows is None:
        return (F.softplus(scores) * mask).sum() / max(len(scores), 1)
    return (F.softplus(scores) * mask * rows.unsqueeze(1)).sum() / rows.sum().clamp(min=1)
