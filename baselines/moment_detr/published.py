"""Checkpoints of the published Moment-DETR as config and weights of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from baselines.moment_detr.config import PRESETS, MomentDetrConfig
from vid2vidmr.methods.detr.published import published_fields


def read(
    weights: Mapping[str, Tensor], options: Mapping[str, Any]
) -> tuple[MomentDetrConfig, int, dict[str, Tensor]]:
    """See `vid2vidmr.methods.neural.NeuralMethod.published`.

    What concerns training alone is that of the preset ``paper``.
    """
    fields, dim = published_fields(weights, options)
    config = replace(
        PRESETS["paper"],
        **fields,
        contrastive=options["contrastive_align_loss"],
        contrastive_dim=options["contrastive_hdim"],
        weight_contrastive=options["contrastive_align_loss_coef"],
    )
    return config, dim, dict(weights)
