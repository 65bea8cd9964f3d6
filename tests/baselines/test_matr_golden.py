"""The paper's wiring against activations of the published modules (golden `matr_*`)."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from golden_cases import golden_cases
from safetensors.torch import load_file

from baselines.matr import Matr
from baselines.matr.model import Model, cosine_cost
from vid2vidmr.alignment import dtw

CASES = golden_cases("matr_*.safetensors")


def load(path: Path) -> tuple[dict, dict, Model]:
    tensors, case = load_file(path), json.loads(path.with_suffix(".json").read_text())
    given = case["config"]
    config = replace(
        Matr.presets["paper"],
        d=given["hidden_dim"],
        heads=given["nheads"],
        ff=given["dim_feedforward"],
        encoder_layers=given["enc_layers"],
        decoder_layers=given["dec_layers"],
        queries=given["num_queries"],
        query_positions=False,  # the published encoder has none
    )
    model = Model(config, given["t_feat_dim"]).eval()
    weights = {key[2:]: value for key, value in tensors.items() if key.startswith("w.")}
    weights["query_embed.weight"] = tensors["extra.query_embed10"]
    missing = model.load_state_dict(weights, strict=False).missing_keys
    assert not missing
    return tensors, case, model


def close(ours: torch.Tensor, golden: torch.Tensor) -> None:
    torch.testing.assert_close(ours, golden, rtol=0, atol=1e-4 * golden.abs().max().item())


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_golden_projection_and_encoder_of_padded_batch(path: Path) -> None:
    tensors, case, model = load(path)
    target_mask, query_mask = tensors["in.src_vid_mask"].bool(), tensors["in.src_txt_mask"].bool()
    with torch.no_grad():
        t0, q0 = model.project(tensors["in.src_vid"], tensors["in.src_txt"])
        t, q = model.fuse(t0, target_mask, q0, query_mask)
    for i, (m, n) in enumerate(zip(case["lengths_target"], case["lengths_query"], strict=True)):
        close(t0[i, :m], tensors["out.vid_mem_proj"][i, :m])
        close(q0[i, :n], tensors["out.txt_mem_proj_n"][i, :n])
        close(t[i, :m], tensors[f"single{i}.vid_decoder"][0])
        close(q[i, :n], tensors[f"single{i}.txt_decoder"][0])
        for name, cost in (("pre", cosine_cost(t0, q0)), ("post", cosine_cost(t, q))):
            close(cost[i, :m, :n], tensors[f"align.{name}_coscost_{i}"])
            value = dtw(tensors[f"align.{name}_coscost_{i}"].numpy())[0]
            assert value == pytest.approx(
                tensors[f"align.{name}_hard_dtw_cost_{i}"].item(), rel=1e-4
            )


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_golden_decoder_on_segment_and_heads(path: Path) -> None:
    tensors, case, model = load(path)
    target_mask, query_mask = tensors["in.src_vid_mask"].bool(), tensors["in.src_txt_mask"].bool()
    with torch.no_grad():
        t0, q0 = model.project(tensors["in.src_vid"], tensors["in.src_txt"])
        t, _ = model.fuse(t0, target_mask, q0, query_mask)
        segment = tensors["extra.segments_s_e_exclusive"]
        decoded = model.decode_segment(t, target_mask, segment)
        foreground, offsets = model.heads(t, target_mask, decoded, segment)
    for i, m in enumerate(case["lengths_target"]):
        rows = m + model.config.queries
        close(decoded[i], tensors[f"fig2_{i}.hs_segment"][-1, 0])
        close(foreground[i, :rows].sigmoid(), tensors[f"fig2_{i}.pred_logits_M_plus_l"][0])
        close(offsets[i, :rows], tensors[f"fig2_{i}.pred_spans_M_plus_l"][0])
