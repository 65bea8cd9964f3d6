"""Checkpoints of the published Moment-DETR as config and weights of ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from baselines.moment_detr import MomentDetr, MomentDetrConfig
from vid2vidmr.nn.checkpoints import require_options


def read(
    weights: Mapping[str, Tensor], options: Mapping[str, Any]
) -> tuple[MomentDetrConfig, int, dict[str, Tensor]]:
    """See `vid2vidmr.neural.NeuralMethod.published`.

    What concerns training alone is that of the preset ``paper``.
    """
    require_options(options, pre_norm=False, position_embedding="sine", span_loss_type="l1")
    preset = MomentDetr.presets["paper"]
    nms = options.get("nms_thd", -1)  # negative is none
    config = replace(
        preset,
        d=options["hidden_dim"],
        heads=options["nheads"],
        ff=options["dim_feedforward"],
        encoder_layers=options["enc_layers"],
        decoder_layers=options["dec_layers"],
        input_layers=options["n_input_proj"],
        queries=options["num_queries"],
        dropout=options["dropout"],
        input_dropout=options["input_dropout"],
        max_target=options["max_v_l"],
        max_query=options["max_q_l"],
        query_positions=options["use_txt_pos"],
        position_table=len(weights["txt_position_embed.position_embeddings.weight"]),
        weight_span=options["span_loss_coef"],
        weight_giou=options["giou_loss_coef"],
        weight_label=options["label_loss_coef"],
        weight_saliency=options["lw_saliency"],
        background=options["eos_coef"],
        contrastive=options["contrastive_align_loss"],
        contrastive_dim=options["contrastive_hdim"],
        weight_contrastive=options["contrastive_align_loss_coef"],
        nms=nms if nms >= 0 else preset.nms,
    )
    return config, len(weights["input_txt_proj.0.LayerNorm.weight"]), dict(weights)
