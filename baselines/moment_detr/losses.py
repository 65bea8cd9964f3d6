"""Losses of Moment-DETR, by their published names."""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.moment_detr.config import MomentDetrConfig
from vid2vidmr.methods.detr.losses import Targets, set_prediction, targets, with_total
from vid2vidmr.nn.matcher import Matches
from vid2vidmr.nn.saliency import margin_loss
from vid2vidmr.train.batch import Batch

TEMPERATURE = 0.07


def losses(outputs: dict[str, Tensor], batch: Batch, config: MomentDetrConfig) -> dict[str, Tensor]:
    """Losses of a batch, see `losses_against`."""
    return losses_against(outputs, targets(batch, config.max_target), config)


def losses_against(
    outputs: dict[str, Tensor], targets: Targets, config: MomentDetrConfig
) -> dict[str, Tensor]:
    """Losses of all decoder layers and their weighted sum.

    Returns
    -------
    dict of scalar Tensor
        Unweighted losses of the last layer, those of layer i with the suffix ``_{i}``;
        ``class_error`` (a percentage, not minimised); ``loss``, the weighted sum.
    """
    named, matches = set_prediction(outputs, targets, config)
    named["loss_saliency"] = margin_loss(outputs["saliency_scores"], targets.clips)
    if config.contrastive:
        prefixes = [*(f"aux_outputs.{i}." for i in range(len(matches) - 1)), ""]
        for i, (prefix, found) in enumerate(zip(prefixes, matches, strict=True)):
            named["loss_contrastive_align" + (f"_{i}" if prefix else "")] = contrastive_align(
                outputs[prefix + "proj_queries"], outputs["proj_txt_mem"], found
            )
    return with_total(named, config, loss_contrastive_align=config.weight_contrastive)


def contrastive_align(queries: Tensor, rows: Tensor, matches: Matches) -> Tensor:
    """Contrast matched moment queries with the others by their similarity to the query's rows.

    Parameters
    ----------
    queries : Tensor, (B, Q, h)
    rows : Tensor, (B, N, h)
        Both of unit length. The published sum runs over padded rows too.
    """
    logits = torch.einsum("bqh,bnh->bq", queries, rows) / TEMPERATURE
    matched = torch.zeros_like(logits, dtype=torch.bool)
    matched[matches.sample, matches.query] = matches.valid
    count = matched.sum(1)
    positive = (logits * matched).sum(1) / count.clamp(min=1)
    # A sample without a match has nothing to pull.
    return ((logits.logsumexp(1) - positive) * (count > 0)).mean()
