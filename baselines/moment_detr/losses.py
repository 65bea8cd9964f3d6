"""Losses of Moment-DETR, by their published names."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from baselines.moment_detr import MomentDetrConfig
from vid2vidmr.batch import Batch
from vid2vidmr.nn.matcher import Matches, match, set_losses
from vid2vidmr.nn.saliency import ClipDraw, draw_clips, margin_loss
from vid2vidmr.nn.spans import to_centre_width
from vid2vidmr.pairs import STEP_S

TEMPERATURE = 0.07


@dataclass(frozen=True)
class Targets:
    """What the network should have said.

    Attributes
    ----------
    windows : Tensor, (B, W, 2)
        Centre and width, as shares of the seconds that the network sees.
    windows_mask : Tensor, (B, W), bool
        True where there is a window.
    clips : ClipDraw
        Clips inside and outside of the moments.
    """

    windows: Tensor
    windows_mask: Tensor
    clips: ClipDraw


def covered_s(batch: Batch, max_target: int) -> Tensor:
    """Seconds of each target that the network sees, (B,): all, or `max_target` clips."""
    return batch.durations_s.clamp(max=STEP_S * max_target)


def targets(batch: Batch, max_target: int) -> Targets:
    """Targets of a batch; moments wholly behind the first `max_target` clips give no window."""
    covered = covered_s(batch, max_target).unsqueeze(1)  # (B, 1)
    shares = batch.windows_s.minimum(covered) / covered  # (B, 2)
    seen = shares[:, 1] > shares[:, 0]
    clips = draw_clips(batch.windows_s, batch.target_mask[:, :max_target])
    return Targets(
        to_centre_width(shares).unsqueeze(1),
        seen.unsqueeze(1),
        clips._replace(valid=clips.valid & seen),
    )


def losses(
    outputs: dict[str, Tensor], targets: Targets, config: MomentDetrConfig
) -> dict[str, Tensor]:
    """Losses of all decoder layers and their weighted sum.

    Returns
    -------
    dict of scalar Tensor
        Unweighted losses of the last layer, those of layer i with the suffix ``_{i}``;
        ``class_error`` (a percentage, not minimised); ``loss``, the weighted sum.
    """
    weights = {
        "loss_span": config.weight_span,
        "loss_giou": config.weight_giou,
        "loss_label": config.weight_label,
        "loss_saliency": config.weight_saliency,
        "loss_contrastive_align": config.weight_contrastive,
    }
    named: dict[str, Tensor] = {}
    total = outputs["pred_spans"].new_zeros(())
    for prefix, suffix in [
        ("", ""),
        *((f"aux_outputs.{i}.", f"_{i}") for i in range(config.decoder_layers - 1)),
    ]:
        logits, spans = outputs[prefix + "pred_logits"], outputs[prefix + "pred_spans"]
        matches = match(
            logits,
            spans,
            targets.windows,
            targets.windows_mask,
            config.weight_span,
            config.weight_giou,
            config.weight_label,
        )
        found = set_losses(logits, spans, targets.windows, matches, config.background)
        if config.contrastive:
            found["loss_contrastive_align"] = contrastive_align(
                outputs[prefix + "proj_queries"], outputs["proj_txt_mem"], matches
            )
        if not prefix:
            found["loss_saliency"] = margin_loss(outputs["saliency_scores"], targets.clips)
        for name, value in found.items():
            named[name + suffix] = value
            total = total + weights.get(name, 0.0) * value
    return {**named, "loss": total}


def contrastive_align(queries: Tensor, rows: Tensor, matches: Matches) -> Tensor:
    """Contrast matched moment queries with the others by their similarity to the query's rows.

    Parameters
    ----------
    queries : Tensor, (B, Q, h)
    rows : Tensor, (B, N, h)
        Both of unit length. The published sum runs over padded rows too.
    matches : Matches
    """
    logits = torch.einsum("bqh,bnh->bq", queries, rows) / TEMPERATURE
    matched = torch.zeros_like(logits, dtype=torch.bool)
    matched[matches.sample, matches.query] = True
    count = matched.sum(1)
    positive = (logits * matched).sum(1) / count.clamp(min=1)
    # A sample without a match has nothing to pull.
    return ((logits.logsumexp(1) - positive) * (count > 0)).mean()
