"""Published checkpoints that read text and frames of different lengths."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from golden_cases import golden_cases, pair_alone, part
from published_checkpoints import published_file
from safetensors.torch import load_file
from toy import toy_pairs

from vid2vidmr.data.pairs import PairSet
from vid2vidmr.errors import DataError, FeatureError
from vid2vidmr.features.store import MemoryFeatures
from vid2vidmr.methods.load import method_class
from vid2vidmr.methods.published import import_checkpoint
from vid2vidmr.train.batch import Sample, collate

WIDTH = 10
CASES = [
    pytest.param(name, path, id=path.stem)
    for name in ("moment_detr", "qd_detr", "cg_detr", "univtg")
    for path in golden_cases(f"{name}_*.safetensors")
]


def widened(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, object]]:
    """Weights and options of a recorded case, made to read text of `WIDTH` numbers."""
    weights = part(load_file(path), "param/")
    options = json.loads(path.with_suffix(".json").read_text())["config"]
    for block in ("input_txt_proj.0.", "txt_proj_linear."):
        for name in [name for name in weights if name.startswith(block)]:
            if "LayerNorm" in name or name.endswith("net.1.weight"):
                weights[name] = weights[name][..., :WIDTH].clone()
    return weights, {**options, "t_feat_dim": WIDTH}


@pytest.mark.parametrize(("name", "path"), CASES)
def test_they_are_imported_and_ask_by_text_alone(name: str, path: Path, tmp_path: Path) -> None:
    weights, options = widened(path)
    file = published_file(tmp_path / "model.ckpt", weights, options)
    import_checkpoint(name, file, tmp_path / "checkpoint")
    method = method_class(name).load(tmp_path / "checkpoint")
    assert method.encoder_contract.dim == options["v_feat_dim"] - 2
    assert method.config.query_dim == WIDTH
    target, target_mask, query, query_mask = pair_alone(part(load_file(path), "input/"), 0)
    with torch.no_grad():
        short = method.model.eval().outputs(target, target_mask, query[..., :WIDTH], query_mask)
    assert short["pred_spans"].isfinite().all()

    def features(width: int) -> MemoryFeatures:
        contract = method.encoder_contract.model_copy(update={"dim": width})
        return MemoryFeatures(contract, dict.fromkeys(names, np.zeros((9, width), np.float32)))

    table = toy_pairs(2).table
    names = [*table["query_video"], *table["target_video"], *table["query_id"]]
    pairs = PairSet(table, "test", features=features(method.encoder_contract.dim))
    with pytest.raises(FeatureError, match="cannot ask by video") as caught:
        method.accepted(pairs)
    assert "\n" not in str(caught.value)
    method.config = replace(method.config, query="text")
    with pytest.raises(FeatureError, match=f"reads {WIDTH}: choose the encoder"):
        method.accepted(replace(pairs, captions=features(WIDTH + 1)))
    assert method.accepted(replace(pairs, captions=features(WIDTH))).query == "text"


def matr_case() -> tuple[dict[str, torch.Tensor], dict[str, object]]:
    (path, *_) = golden_cases("matr_*.safetensors")
    return part(load_file(path), "w."), json.loads(path.with_suffix(".json").read_text())["config"]


def imported_matr(folder: Path, weights: dict[str, torch.Tensor], options: dict[str, object]):  # type: ignore[no-untyped-def]
    folder.mkdir()
    import_checkpoint("matr", published_file(folder / "model.ckpt", weights, options), folder / "c")
    return method_class("matr").load(folder / "c")


def test_those_of_matr_may_have_text_positions_and_other_widths(tmp_path: Path) -> None:
    weights, options = matr_case()
    d = len(weights["input_txt_proj.0.net.1.bias"])
    table = "txt_position_embed.position_embeddings.weight"
    weights |= {table: torch.randn(7, d), "txt_position_embed.LayerNorm.weight": torch.ones(d),
                "txt_position_embed.LayerNorm.bias": torch.zeros(d)}  # fmt: skip
    without = imported_matr(tmp_path / "without", weights, options)
    positions = imported_matr(tmp_path / "with", weights, {**options, "use_txt_pos": True})
    assert positions.config.position_table == 7
    assert torch.equal(positions.model.state_dict()[table], weights[table])
    rng = np.random.default_rng(0)
    query, target = (rng.standard_normal((n, 512), np.float32) for n in (9, 12))
    batch = collate([Sample(query, target, np.array([[2.0, 8.0]]), 24.0, 0)])
    with torch.no_grad():
        known, learned = (m.model.eval()(batch)["pred_spans"] for m in (without, positions))
    assert known.shape == learned.shape and not torch.equal(known, learned)

    for name in ("input_txt_proj.0.LayerNorm.weight", "input_txt_proj.0.LayerNorm.bias"):
        weights[name] = weights[name][:WIDTH].clone()
    weights["input_txt_proj.0.net.1.weight"] = weights["input_txt_proj.0.net.1.weight"][:, :WIDTH]
    narrow = imported_matr(tmp_path / "narrow", weights, {**options, "t_feat_dim": WIDTH})
    assert narrow.config.query_dim == WIDTH
    assert narrow.encoder_contract.dim == options["v_feat_dim"] - 2


def test_targets_without_endpoints_are_refused(tmp_path: Path) -> None:
    (path, *_) = golden_cases("univtg_*.safetensors")
    weights, options = widened(path)
    file = published_file(tmp_path / "model.ckpt", weights, {**options, "ctx_mode": "video"})
    with pytest.raises(DataError, match="The option ctx_mode"):
        import_checkpoint("univtg", file, tmp_path / "checkpoint")
