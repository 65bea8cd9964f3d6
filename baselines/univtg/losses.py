"""Targets and weighted losses of UniVTG; the losses themselves are in `vid2vidmr.nn.clips`."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.univtg.config import UniVtgConfig
from vid2vidmr.nn.clips import ClipTargets, clip_losses, clip_times, clips_ending_in
from vid2vidmr.nn.saliency import clips_inside, draw_clips
from vid2vidmr.train.batch import Batch


def targets(batch: Batch) -> ClipTargets:
    """Targets of a batch; the positive clip is drawn from torch's global generator.

    Foreground are the clips that end in the moment, or the one in which it starts. The positive
    clip comes from those that lie in the moment, and must be more salient than all others.
    """
    mask = batch.target_mask
    M = mask.shape[1]
    ending = clips_ending_in(batch.windows_s, mask, batch.step_s)
    start = (batch.windows_s[:, 0] / batch.step_s).long().clamp(min=0).minimum(mask.sum(1) - 1)
    inside = torch.where(ending.any(1, keepdim=True), ending, F.one_hot(start, M).bool())
    spans = batch.windows_s / (batch.step_s * mask.sum(1, keepdim=True))  # (B, 2)
    return ClipTargets(
        mask,
        clip_times(mask),
        spans.unsqueeze(1).expand(-1, M, -1),
        inside,
        draw_clips(batch.windows_s, mask, batch.step_s, count=1).positive.squeeze(1),
        ~clips_inside(batch.windows_s, mask, batch.step_s),
    )


def losses(outputs: dict[str, Tensor], batch: Batch, config: UniVtgConfig) -> dict[str, Tensor]:
    """Losses of a batch, see `losses_against`."""
    apart = None if config.same_class_negatives else batch.group.unsqueeze(1) != batch.group
    return losses_against(outputs, targets(batch), config, apart)


def losses_against(
    outputs: dict[str, Tensor],
    targets: ClipTargets,
    config: UniVtgConfig,
    apart: Tensor | None = None,
) -> dict[str, Tensor]:
    """Losses of `clip_losses` and their weighted sum as ``loss``.

    Parameters
    ----------
    outputs, targets, apart
        See `vid2vidmr.nn.clips.clip_losses`.
    """
    named = clip_losses(outputs, targets, apart)
    total = sum(
        (getattr(config, name.replace("loss", "weight")) * value for name, value in named.items()),
        torch.zeros_like(named["loss_b"]),
    )
    return {**named, "loss": total}
