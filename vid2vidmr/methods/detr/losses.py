"""Targets and losses of a set of predicted windows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from vid2vidmr.methods.detr.config import DetrConfig
from vid2vidmr.nn.matcher import Matches, match, set_losses
from vid2vidmr.nn.saliency import ClipDraw, clips_inside, draw_clips
from vid2vidmr.nn.spans import to_centre_width
from vid2vidmr.train.batch import Batch


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
    labels : Tensor, (B, M)
        Saliency of clips, 0 to 12 where people rated them; else 1 inside the moment, 0 outside.
    """

    windows: Tensor
    windows_mask: Tensor
    clips: ClipDraw
    labels: Tensor


def covered_s(batch: Batch, max_target: int) -> Tensor:
    """Seconds of each target that the network sees, (B,): all, or `max_target` clips."""
    return batch.durations_s.clamp(max=batch.step_s * max_target)


def moment_clips(batch: Batch, max_target: int) -> Tensor:
    """Clips of the moments that the network sees, (B, M), bool; none where they are cut off."""
    seen = batch.windows_s[..., 0] < covered_s(batch, max_target).unsqueeze(1)  # (B, W)
    inside = clips_inside(batch.windows_s, batch.target_mask[:, :max_target], batch.step_s)
    return (inside & seen.unsqueeze(-1)).any(1)


def targets(batch: Batch, max_target: int) -> Targets:
    """Targets of a batch; moments wholly behind the first `max_target` clips give no window."""
    covered = covered_s(batch, max_target)[:, None, None]
    shares = batch.windows_s.minimum(covered) / covered  # (B, W, 2)
    seen = shares[..., 1] > shares[..., 0]  # (B, W)
    windows_s = batch.windows_s.masked_fill(~seen.unsqueeze(-1), torch.nan)
    clips = draw_clips(windows_s, batch.target_mask[:, :max_target], batch.step_s)
    return Targets(
        to_centre_width(shares),
        seen,
        clips._replace(valid=clips.valid & seen.any(1)),
        moment_clips(batch, max_target).float(),
    )


def has_negative(group: Tensor, same_class: bool) -> Tensor:
    """Whether the next pair's query is a negative for this pair's target, (B,), bool.

    Parameters
    ----------
    group : Tensor, (B,)
        See `Batch.group`; the last pair's next is the first.
    same_class : bool
        Take it for one even if it is of the same class.
    """
    return torch.ones_like(group, dtype=torch.bool) if same_class else group != group.roll(-1)


def set_prediction(
    outputs: Mapping[str, Tensor], targets: Targets, config: DetrConfig
) -> tuple[dict[str, Tensor], list[Matches]]:
    """Match every decoder layer on its own.

    Returns
    -------
    losses : dict
        Those of `set_losses`, unweighted; those of layer i but the last with the suffix ``_{i}``.
    matches : list of Matches
        Of all layers, the first layer first.
    """
    earlier = range(config.decoder_layers - 1)
    losses: dict[str, Tensor] = {}
    matches = []
    for prefix, suffix in [*((f"aux_outputs.{i}.", f"_{i}") for i in earlier), ("", "")]:
        logits, spans = outputs[prefix + "pred_logits"], outputs[prefix + "pred_spans"]
        found = match(
            logits,
            spans,
            targets.windows,
            targets.windows_mask,
            config.weight_span,
            config.weight_giou,
            config.weight_label,
        )
        matches.append(found)
        parts = set_losses(logits, spans, targets.windows, found, config.background)
        losses |= {name + suffix: value for name, value in parts.items()}
    return losses, matches


def with_total(
    losses: dict[str, Tensor], config: DetrConfig, **weights: float
) -> dict[str, Tensor]:
    """Add ``loss``, the weighted sum over all layers.

    Parameters
    ----------
    losses : dict of scalar Tensor
        Those of `set_prediction`, ``loss_saliency`` and the method's own.
    **weights : float
        Of the method's own losses, with or without the suffix of a layer.
    """
    weights = {
        "loss_span": config.weight_span,
        "loss_giou": config.weight_giou,
        "loss_label": config.weight_label,
        "loss_saliency": config.weight_saliency,
        "class_error": 0.0,  # reported only
        **weights,
    }
    total = torch.stack(
        [weights[re.sub(r"_\d+$", "", name)] * value for name, value in losses.items()]
    ).sum()
    return {**losses, "loss": total}
