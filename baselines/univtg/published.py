"""Checkpoints of the published UniVTG as config and weights of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from baselines.univtg import UniVtg, UniVtgConfig
from vid2vidmr.nn.checkpoints import require_options


def read(
    weights: Mapping[str, Tensor], options: Mapping[str, Any]
) -> tuple[UniVtgConfig, int, dict[str, Tensor]]:
    """See `vid2vidmr.neural.NeuralMethod.published`.

    What concerns training alone is that of the preset ``paper``; padding is masked.
    """
    require_options(options, pre_norm=False, position_embedding="sine", span_loss_type="l1")
    preset = UniVtg.presets["paper"]
    nms = options.get("nms_thd", -1)  # negative is none
    config = replace(
        preset,
        d=options["hidden_dim"],
        heads=options["nheads"],
        ff=options["dim_feedforward"],
        encoder_layers=options["enc_layers"],
        input_layers=options["n_input_proj"],
        dropout=options["dropout"],
        input_dropout=options["input_dropout"],
        drop_path=options["droppath"],
        query_positions=options["use_txt_pos"],
        position_table=len(weights["txt_position_embed.position_embeddings.weight"]),
        weight_b=options["b_loss_coef"],
        weight_g=options["g_loss_coef"],
        weight_f=options["f_loss_coef"],
        weight_s_inter=options["s_loss_inter_coef"],
        weight_s_intra=options["s_loss_intra_coef"],
        nms=nms if nms >= 0 else preset.nms,
    )
    return config, len(weights["input_txt_proj.0.LayerNorm.weight"]), dict(weights)
