"""The loss of cross-gated bilinear matching; B batch, M target steps."""

from __future__ import annotations

import torch
from torch import Tensor

from baselines.cgbm.config import CgbmConfig
from vid2vidmr.nn.centred import clips_centred_in
from vid2vidmr.train.batch import Batch


def losses(outputs: dict[str, Tensor], batch: Batch, config: CgbmConfig) -> dict[str, Tensor]:
    """Give the one loss there is, ``loss``."""
    label, mask = targets(batch), batch.target_mask
    return {"loss": step_loss(outputs["logits"], label, mask, config.weight_ends)}


def targets(batch: Batch) -> Tensor:
    """Label start, end, inside and outside at every clip, 0 or 1, (B, M, 4).

    A moment is the clips whose centre lies in it, or the nearest.
    """
    inside = clips_centred_in(batch.windows_s, batch.target_mask, batch.step_s)  # (B, W, M)
    number = inside.cumsum(-1) * inside  # 1, 2, ... along each moment
    last = inside & (number == inside.sum(-1, keepdim=True))
    labels = [part.any(1) for part in (number == 1, last, inside)]
    return torch.stack([*labels, ~labels[-1]], dim=-1).float()


def step_loss(logits: Tensor, label: Tensor, mask: Tensor, weight_ends: float) -> Tensor:
    """Cross-entropy with labels that share a probability of 1, mean over valid steps.

    Parameters
    ----------
    logits, label : Tensor, (B, M, 4)
        See `targets`.
    mask : Tensor, (B, M), bool
    weight_ends : float
        Weight of steps at which the moment starts or ends.
    """
    share = label / label.sum(-1, keepdim=True)
    entropy = -(share * logits.log_softmax(-1)).sum(-1)  # (B, M)
    weight = torch.where(label[..., :2].any(-1), weight_ends, 1.0) * mask
    return (entropy * weight).sum() / mask.sum()
