"""Losses of QD-DETR, by their published names."""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.qd_detr.config import QdDetrConfig
from vid2vidmr.methods.detr.losses import (
    Targets,
    has_negative,
    set_prediction,
    targets,
    with_total,
)
from vid2vidmr.nn.saliency import counted, margin_loss, negative_pair_loss, rank_loss
from vid2vidmr.train.batch import Batch


def losses(outputs: dict[str, Tensor], batch: Batch, config: QdDetrConfig) -> dict[str, Tensor]:
    """Losses of a batch, see `losses_against`."""
    negative = has_negative(batch.group, config.same_class_negatives)
    return losses_against(outputs, targets(batch, config.max_target), negative, config)


def losses_against(
    outputs: dict[str, Tensor], targets: Targets, negative: Tensor, config: QdDetrConfig
) -> dict[str, Tensor]:
    """Losses of all decoder layers and their weighted sum.

    Parameters
    ----------
    outputs : dict
        Of `Model.outputs` with negatives.
    negative : Tensor, (B,), bool
        True where the next pair's query is a negative.

    Returns
    -------
    dict of scalar Tensor
        Unweighted losses of the last layer, those of layer i with the suffix ``_{i}``;
        ``class_error`` (a percentage, not minimised); ``loss``, the weighted sum.
    """
    named, _ = set_prediction(outputs, targets, config)
    at = counted(negative)
    scores, scores_neg = outputs["saliency_scores"], outputs["saliency_scores_neg"]
    mask = outputs["video_mask"].bool()  # (B, M)
    named["loss_saliency"] = (
        margin_loss(scores, targets.clips)
        # The clips of the negative pair are further clips without saliency.
        + rank_loss(
            torch.cat([scores, scores_neg], dim=1),
            torch.cat([targets.labels, torch.zeros_like(targets.labels)], dim=1),
            torch.cat([mask, mask & negative.unsqueeze(1)], dim=1),
        )
        + negative_pair_loss(scores_neg[at], mask[at], negative[at])
    )
    return with_total(named, config)
