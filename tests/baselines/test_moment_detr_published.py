"""Published checkpoints of Moment-DETR, from the file to golden outputs."""

import json
from pathlib import Path

import pytest
import torch
from golden_cases import golden_cases
from published_checkpoints import published_file
from safetensors.torch import load_file

from baselines.moment_detr import MomentDetr
from vid2vidmr.errors import DataError
from vid2vidmr.methods.published import import_checkpoint


@pytest.mark.parametrize(
    "path", golden_cases("moment_detr_*.safetensors"), ids=lambda path: path.stem
)
def test_an_imported_checkpoint_gives_the_golden_outputs(path: Path, tmp_path: Path) -> None:
    tensors, options = load_file(path), json.loads(path.with_suffix(".json").read_text())["config"]
    weights = {key[6:]: value for key, value in tensors.items() if key.startswith("param/")}
    file = published_file(tmp_path / "model_best.ckpt", weights, options)
    import_checkpoint("moment_detr", file, tmp_path / "checkpoint")
    method = MomentDetr.load(tmp_path / "checkpoint")
    assert method.encoder_contract is not None
    assert method.encoder_contract.dim == options["v_feat_dim"] - 2
    assert method.model is not None
    given = {key[6:]: value for key, value in tensors.items() if key.startswith("input/")}
    with torch.no_grad():
        outputs = method.model.eval().outputs(
            given["src_vid"], given["src_vid_mask"], given["src_txt"], given["src_txt_mask"]
        )
    for name in ("pred_logits", "pred_spans", "saliency_scores"):
        golden = tensors[f"output/{name}"]
        atol = 1e-4 * golden.abs().max().item()
        torch.testing.assert_close(outputs[name], golden, rtol=0, atol=atol)
    with pytest.raises(DataError, match="no published checkpoint of matr"):
        import_checkpoint("matr", file, tmp_path / "matr")
