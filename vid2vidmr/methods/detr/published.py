"""Reading options and weights of the published DETRs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from vid2vidmr.methods.detr.config import DetrConfig
from vid2vidmr.methods.published import common_fields, feature_widths, require_options


def count_layers(weights: Mapping[str, Tensor], block: str) -> int:
    """Layers of a block of a checkpoint, such as ``transformer.t2v_encoder``."""
    start = f"{block}.layers."
    return len(
        {name.removeprefix(start).split(".")[0] for name in weights if name.startswith(start)}
    )


def published_fields(
    weights: Mapping[str, Tensor], options: Mapping[str, Any]
) -> tuple[dict[str, Any], int]:
    """Fields of a `DetrConfig` by the options of the published training scripts.

    Returns
    -------
    fields : dict
    dim : int
        Length of a target's feature.

    Raises
    ------
    DataError
        If the options describe another model.
    KeyError
        Names an option or a weight that is missing.
    """
    require_options(options, pre_norm=False, position_embedding="sine", span_loss_type="l1")
    widths = feature_widths(weights, options)
    fields = {
        **common_fields(options, DetrConfig.nms),
        "query_dim": widths["query_dim"],
        "decoder_layers": options["dec_layers"],
        "input_layers": options["n_input_proj"],
        "queries": options["num_queries"],
        "max_target": options["max_v_l"],
        "max_query": options["max_q_l"],
        "query_positions": options["use_txt_pos"],
        "position_table": len(weights["txt_position_embed.position_embeddings.weight"]),
        "weight_span": options["span_loss_coef"],
        "weight_giou": options["giou_loss_coef"],
        "weight_label": options["label_loss_coef"],
        "weight_saliency": options["lw_saliency"],
        "background": options["eos_coef"],
    }
    return fields, widths["dim"]
