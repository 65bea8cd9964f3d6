"""The published wiring against activations, losses and gradients of the published modules."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from golden_cases import golden_cases
from published_checkpoints import published_file
from safetensors.torch import load_file
from toy import CONTRACT, toy_pairs

from baselines.matr import Matr
from baselines.matr.config import MatrConfig
from baselines.matr.published import UNUSED
from baselines.matr.published_losses import losses_against, targets
from baselines.matr.published_model import Model, prob_alignment, prob_cost, raw_windows
from vid2vidmr.errors import FeatureError
from vid2vidmr.features.store import MemoryFeatures
from vid2vidmr.methods.published import import_checkpoint
from vid2vidmr.nn.clips import clip_times
from vid2vidmr.train.batch import Batch

RELATIVE = 1e-4
"""Of a tensor's largest absolute value."""
GRADIENT = 5e-4
"""The same for gradients: those of the published alignment carry the noise of float32."""


@dataclass
class Case:
    tensors: dict[str, torch.Tensor]
    json: dict[str, Any]
    config: MatrConfig
    model: Model

    def inputs(self, pair: int | None = None) -> tuple[torch.Tensor, ...]:
        """Target, its mask, query, its mask: of the padded batch or of one pair alone."""
        t = self.tensors
        batch = (t["in.src_vid"], t["in.src_vid_mask"], t["in.src_txt"], t["in.src_txt_mask"])
        if pair is None:
            return batch[0], batch[1].bool(), batch[2], batch[3].bool()
        m, n = self.json["lengths_target"][pair], self.json["lengths_query"][pair]
        one = slice(pair, pair + 1)
        return (
            batch[0][one, :m], batch[1][one, :m].bool(), batch[2][one, :n], batch[3][one, :n].bool()
        )  # fmt: skip

    @property
    def batch(self) -> Batch:
        target, target_mask, query, query_mask = self.inputs()
        return Batch(
            target[..., :-2],
            target_mask,
            query,
            query_mask,
            torch.tensor(self.json["durations"]),
            torch.tensor(self.json["gt_windows_seconds"])[:, None],
            torch.arange(len(target)),
        )


@pytest.fixture(
    params=golden_cases("matr_*.safetensors"), ids=lambda path: path.stem, scope="module"
)
def case(request: pytest.FixtureRequest) -> Case:
    path: Path = request.param
    tensors, about = load_file(path), json.loads(path.with_suffix(".json").read_text())
    given = about["config"]
    config = replace(
        Matr.presets["published"],
        d=given["hidden_dim"],
        heads=given["nheads"],
        ff=given["dim_feedforward"],
        encoder_layers=given["enc_layers"],
        weight_b=given["b_loss_coef"],
        weight_g=given["g_loss_coef"],
        weight_f=given["f_loss_coef"],
        weight_s_inter=given["s_loss_inter_coef"],
        weight_s_intra=given["s_loss_intra_coef"],
    )
    model = Model(config, given["t_feat_dim"]).eval()
    weights = {key[2:]: value for key, value in tensors.items() if key.startswith("w.")}
    assert {k for k in weights if k.startswith(UNUSED)} == set(about["params_with_no_grad"])
    model.load_state_dict({k: v for k, v in weights.items() if not k.startswith(UNUSED)})
    return Case(tensors, about, config, model)


def close(ours: torch.Tensor, golden: torch.Tensor, relative: float = RELATIVE) -> None:
    assert ours.shape == golden.shape
    atol = relative * golden.abs().max().item()
    torch.testing.assert_close(ours.detach(), golden, rtol=0, atol=atol)


def test_golden_outputs_of_the_padded_batch(case: Case) -> None:
    outputs = case.model.outputs(*case.inputs())
    golden = {k[4:]: v for k, v in case.tensors.items() if k.startswith("out.")}
    assert set(golden) == set(outputs)
    for name, value in golden.items():
        lengths = case.json["lengths_query" if name == "txt_mem_proj_n" else "lengths_target"]
        if name == "txt_decoder":
            lengths = case.json["lengths_query"]
        for i, n in enumerate(lengths):
            close(outputs[name][i, :n], value[i, :n])
    close(outputs["saliency_scores"], golden["saliency_scores"])  # padding too


def test_golden_outputs_of_each_pair_alone(case: Case) -> None:
    for i in range(len(case.json["lengths_target"])):
        golden = {
            k.partition(".")[2]: v for k, v in case.tensors.items() if k.startswith(f"single{i}.")
        }
        outputs = case.model.outputs(*case.inputs(i))
        assert golden
        for name, value in golden.items():
            close(outputs[name], value)


def test_golden_targets(case: Case) -> None:
    found = targets(case.batch)
    golden = {k[4:]: v for k, v in case.tensors.items() if k.startswith("tgt.")}
    close(found.times, golden["timestamp"][..., 0])
    assert torch.equal(found.inside, golden["timestamp_window"].bool())
    spans = found.spans * found.inside.unsqueeze(-1)
    close(spans, golden["span_labels_nn"])
    assert found.inside[torch.arange(len(found.positive)), found.positive].all()


