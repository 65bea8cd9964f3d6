"""Prediction clip by clip: every target clip says whether it is foreground, and gives a window.

What UniVTG and the published code of MATR have in common: pooling of the query, saliency, targets,
losses and windows. A clip's time is its end; windows are offsets from it. Shapes: B batch, M target
clips, N query rows, d hidden.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vid2vidmr.nn.spans import nearest, span_giou
from vid2vidmr.windows import ranked

LOG_MASKED = -149 * math.log(2)
"""log(0 + 1e-45) in float32, whose smallest number is 2^-149 (some devices flush it to 0)."""
BACKGROUND = 0.1
"""Weight of background clips in the foreground loss."""
TEMPERATURE = 0.07
"""Of both contrasts of saliency."""


class WeightedPool(nn.Module):
    """Attention pooling of the query with one learned direction, key ``weight`` (d, 1)."""

    def __init__(self, d: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(d, 1))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """(B, N, d) with mask (B, N), true where valid -> (B, 1, d); finite for an empty query."""
        logits = x @ self.weight
        logits = logits.masked_fill(~mask.bool().unsqueeze(-1), torch.finfo(logits.dtype).min)
        return logits.softmax(dim=1).transpose(1, 2) @ x


def saliency(target: Tensor, pooled: Tensor, mask: Tensor) -> Tensor:
    """Cosine of each clip (B, M, d) with the pooled query (B, 1, d), low on padding; (B, M)."""
    return F.cosine_similarity(target, pooled, dim=-1) + LOG_MASKED * ~mask.bool()


def clip_times(mask: Tensor) -> Tensor:
    """Give each clip's time as a share of the target, its end (i + 1) / M; 0 on padding; (B, M)."""
    end = torch.arange(1, mask.shape[1] + 1, device=mask.device)
    return end / mask.sum(1, keepdim=True) * mask


def clips_ending_in(windows_s: Tensor, mask: Tensor, step_s: float) -> Tensor:
    """Find valid clips whose time lies in each moment, ends included; (B, W, 2) -> (B, W, M) bool.

    A window of NaN has none.
    """
    # In seconds, where the times of clips are exact.
    times_s = step_s * torch.arange(1, mask.shape[1] + 1, device=mask.device)
    return (times_s >= windows_s[..., :1]) & (times_s <= windows_s[..., 1:]) & mask.unsqueeze(1)


def clip_spans(windows_s: Tensor, mask: Tensor, step_s: float) -> Tensor:
    """Give each clip its moment as shares of the step times the number of clips, (B, M, 2).

    Parameters as of `clips_ending_in`; of several the one in which the clip ends, or the nearest.
    """
    times_s = step_s * torch.arange(1, mask.shape[1] + 1, device=mask.device)
    return nearest(windows_s, times_s) / (step_s * mask.sum(1)[:, None, None])


class ClipTargets(NamedTuple):
    """What the network should have said; times are shares of the step times the number of clips.

    Attributes
    ----------
    mask : Tensor, (B, M), bool
        Valid clips.
    times : Tensor, (B, M)
        See `clip_times`.
    spans : Tensor, (B, M, 2)
        Start and end of the moment that a clip belongs to; only those of foreground clips count.
    inside : Tensor, (B, M), bool
        Foreground.
    positive : Tensor, (B,), int64
        A clip of the moment, drawn.
    lower : Tensor, (B, M), bool
        Clips whose saliency must stay below that of the positive one.
    """

    mask: Tensor
    times: Tensor
    spans: Tensor
    inside: Tensor
    positive: Tensor
    lower: Tensor


