"""Published checkpoints of MATR, from the file to predictions, on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import Ran
from golden_cases import golden_cases
from published_checkpoints import published_file
from safetensors.torch import load_file

from vid2vidmr.contract import FeatureContract
from vid2vidmr.data.info import DatasetInfo
from vid2vidmr.data.write import write_dataset
from vid2vidmr.evaluation.predictions import read_predictions
from vid2vidmr.features.store import feature_folder
from vid2vidmr.features.writer import FeatureWriter
from vid2vidmr.methods.load import load_method

Cli = Callable[..., Ran]
Golden = tuple[dict[str, torch.Tensor], dict[str, Any]]


@pytest.fixture(params=golden_cases("matr_*.safetensors"), ids=lambda path: path.stem)
def golden(request: pytest.FixtureRequest) -> Golden:
    path: Path = request.param
    return load_file(path), json.loads(path.with_suffix(".json").read_text())


def weights_of(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {key[2:]: value for key, value in tensors.items() if key.startswith("w.")}


def golden_dataset(folder: Path, tensors: dict[str, torch.Tensor], about: dict[str, Any]) -> None:
    """The golden pairs as a data set with features: queries q0, q1, ..., targets t0, t1, ..."""
    lengths = {"q": about["lengths_query"], "t": about["lengths_target"]}
    rows = []
    for i, duration_s in enumerate(about["durations"]):
        query_s = 2.0 * lengths["q"][i]
        rows += [(f"q{i}", query_s, 0.0, query_s)]
        rows += [(f"t{i}", duration_s, *about["gt_windows_seconds"][i])]
    moments = pd.DataFrame(rows, columns=["moment_id", "clip_end_s", "start_s", "end_s"])
    moments = moments.assign(
        video_id=moments["moment_id"], label="wave", split="test", clip_start_s=0.0
    )
    videos = pd.DataFrame(
        {
            "video_id": moments["video_id"],
            "source_id": moments["video_id"],
            "path": None,
            "duration_s": moments["clip_end_s"],
            "sha256": None,
            "status": "missing",
        }
    )
    numbers = [str(i) for i in range(len(about["durations"]))]
    pairs = pd.DataFrame(
        {
            "pair_id": [f"p{i}" for i in numbers],
            "query_id": [f"q{i}" for i in numbers],
            "target_id": [f"t{i}" for i in numbers],
        }
    )
    info = DatasetInfo(
        name="golden", title="Golden", version="1", source="the test", licence="MIT",
        citation="none", synthetic=True, default_encoder="clip-vit-b32",
    )  # fmt: skip
    dataset = write_dataset(folder, info, moments, {"test": pairs}, videos)
    contract = FeatureContract(
        encoder="clip-vit-b32",
        weights_sha256="1" * 64,
        dim=tensors["in.src_txt"].shape[-1],
        sampling="t = 0, 2, 4, ... s",
        preprocessing="the test's",
        decoder="none",
        dtype="float32",
    )
    with FeatureWriter(feature_folder(dataset, "clip-vit-b32"), contract) as writer:
        for i in range(len(numbers)):
            writer.append(f"q{i}", tensors["in.src_txt"][i, : lengths["q"][i]].numpy())
            writer.append(f"t{i}", tensors["in.src_vid"][i, : lengths["t"][i], :-2].numpy())


@pytest.mark.parametrize("prefix", ["", "module."])
def test_an_imported_checkpoint_predicts_the_golden_windows(
    golden: Golden, cli: Cli, tmp_path: Path, prefix: str
) -> None:
    tensors, about = golden
    file = published_file(
        tmp_path / "model_best.ckpt", weights_of(tensors), about["config"], prefix
    )
    folder, out = tmp_path / "golden", tmp_path / "matr.jsonl"
    golden_dataset(folder, tensors, about)
    ran = cli("import-checkpoint", "matr", file, "--out", tmp_path / "matr")
    assert ran.code == 0, ran.err
    assert "clip-vit-b32 (512-d)" in ran.out
    assert load_method("matr", tmp_path / "matr").config.wiring == "published"
    ran = cli(
        "predict", "matr", "--dataset", folder, "--checkpoint", tmp_path / "matr", "--out", out
    )
    assert ran.code == 0, ran.err
    found = list(read_predictions(out)[1])
    assert [prediction.pair_id for prediction in found] == [f"p{i}" for i in range(len(found))]
    expected = about["decoded_windows_inference_mr_sorted_before_nms"]
    for prediction, windows, m in zip(found, expected, about["lengths_target"], strict=True):
        # The golden list goes on with the rows of the padding, of score 0.
        np.testing.assert_allclose(prediction.windows, windows[:m], rtol=0, atol=1e-3)
    again = cli("import-checkpoint", "matr", file, "--out", tmp_path / "matr")
    assert again.code == 2
    assert "holds a checkpoint already" in again.err


def test_features_of_another_encoder_are_refused(golden: Golden, cli: Cli, tmp_path: Path) -> None:
    tensors, about = golden
    file = published_file(tmp_path / "model.ckpt", weights_of(tensors), about["config"])
    folder, checkpoint = tmp_path / "golden", tmp_path / "matr"
    golden_dataset(folder, tensors, about)
    assert cli(
        "import-checkpoint", "matr", file, "--out", checkpoint, "--encoder", "open_clip:RN50/openai"
    ).code == 0  # fmt: skip
    ran = cli(
        "predict", "matr", "--dataset", folder, "--checkpoint", checkpoint, "--out", tmp_path / "p"
    )
    assert ran.code == 2
    assert "open_clip:RN50/openai" in ran.err
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w, o: w.pop("weightedpool.weight"), "lacks weightedpool.weight"),
        (lambda w, o: w.update(extra=torch.ones(1)), "has in excess extra"),
        (lambda w, o: o.update(hidden_dim=64), "has the shape"),
        (lambda w, o: o.update(enc_layers=1), "has in excess transformer.encoder.layers.1."),
        (lambda w, o: o.update(nheads=5), "its options fit no model"),
        (lambda w, o: o.update(nheads="many"), "its options fit no model"),
        (lambda w, o: o.pop("nheads"), "it has no nheads"),
        (lambda w, o: o.update(pre_norm=True), "The option pre_norm"),
        (
            lambda w, o: w.pop("input_txt_proj.0.LayerNorm.weight"),
            "it has no input_txt_proj.0.LayerNorm.weight",
        ),
    ],
)
def test_checkpoints_that_do_not_fit_are_refused_with_a_sentence(
    golden: Golden,
    cli: Cli,
    tmp_path: Path,
    change: Callable[[dict[str, torch.Tensor], dict[str, Any]], None],
    message: str,
) -> None:
    weights, options = weights_of(golden[0]), dict(golden[1]["config"])
    change(weights, options)
    file = published_file(tmp_path / "model.ckpt", weights, options)
    ran = cli("import-checkpoint", "matr", file, "--out", tmp_path / "out")
    assert ran.code == 2
    assert message in ran.err
    assert ran.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_checkpoints_of_another_method_are_refused(
    golden: Golden, cli: Cli, tmp_path: Path
) -> None:
    file = published_file(tmp_path / "model.ckpt", weights_of(golden[0]), golden[1]["config"])
    for method, message in (
        ("moment_detr", "no published checkpoint of moment_detr"),
        ("video-match", "video-match reads no published checkpoints"),
    ):
        ran = cli("import-checkpoint", method, file, "--out", tmp_path / "out")
        assert ran.code == 2
        assert message in ran.err
    assert cli("import-checkpoint", "matr", tmp_path, "--out", tmp_path / "out").code == 2
