"""Targets and weighted losses of UniVTG; the losses themselves are in `vid2vidmr.nn.clips`."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.univtg.config import UniVtgConfig
from vid2vidmr.nn.clips import ClipTargets, clip_losses, clip_spans, clip_times, clips_ending_in
from vid2vidmr.nn.saliency import clips_inside, draw_clips
from vid2vidmr.train.batch import Batch


def targets(batch: Batch) -> ClipTargets:
    """Targets of a batch; the positive clip is drawn from torch's global generator.

    Foreground are the clips that end in the moment, or the one in which it starts. The positive
    clip comes from those that lie in the moment, and must be more salient than all others.
    """
    mask, windows_s, step_s = batch.target_mask, batch.windows_s, batch.step_s
    ending = clips_ending_in(windows_s, mask, step_s)  # (B, W, M)
    start_s = windows_s[..., 0]
    start = (start_s.nan_to_num() / step_s).long().clamp(min=0)
    start = start.minimum(mask.sum(1, keepdim=True) - 1)  # (B, W)
    starting = F.one_hot(start, mask.shape[1]).bool() & ~start_s.isnan().unsqueeze(-1)
    inside = torch.where(ending.any(-1, keepdim=True), ending, starting)
    return ClipTargets(
        mask,
        clip_times(mask),
        clip_spans(windows_s, mask, step_s),
        inside.any(1),
        draw_clips(windows_s, mask, step_s, count=1).positive.squeeze(1),
        ~clips_inside(windows_s, mask, step_s).any(1),
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
