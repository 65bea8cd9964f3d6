"""UniVTG against activations, losses and gradients of the published model, and its checkpoints."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_cases import (
    RELATIVE,
    check_gradients_and_one_step,
    close,
    golden_cases,
    pair_alone,
    part,
)
from published_checkpoints import published_file
from safetensors.torch import load_file

from baselines.univtg import UniVtg
from baselines.univtg.config import UniVtgConfig
from baselines.univtg.losses import losses_against, targets
from baselines.univtg.model import Model
from baselines.univtg.published import read
from vid2vidmr.errors import DataError
from vid2vidmr.methods.published import import_checkpoint
from vid2vidmr.nn.clips import ClipTargets
from vid2vidmr.train.batch import Batch


@dataclass
class Case:
    tensors: dict[str, torch.Tensor]
    json: dict[str, Any]
    config: UniVtgConfig

    def __post_init__(self) -> None:
        self.given = part(self.tensors, "input/")
        given = self.json["config"]
        self.model = Model(self.config, given["t_feat_dim"]).eval()
        self.model.load_state_dict(part(self.tensors, "param/"))

    @property
    def targets(self) -> ClipTargets:
        found = part(self.tensors, "target/")
        scores, positive = found["saliency_scores"], found["saliency_pos_labels"]
        return ClipTargets(
            found["timestamp_mask"].bool(),
            found["timestamp"][..., 0],
            found["span_labels_nn"],
            found["timestamp_window"].bool(),
            positive[:, 0],
            scores < scores.gather(1, positive),
        )

    def run(self) -> dict[str, torch.Tensor]:
        given = self.given
        return self.model.outputs(
            given["src_vid"], given["src_vid_mask"], given["src_txt"], given["src_txt_mask"]
        )

    def losses(self) -> dict[str, torch.Tensor]:
        return losses_against(self.run(), self.targets, self.config)


def load(path: Path, official: bool) -> Case:
    tensors, about = load_file(path), json.loads(path.with_suffix(".json").read_text())
    config = read(part(tensors, "param/"), about["config"])[0]
    return Case(tensors, about, replace(config, official_padding=official))


@pytest.fixture(params=golden_cases("univtg_*.safetensors"), ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    """One recorded case: all that a test looks at is of it."""
    found: Path = request.param
    return found


@pytest.fixture
def official(path: Path) -> Case:
    return load(path, official=True)


@pytest.fixture
def masked(path: Path) -> Case:
    return load(path, official=False)


def test_golden_outputs_of_the_padded_batch_where_padding_leaks(official: Case) -> None:
    outputs, golden = official.run(), part(official.tensors, "output/")
    assert set(golden) == {*outputs, "src_vid_mask"}
    for name, value in outputs.items():
        close(value, golden[name])


def test_golden_outputs_of_each_pair_alone(masked: Case, official: Case) -> None:
    """In a padded batch as well as by itself where padding is masked, by itself where it is not."""
    together = masked.run()
    for b in range(len(masked.given["src_vid"])):
        golden = part(masked.tensors, f"single_{b}/")
        alone = [c.model.outputs(*pair_alone(masked.given, b)) for c in (masked, official)]
        assert golden
        for name, value in golden.items():
            for outputs in alone:
                close(outputs[name], value)
            close(together[name][b : b + 1, : value.shape[1]], value)


def test_golden_losses(official: Case) -> None:
    found = official.losses()
    assert set(found) == {*official.json["losses"], "loss"}
    for name, value in official.json["losses"].items():
        assert found[name].item() == pytest.approx(value, rel=RELATIVE, abs=1e-6), name
    assert found["loss"].item() == pytest.approx(official.json["weighted_total"], rel=RELATIVE)


def test_golden_gradients_and_one_step(official: Case) -> None:
    check_gradients_and_one_step(official.model, lambda: official.losses()["loss"], official.json)


def test_golden_targets_of_pairs_with_one_window(masked: Case) -> None:
    golden, given, about = masked.targets, masked.given, masked.json
    one = list(range(len(about["windows_in_clips"])))
    most = max(map(len, about["windows_in_clips"]))
    clips = torch.full((len(one), most, 2), torch.nan)
    for row, windows in zip(clips, about["windows_in_clips"], strict=True):
        row[: len(windows)] = torch.tensor(windows, dtype=torch.float32)
    mask = given["src_vid_mask"][one].bool()
    batch = Batch(
        target=given["src_vid"][one],
        target_mask=mask,
        query=given["src_txt"][one],
        query_mask=given["src_txt_mask"][one].bool(),
        durations_s=about["clip_length"] * mask.sum(1),
        windows_s=about["clip_length"] * clips,
        group=torch.arange(len(one)),
    )
    found = targets(batch)
    assert torch.equal(found.mask, golden.mask[one])
    close(found.times, golden.times[one])
    assert torch.equal(found.inside, golden.inside[one])
    close(found.spans * found.inside[..., None], golden.spans[one] * golden.inside[one][..., None])


def test_an_imported_checkpoint_gives_the_golden_outputs(masked: Case, tmp_path: Path) -> None:
    options, weights = masked.json["config"], part(masked.tensors, "param/")
    file = published_file(tmp_path / "model_best.ckpt", weights, options)
    import_checkpoint("univtg", file, tmp_path / "checkpoint")
    method = UniVtg.load(tmp_path / "checkpoint")
    assert method.config == masked.config
    assert method.config.nms == UniVtg.presets["paper"].nms
    assert method.encoder_contract is not None
    assert method.encoder_contract.dim == options["v_feat_dim"] - 2
    assert method.model is not None
    state = method.model.state_dict()
    assert state.keys() == weights.keys()
    for name, value in weights.items():
        assert torch.equal(state[name].cpu(), value), name
    for b in range(len(masked.given["src_vid"])):
        with torch.no_grad():
            outputs = method.model.eval().outputs(*pair_alone(masked.given, b))
        for name, value in part(masked.tensors, f"single_{b}/").items():
            close(outputs[name], value)
    with pytest.raises(DataError, match="no published checkpoint of matr"):
        import_checkpoint("matr", file, tmp_path / "matr")
