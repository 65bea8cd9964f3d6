"""Checkpoints of the published CG-DETR as config and weights of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from baselines.cg_detr.config import PRESETS, CgDetrConfig
from vid2vidmr.methods.detr.published import count_layers, published_fields


def read(
    weights: Mapping[str, Tensor], options: Mapping[str, Any]
) -> tuple[CgDetrConfig, int, dict[str, Tensor]]:
    """See `vid2vidmr.methods.neural.NeuralMethod.published`.

    What concerns training alone is that of the preset ``paper``, and so is the mask.
    """
    fields, dim = published_fields(weights, options)
    config = replace(
        PRESETS["paper"],
        **fields,
        t2v_layers=count_layers(weights, "transformer.t2v_encoder"),
        dummy_layers=count_layers(weights, "txtproj_encoder"),
        sentence_layers=count_layers(weights, "scls_encoder"),
        moment_layers=count_layers(weights, "transformer.mcls_encoder"),
        dummies=len(weights["dummy_rep_token"]),
        prompts=len(weights["global_rep_token"]),
        prompts_used=options["num_prompts"],
        weight_attention=options["lw_wattn"],
        weight_align=options["lw_ms_align"],
        weight_distill=options["lw_distill"],
    )
    return config, dim, dict(weights)
