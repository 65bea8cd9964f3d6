"""Losses of the published wiring of MATR, by their published names."""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.matr.config import MatrConfig
from baselines.matr.published_model import prob_alignment
from vid2vidmr.nn.clips import ClipTargets, clip_losses, clip_spans, clip_times, clips_ending_in
from vid2vidmr.train.batch import Batch


def targets(batch: Batch) -> ClipTargets:
    """Targets of a batch; moments shorter than a clip are widened to one about their centre.

    The foreground clip is drawn from torch's global generator; a moment between the ends of two
    clips has none, and any valid clip is drawn.
    """
    mask = batch.target_mask
    start_s, end_s = batch.windows_s.unbind(-1)  # (B, W)
    wider = (batch.step_s - (end_s - start_s)).clamp(min=0) / 2
    windows_s = torch.stack([start_s - wider, end_s + wider], dim=-1)
    inside = clips_ending_in(windows_s, mask, batch.step_s).any(1)
    drawable = torch.where(inside.any(1, keepdim=True), inside, mask)
    # The draws of torch.multinomial, which looks at its input and would wait for it.
    weights = drawable.float()
    positive = (weights / torch.empty_like(weights).exponential_(1)).argmax(1)
    spans = clip_spans(windows_s, mask, batch.step_s)
    return ClipTargets(mask, clip_times(mask), spans, inside, positive, ~inside)


def losses(outputs: dict[str, Tensor], batch: Batch, config: MatrConfig) -> dict[str, Tensor]:
    """Losses of a batch, see `losses_against`."""
    return losses_against(outputs, targets(batch), config)


def losses_against(
    outputs: dict[str, Tensor], targets: ClipTargets, config: MatrConfig
) -> dict[str, Tensor]:
    """All losses and their weighted sum.

    Returns
    -------
    dict of scalar Tensor
        Those of `vid2vidmr.nn.clips.clip_losses`, ``pre`` and ``post`` (alignment before and after
        the encoder), and ``loss``.
    """
    parts = clip_losses(outputs, targets)
    parts["pre"] = prob_alignment(outputs["vid_mem_proj"], outputs["txt_mem_proj_n"]).mean()
    parts["post"] = prob_alignment(outputs["vid_decoder"], outputs["txt_decoder"]).mean()
    weighted = [
        getattr(config, f"weight_{name.removeprefix('loss_')}") * x for name, x in parts.items()
    ]
    return {**parts, "loss": torch.stack(weighted).sum()}
