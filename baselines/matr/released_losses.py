"""Losses of the released wiring of MATR, by their published names."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.matr import MatrConfig
from baselines.matr.released import LOG_MASKED, clip_times, prob_alignment
from vid2vidmr.batch import Batch
from vid2vidmr.nn.spans import span_giou
from vid2vidmr.pairs import STEP_S

BACKGROUND = 0.1
"""Weight of background clips; fixed in the published code."""
TEMPERATURE = 0.07
"""Of both contrasts of saliency."""


class Targets(NamedTuple):
    """What the network should have said; times are shares of 2 s times the number of clips.

    Attributes
    ----------
    mask : Tensor, (B, M), bool
        Valid clips.
    times : Tensor, (B, M)
        See `baselines.matr.released.clip_times`.
    spans : Tensor, (B, 2)
        Start and end of the moment.
    inside : Tensor, (B, M), bool
        Foreground: clips whose time lies in the moment, both ends included.
    positive : Tensor, (B,), int64
        A clip of the foreground, drawn.
    """

    mask: Tensor
    times: Tensor
    spans: Tensor
    inside: Tensor
    positive: Tensor


def targets(batch: Batch) -> Targets:
    """Targets of a batch; moments shorter than a clip are widened to one about their centre.

    The foreground clip is drawn from torch's global generator; a moment between the ends of two
    clips has none, and any valid clip is drawn.
    """
    mask = batch.target_mask
    start_s, end_s = batch.windows_s.unbind(1)
    wider = (STEP_S - (end_s - start_s)).clamp(min=0) / 2
    windows_s = torch.stack([start_s - wider, end_s + wider], dim=1)
    # In seconds, where the times of clips are exact.
    times_s = STEP_S * torch.arange(1, mask.shape[1] + 1, device=mask.device)
    inside = (times_s >= windows_s[:, :1]) & (times_s <= windows_s[:, 1:]) & mask
    drawable = torch.where(inside.any(1, keepdim=True), inside, mask)
    positive = torch.multinomial(drawable.float(), 1).squeeze(1)
    spans = windows_s / (STEP_S * mask.sum(1, keepdim=True))
    return Targets(mask, clip_times(mask), spans, inside, positive)


def losses(outputs: dict[str, Tensor], targets: Targets, config: MatrConfig) -> dict[str, Tensor]:
    """All losses and their weighted sum.

    Returns
    -------
    dict of scalar Tensor
        ``loss_b``, ``loss_g`` (smooth L1 and 1 - gIoU at foreground clips), ``loss_f``
        (cross-entropy of foreground), ``loss_s_inter``, ``loss_s_intra`` (contrasts of saliency),
        ``pre`` and ``post`` (alignment before and after the encoder), and ``loss``.
    """
    mask, inside = targets.mask, targets.inside
    foreground = inside.sum().clamp(min=1)
    windows = targets.times.unsqueeze(-1) + outputs["pred_spans"]  # (B, M, 2)
    spans = targets.spans.unsqueeze(1).expand_as(windows)
    ends = F.smooth_l1_loss(windows, spans, reduction="none").sum(-1)
    probability = outputs["pred_logits"][..., 0]
    entropy = F.binary_cross_entropy(probability, inside.to(probability), reduction="none")
    inter, intra = saliency_contrasts(outputs, targets)
    parts = {
        "loss_b": (config.weight_b, (ends * inside).sum() / foreground),
        "loss_g": (config.weight_g, ((1 - span_giou(windows, spans)) * inside).sum() / foreground),
        "loss_f": (
            config.weight_f,
            (entropy * torch.where(inside, 1.0, BACKGROUND) * mask).sum() / mask.sum(),
        ),
        "loss_s_inter": (config.weight_s_inter, inter),
        "loss_s_intra": (config.weight_s_intra, intra),
        "pre": (
            config.weight_pre,
            prob_alignment(outputs["vid_mem_proj"], outputs["txt_mem_proj_n"]).mean(),
        ),
        "post": (
            config.weight_post,
            prob_alignment(outputs["vid_decoder"], outputs["txt_decoder"]).mean(),
        ),
    }
    total = sum((weight * value for weight, value in parts.values()), torch.zeros_like(inter))
    return {**{name: value for name, (_, value) in parts.items()}, "loss": total}


def saliency_contrasts(outputs: dict[str, Tensor], targets: Targets) -> tuple[Tensor, Tensor]:
    """Contrast the drawn foreground clip across the batch, and with background clips.

    Across: its target's row against the pooled queries of all pairs, in both directions. Within:
    its saliency against that of background clips; and, as published, against the saliency of the
    clip of the same number in the other pairs.
    """
    samples = torch.arange(len(targets.mask), device=targets.mask.device)
    rows = outputs["vid_mem_proj"][samples, targets.positive]  # (B, d)
    queries = outputs["txt_mem_proj"].squeeze(1)
    across = F.normalize(rows, dim=-1) @ F.normalize(queries, dim=-1).T / TEMPERATURE
    inter = -(across.log_softmax(1).diagonal() + across.log_softmax(0).diagonal()).mean()
    allowed = ~targets.inside
    allowed[samples, targets.positive] = True
    within = (outputs["saliency_scores"] + LOG_MASKED * ~allowed) / TEMPERATURE  # (B, M)
    both = within.log_softmax(1) + within.log_softmax(0)
    return inter, -both[samples, targets.positive].mean()
