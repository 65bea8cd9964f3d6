"""Checkpoints of the published code of MATR as config and weights of the published wiring."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from baselines.matr.config import PRESETS, MatrConfig
from vid2vidmr.methods.published import clip_fields, feature_widths, require_options

UNUSED = (
    "transformer.decoder.",
    "transformer.vid_proj.",
    "query_embed.",
    "span_embed.",
    "class_embed.",
    "txt_position_embed.",
)
"""Published weights that no output depends on; they are left behind.

Text positions are used if the options say so."""


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
        n_input_proj=2,
        span_loss_type="l1",
    )
    preset = PRESETS["published"]
    widths, unused, table = feature_widths(weights, options), UNUSED, None
    if options.get("use_txt_pos"):
        unused = UNUSED[:-1]
        table = len(weights["txt_position_embed.position_embeddings.weight"])
    config = replace(
        preset,
        **clip_fields(options, preset.nms),
        query_dim=widths["query_dim"],
        position_table=table,
    )
    used = {name: value for name, value in weights.items() if not name.startswith(unused)}
    return config, widths["dim"], used
