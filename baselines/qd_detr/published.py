"""Checkpoints of the published QD-DETR as config and weights of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from baselines.qd_detr.config import PRESETS, QdDetrConfig
from vid2vidmr.methods.detr.published import count_layers, published_fields


def read(
    weights: Mapping[str, Tensor], options: Mapping[str, Any]
) -> tuple[QdDetrConfig, int, dict[str, Tensor]]:
    """See `vid2vidmr.methods.neural.NeuralMethod.published`.

    What concerns training alone is that of the preset ``paper``, and so is the mask.
    """
    fields, dim = published_fields(weights, options)
    config = replace(
        PRESETS["paper"],
        **fields,
        t2v_layers=count_layers(weights, "transformer.t2v_encoder"),
    )
    return config, dim, dict(weights)
