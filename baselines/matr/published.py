"""Checkpoints of the published code of MATR as config and weights of the published wiring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from baselines.matr.config import PRESETS, MatrConfig
from vid2vidmr.methods.published import clip_fields, require_options

UNUSED = (
    "transformer.decoder.",
    "transformer.vid_proj.",
    "query_embed.",
    "span_embed.",
    "class_embed.",
    "txt_position_embed.",
)
"""Published weights that no output depends on; they are left behind."""


def read(
    weights: Mapping[str, Tensor], options: Mapping[str, Any]
) -> tuple[MatrConfig, int, dict[str, Tensor]]:
    """See `vid2vidmr.methods.neural.NeuralMethod.published`.

    What concerns training alone is that of the preset ``published``.
    """
    require_options(
        options,
        pre_norm=False,
        position_embedding="sine",
        use_txt_pos=False,
        n_input_proj=2,
        span_loss_type="l1",
    )
    preset = PRESETS["published"]
    config = replace(preset, **clip_fields(options, preset.nms))
    dim = len(weights["input_txt_proj.0.LayerNorm.weight"])
    used = {name: value for name, value in weights.items() if not name.startswith(UNUSED)}
    return config, dim, used
