"""Checkpoints of the published UniVTG as config and weights of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from baselines.univtg.config import PRESETS, UniVtgConfig
from vid2vidmr.methods.published import clip_fields, feature_widths, require_options


def read(
    weights: Mapping[str, Tensor], options: Mapping[str, Any]
) -> tuple[UniVtgConfig, int, dict[str, Tensor]]:
    """See `vid2vidmr.methods.neural.NeuralMethod.published`.

    What concerns training alone is that of the preset ``paper``; padding is masked.
    """
    require_options(options, pre_norm=False, position_embedding="sine", span_loss_type="l1")
    preset = PRESETS["paper"]
    widths = feature_widths(weights, options)
    config = replace(
        preset,
        **clip_fields(options, preset.nms),
        query_dim=widths["query_dim"],
        input_layers=options["n_input_proj"],
        drop_path=options["droppath"],
        query_positions=options["use_txt_pos"],
        position_table=len(weights["txt_position_embed.position_embeddings.weight"]),
    )
    return config, widths["dim"], dict(weights)