def test_golden_alignment(case: Case) -> None:
    outputs = case.model.outputs(*case.inputs())
    for stage, names in (
        ("pre", ("vid_mem_proj", "txt_mem_proj_n")),
        ("post", ("vid_decoder", "txt_decoder")),
    ):
        target, query = outputs[names[0]], outputs[names[1]]
        padded = case.tensors[f"align.{stage}_padded_target_rows_per_pair"]
        close(prob_alignment(target, query), padded)
        alone = case.tensors[f"align.{stage}_masked_target_rows_per_pair"]
        close(prob_alignment(target, query, *case.inputs()[1::2]), alone)
        turned = case.tensors[f"align.{stage}_masked_query_rows_per_pair"]
        lengths = zip(case.json["lengths_target"], case.json["lengths_query"], strict=True)
        for i, (m, n) in enumerate(lengths):
            t, q = target[i : i + 1, :m], query[i : i + 1, :n]
            close(
                prob_cost(t, q)[0], case.tensors[f"align.{stage}_official_zxcost_target_rows_{i}"]
            )
            close(prob_alignment(t, q)[0], alone[i])
            close(prob_alignment(q, t)[0], turned[i])


def test_golden_losses_and_gradients(case: Case) -> None:
    case.model.zero_grad()
    positive = case.tensors["tgt.saliency_pos_labels"][:, 0]
    wanted = targets(case.batch)._replace(positive=positive)
    found = losses_against(case.model.outputs(*case.inputs()), wanted, case.config)
    names = {
        "pre": "align_pre_official_padded",
        "post": "align_post_official_padded",
        "loss": "total_official",
    }
    golden = dict(case.json["losses"])
    for name, value in found.items():
        assert value.item() == pytest.approx(golden.pop(names.get(name, name)), rel=RELATIVE), name
    assert not golden
    found["loss"].backward()
    gradients = {k[5:]: v for k, v in case.tensors.items() if k.startswith("grad.")}
    zero = set(case.json["params_with_zero_grad"])
    parameters = dict(case.model.named_parameters())
    assert set(parameters) == set(gradients) | zero
    for name, parameter in parameters.items():
        assert parameter.grad is not None, name
        golden_gradient = torch.zeros_like(parameter) if name in zero else gradients[name]
        close(parameter.grad, golden_gradient, GRADIENT)


def test_golden_decoded_windows(case: Case) -> None:
    batch = case.batch
    with torch.no_grad():
        outputs = case.model.outputs(*case.inputs())
    found = raw_windows(outputs, batch.target_mask, batch.durations_s)
    golden = np.array(case.json["decoded_windows_inference_mr_sorted_before_nms"])
    np.testing.assert_allclose(found, golden, rtol=0, atol=2e-4)
    for rows, every, m in zip(
        Matr(replace(case.config, nms=1.0)).windows(outputs, batch),
        golden,
        case.json["lengths_target"],
        strict=True,
    ):
        np.testing.assert_allclose(rows, every[:m], rtol=0, atol=2e-4)


def test_clip_times_are_clip_ends() -> None:
    mask = torch.tensor([[True, True, True, True], [True, True, False, False]])
    assert clip_times(mask).tolist() == [[0.25, 0.5, 0.75, 1.0], [0.5, 1.0, 0.0, 0.0]]


def test_published_wiring_trains_and_predicts(tmp_path: Path) -> None:
    config = replace(
        Matr.presets["published"],
        epochs=2, batch_size=4, d=16, heads=2, ff=16, encoder_layers=1, learning_rate=1e-2,
        weight_s_inter=0.1, weight_s_intra=0.1,
    )  # fmt: skip
    pairs = toy_pairs(8)
    # A moment between the ends of two clips, which has no foreground clip.
    pairs.table.loc[0, ["start_s", "end_s"]] = [0.2, 0.4]
    Matr(config).fit(pairs, pairs, tmp_path)
    method = Matr.load(tmp_path)
    assert method.config == config
    for prediction, duration in zip(method.predict(pairs), pairs.durations_s, strict=True):
        windows = np.array(prediction.windows)
        assert ((windows[:, :2] >= 0) & (windows[:, :2] <= duration)).all()
        assert (np.diff(windows[:, 2]) <= 0).all()


def test_published_wiring_is_finetuned_from_an_imported_checkpoint(
    case: Case, tmp_path: Path
) -> None:
    """The checkpoint does not tell how its features were made; the finetuned one does."""
    weights = {key[2:]: value for key, value in case.tensors.items() if key.startswith("w.")}
    file = published_file(tmp_path / "model.ckpt", weights, case.json["config"])
    imported = import_checkpoint("matr", file, tmp_path / "imported", encoder="toy")
    toy = toy_pairs(4)
    dim = case.json["config"]["t_feat_dim"]
    real = CONTRACT.model_copy(update={"dim": dim, "simulated": False})
    videos = {
        video: np.resize(toy.features.rows(video).T, (dim, len(toy.features.rows(video)))).T
        for video in (f"{kind}{i}" for kind in "qt" for i in range(4))
    }
    pairs = replace(toy, features=MemoryFeatures(real, videos))
    simulated = MemoryFeatures(real.model_copy(update={"simulated": True}), videos)
    with pytest.raises(FeatureError, match="simulated True instead of False"):
        imported.accepted(replace(toy, features=simulated))
    config = replace(imported.config, epochs=1, batch_size=4)
    Matr(config).fit(pairs, pairs, tmp_path / "tuned", init=tmp_path / "imported")
    tuned = Matr.load(tmp_path / "tuned")
    assert tuned.encoder_contract == real
