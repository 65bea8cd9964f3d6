"""Published checkpoints of QD-DETR and CG-DETR, from the file to golden outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from golden_cases import golden_cases
from golden_detr import close
from published_checkpoints import published_file
from safetensors.torch import load_file

from vid2vidmr.errors import DataError
from vid2vidmr.nn.checkpoints import import_checkpoint
from vid2vidmr.registry import method_class

CASES = [
    pytest.param(name, path, id=path.stem)
    for name in ("qd_detr", "cg_detr")
    for path in golden_cases(f"{name}_*.safetensors")
]


@pytest.mark.parametrize(("name", "path"), CASES)
def test_an_imported_checkpoint_gives_the_golden_outputs(
    name: str, path: Path, tmp_path: Path
) -> None:
    tensors, options = load_file(path), json.loads(path.with_suffix(".json").read_text())["config"]
    weights = {key[6:]: value for key, value in tensors.items() if key.startswith("param/")}
    file = published_file(tmp_path / "model_best.ckpt", weights, options, prefix="module.")
    import_checkpoint(name, file, tmp_path / "checkpoint")
    method = method_class(name).load(tmp_path / "checkpoint")
    assert method.encoder_contract.dim == options["t_feat_dim"]
    saved = method.model.state_dict()
    assert set(saved) == set(weights)
    for key, value in weights.items():
        assert torch.equal(saved[key], value), key
    given = {key[6:]: value for key, value in tensors.items() if key.startswith("input/")}
    masks = given["src_vid_mask"], given["src_txt_mask"]
    with torch.no_grad():
        for b, (m, n) in enumerate(zip(*(mask.sum(1).int() for mask in masks), strict=True)):
            outputs = method.model.eval().outputs(
                given["src_vid"][b : b + 1, :m],
                masks[0][b : b + 1, :m],
                given["src_txt"][b : b + 1, :n],
                masks[1][b : b + 1, :n],
            )
            for output in ("pred_logits", "pred_spans", "saliency_scores"):
                close(outputs[output], tensors[f"single_{b}/{output}"])
    with pytest.raises(DataError, match="no published checkpoint of moment_detr"):
        import_checkpoint("moment_detr", file, tmp_path / "moment_detr")


@pytest.mark.parametrize("name", ["qd_detr", "cg_detr"])
def test_a_checkpoint_of_the_other_method_is_refused(name: str, tmp_path: Path) -> None:
    other = {"qd_detr": "cg_detr", "cg_detr": "qd_detr"}[name]
    for path in golden_cases(f"{other}_*.safetensors")[:1]:
        options = json.loads(path.with_suffix(".json").read_text())["config"]
        weights = {k[6:]: v for k, v in load_file(path).items() if k.startswith("param/")}
        file = published_file(tmp_path / "model.ckpt", weights, options)
        with pytest.raises(DataError, match=f"no published checkpoint of {name}"):
            import_checkpoint(name, file, tmp_path / "out")
        assert not (tmp_path / "out").exists()