def clip_losses(
    outputs: dict[str, Tensor], targets: ClipTargets, apart: Tensor | None = None
) -> dict[str, Tensor]:
    """Losses by their published names, unweighted.

    Parameters
    ----------
    outputs : dict
        ``pred_logits`` (B, M, 1), in spite of the name probabilities; ``pred_spans`` (B, M, 2)
        offsets from the clip's time to the window's start and end; ``saliency_scores`` (B, M);
        ``vid_mem_proj`` (B, M, d) and ``txt_mem_proj`` (B, 1, d) that saliency compares.
    apart : Tensor, (B, B), bool, optional
        See `saliency_contrasts`.

    Returns
    -------
    dict of scalar Tensor
        ``loss_b``, ``loss_g`` (smooth L1 and 1 - gIoU, mean over foreground clips), ``loss_f``
        (cross-entropy of foreground, mean over valid clips), ``loss_s_inter``, ``loss_s_intra``.
    """
    mask, inside = targets.mask, targets.inside
    foreground = inside.sum().clamp(min=1)
    windows = targets.times.unsqueeze(-1) + outputs["pred_spans"]  # (B, M, 2)
    ends = F.smooth_l1_loss(windows, targets.spans, reduction="none").sum(-1)
    probability = outputs["pred_logits"][..., 0]
    entropy = F.binary_cross_entropy(probability, inside.to(probability), reduction="none")
    weight = torch.where(inside, 1.0, BACKGROUND) * mask
    inter, intra = saliency_contrasts(outputs, targets, apart)
    return {
        "loss_b": (ends * inside).sum() / foreground,
        "loss_g": ((1 - span_giou(windows, targets.spans)) * inside).sum() / foreground,
        "loss_f": (entropy * weight).sum() / mask.sum(),
        "loss_s_inter": inter,
        "loss_s_intra": intra,
    }


def saliency_contrasts(
    outputs: dict[str, Tensor], targets: ClipTargets, apart: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Contrast the positive clip across the batch, and with lower clips of its own target.

    Across: its row against the pooled queries of all pairs, in both directions. Within: its
    saliency against that of lower clips; and, as published, against the saliency of the clip of the
    same number in the other pairs.

    Parameters
    ----------
    outputs, targets
        As in `clip_losses`.
    apart : Tensor, (B, B), bool, optional
        Pairs that are negatives of each other; by default any two are.
    """
    samples = torch.arange(len(targets.mask), device=targets.mask.device)
    same = samples.unsqueeze(1) == samples
    compared = torch.ones_like(same) if apart is None else apart | same
    rows = outputs["vid_mem_proj"][samples, targets.positive]  # (B, d)
    queries = outputs["txt_mem_proj"].squeeze(1)
    across = F.normalize(rows, dim=-1) @ F.normalize(queries, dim=-1).T / TEMPERATURE
    across = across.masked_fill(~compared, -torch.inf)
    inter = -(across.log_softmax(1).diagonal() + across.log_softmax(0).diagonal()).mean()
    allowed = targets.lower.clone()
    allowed[samples, targets.positive] = True
    scores = outputs["saliency_scores"] / TEMPERATURE + LOG_MASKED * ~allowed  # (B, M)
    own = scores.log_softmax(1)[samples, targets.positive]
    others = scores[:, targets.positive].masked_fill(~compared, -torch.inf)  # (B of clip, B)
    return inter, -(own + others.log_softmax(0).diagonal()).mean()


def clip_windows(offsets: Tensor, mask: Tensor, unit_s: Tensor, durations_s: Tensor) -> Tensor:
    """Windows of all clips in seconds, inside the target.

    Parameters
    ----------
    offsets : Tensor, (B, M, 2)
        From a clip's time to start and end.
    mask : Tensor, (B, M), bool
    unit_s, durations_s : Tensor, (B,)
        Seconds that a time of 1 stands for; seconds of the target.

    Returns
    -------
    Tensor, (B, M, 2)
    """
    windows_s = (clip_times(mask).unsqueeze(-1) + offsets) * unit_s[:, None, None]
    return windows_s.clamp(min=0).minimum(durations_s[:, None, None])


def ranked_clips(windows_s: Tensor, scores: Tensor, mask: Tensor, nms: float) -> list[np.ndarray]:
    """Best windows of every pair after non-maximum suppression, see `vid2vidmr.windows.ranked`.

    Parameters
    ----------
    windows_s : Tensor, (B, M, 2)
    scores, mask : Tensor, (B, M)
    """
    lengths = mask.sum(1).tolist()
    return [
        ranked(window[:m], score[:m], nms)
        for window, score, m in zip(
            windows_s.cpu().numpy(), scores.cpu().numpy(), lengths, strict=True
        )
    ]
