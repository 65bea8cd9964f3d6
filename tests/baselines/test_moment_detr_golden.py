"""Moment-DETR against activations, losses and gradients of the published model."""

from __future__ import annotations

import json
from dataclasses import dataclass
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
from safetensors.torch import load_file

from baselines.moment_detr import MomentDetrConfig
from baselines.moment_detr.losses import losses
from baselines.moment_detr.model import MomentDetrModel
from vid2vidmr.nn.detr import Targets
from vid2vidmr.nn.matcher import match
from vid2vidmr.nn.saliency import ClipDraw

CASES = golden_cases("moment_detr_*.safetensors")


@dataclass
class Case:
    tensors: dict[str, torch.Tensor]
    json: dict[str, Any]
    config: MomentDetrConfig
    model: MomentDetrModel
    targets: Targets

    def group(self, prefix: str) -> dict[str, torch.Tensor]:
        return part(self.tensors, prefix)

    def run(self) -> dict[str, torch.Tensor]:
        given = self.group("input/")
        return self.model.outputs(
            given["src_vid"], given["src_vid_mask"], given["src_txt"], given["src_txt_mask"]
        )


@pytest.fixture(params=CASES, ids=lambda path: path.stem)
def case(request: pytest.FixtureRequest) -> Case:
    path: Path = request.param
    tensors, about = load_file(path), json.loads(path.with_suffix(".json").read_text())
    given = about["config"]
    config = MomentDetrConfig(
        epochs=1,
        batch_size=3,
        d=given["hidden_dim"],
        heads=given["nheads"],
        ff=given["dim_feedforward"],
        encoder_layers=given["enc_layers"],
        decoder_layers=given["dec_layers"],
        input_layers=given["n_input_proj"],
        queries=given["num_queries"],
        max_query=given["max_q_l"],
        max_target=given["max_v_l"],
        query_positions=given["use_txt_pos"],
        position_table=given["max_q_l"],
        weight_span=given["span_loss_coef"],
        weight_giou=given["giou_loss_coef"],
        weight_label=given["label_loss_coef"],
        weight_saliency=given["lw_saliency"],
        background=given["eos_coef"],
        contrastive=given["contrastive_align_loss"],
        contrastive_dim=given["contrastive_hdim"],
        weight_contrastive=given["contrastive_align_loss_coef"],
    )
    model = MomentDetrModel(config, given["v_feat_dim"], given["t_feat_dim"]).eval()
    model.load_state_dict(part(tensors, "param/"))
    spans = [tensors[f"target/span_labels_{b}"] for b in range(len(tensors["input/src_vid"]))]
    lengths = torch.tensor([len(s) for s in spans])
    targets = Targets(
        torch.nn.utils.rnn.pad_sequence(spans, batch_first=True),
        torch.arange(int(lengths.max())) < lengths[:, None],
        ClipDraw(
            tensors["target/saliency_pos_labels"],
            tensors["target/saliency_neg_labels"],
            torch.ones(len(spans), dtype=torch.bool),
        ),
        tensors["target/saliency_all_labels"],
    )
    return Case(tensors, about, config, model, targets)


def test_golden_outputs_of_the_padded_batch(case: Case) -> None:
    outputs, golden = case.run(), case.group("output/")
    assert set(golden) == set(outputs)
    for name, value in golden.items():
        close(outputs[name], value)


def test_golden_outputs_of_each_pair_alone(case: Case) -> None:
    given = case.group("input/")
    for b in range(len(given["src_vid"])):
        outputs = case.model.outputs(*pair_alone(given, b))
        golden = case.group(f"single_{b}/")
        assert golden
        for name, value in golden.items():
            close(outputs[name], value)


def test_golden_matching(case: Case) -> None:
    given, outputs = case.json["config"], case.run()
    matches = match(
        outputs["pred_logits"],
        outputs["pred_spans"],
        case.targets.windows,
        case.targets.windows_mask,
        given["set_cost_span"],
        given["set_cost_giou"],
        given["set_cost_class"],
    )
    for b, (queries, windows) in enumerate(case.json["matcher_indices"]):
        mine = matches.sample == b
        assert matches.query[mine].tolist() == queries
        assert matches.window[mine].tolist() == windows


def test_golden_losses(case: Case) -> None:
    found = losses(case.run(), case.targets, case.config)
    assert set(found) == {*case.json["losses"], "loss"}
    for name, value in case.json["losses"].items():
        assert found[name].item() == pytest.approx(value, rel=RELATIVE, abs=1e-6), name
    assert found["loss"].item() == pytest.approx(case.json["weighted_total"], rel=RELATIVE)


def test_golden_gradients_and_one_step(case: Case) -> None:
    check_gradients_and_one_step(
        case.model, lambda: losses(case.run(), case.targets, case.config)["loss"], case.json
    )
