"""Published checkpoints of QD-DETR and CG-DETR, from the file to golden outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from golden_cases import close, golden_cases, pair_alone, part
from published_checkpoints import published_file
from safetensors.torch import load_file

from vid2vidmr.errors import DataError
from vid2vidmr.methods.load import method_class
from vid2vidmr.methods.published import import_checkpoint

CASES = [
    pytest.param(name, path, id=path.stem)
    for name in ("qd_detr", "cg_detr")
    for path in golden_cases(f"{name}_*.safetensors")
]


@pytest.mark.parametrize(("method_name", "path"), CASES)
def test_an_imported_checkpoint_gives_the_golden_outputs(
    method_name: str, path: Path, tmp_path: Path
) -> None:
    tensors, options = load_file(path), json.loads(path.with_suffix(".json").read_text())["config"]
    weights = part(tensors, "param/")
    file = published_file(tmp_path / "model_best.ckpt", weights, options, prefix="module.")
    import_checkpoint(method_name, file, tmp_path / "checkpoint")
    method = method_class(method_name).load(tmp_path / "checkpoint")
    assert method.encoder_contract.dim == options["v_feat_dim"] - 2
    saved = method.model.state_dict()
    assert set(saved) == set(weights)
    for key, value in weights.items():
        assert torch.equal(saved[key], value), key
    given = part(tensors, "input/")
    with torch.no_grad():
        for b in range(len(given["src_vid"])):
            outputs = method.model.eval().outputs(*pair_alone(given, b))
            for name, value in part(tensors, f"single_{b}/").items():
                close(outputs[name], value)
    with pytest.raises(DataError, match="no published checkpoint of moment_detr"):
        import_checkpoint("moment_detr", file, tmp_path / "moment_detr")


@pytest.mark.parametrize("name", ["qd_detr", "cg_detr"])
def test_a_checkpoint_of_the_other_method_is_refused(name: str, tmp_path: Path) -> None:
    other = {"qd_detr": "cg_detr", "cg_detr": "qd_detr"}[name]
    for path in golden_cases(f"{other}_*.safetensors")[:1]:
        options = json.loads(path.with_suffix(".json").read_text())["config"]
        weights = part(load_file(path), "param/")
        file = published_file(tmp_path / "model.ckpt", weights, options)
        with pytest.raises(DataError, match=f"no published checkpoint of {name}"):
            import_checkpoint(name, file, tmp_path / "out")
        assert not (tmp_path / "out").exists()
