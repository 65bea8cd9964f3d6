"""What the golden tests of QD-DETR and CG-DETR share: a case, and how close is close."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from vid2vidmr.nn.detr import Targets
from vid2vidmr.nn.matcher import match
from vid2vidmr.nn.saliency import ClipDraw

RELATIVE = 1e-4
"""Of a tensor's largest absolute value."""


@dataclass
class Case:
    """A recorded case: its tensors, what the json says about it, and our network with its weights.

    `config` and `model` have the published mask, under which batches were recorded.
    """

    tensors: dict[str, torch.Tensor]
    json: dict[str, Any]
    config: Any
    model: Any
    targets: Targets

    @classmethod
    def read(cls, path: Path, read: Any, build: Any) -> Case:
        tensors, about = load_file(path), json.loads(path.with_suffix(".json").read_text())
        weights = {k.removeprefix("param/"): v for k, v in tensors.items() if k[:6] == "param/"}
        config, dim, weights = read(weights, about["config"])
        config = replace(config, official_mask=True)
        model = build(config, about["config"]["v_feat_dim"], dim).eval()
        model.load_state_dict(weights)
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
        return cls(tensors, about, config, model, targets)

    def group(self, prefix: str) -> dict[str, torch.Tensor]:
        return {k.removeprefix(prefix): v for k, v in self.tensors.items() if k.startswith(prefix)}

    def inputs(self, b: int | None = None) -> list[torch.Tensor]:
        """Inputs of the batch, or of one pair without its padding."""
        given = self.group("input/")
        parts = []
        for name in ("src_vid", "src_txt"):
            rows, mask = given[name], given[name + "_mask"]
            if b is not None:
                rows, mask = (x[b : b + 1, : int(mask[b].sum())] for x in (rows, mask))
            parts += [rows, mask]
        return parts

    def check_each_pair_alone(self) -> None:
        """The recorded pairs alone are what our default mask gives, alone and in the batch."""
        self.model.config = replace(self.config, official_mask=False)
        together = self.model.outputs(*self.inputs())
        for b in range(len(self.targets.windows)):
            alone = self.model.outputs(*self.inputs(b))
            golden = self.group(f"single_{b}/")
            assert golden
            for name, value in golden.items():
                close(alone[name], value)
                close(together[name][b : b + 1, : value.shape[1]], value)

    def check_matching(self, outputs: dict[str, torch.Tensor]) -> None:
        costs = [self.json["config"][f"set_cost_{name}"] for name in ("span", "giou", "class")]
        matches = match(
            outputs["pred_logits"],
            outputs["pred_spans"],
            self.targets.windows,
            self.targets.windows_mask,
            *costs,
        )
        for b, (queries, windows) in enumerate(self.json["matcher_indices"]):
            mine = matches.sample == b
            assert matches.query[mine].tolist() == queries
            assert matches.window[mine].tolist() == windows

    def check_losses(self, found: dict[str, torch.Tensor]) -> None:
        assert set(found) == {*self.json["losses"], "loss"}
        for name, value in self.json["losses"].items():
            assert found[name].item() == pytest.approx(value, rel=RELATIVE, abs=1e-6), name
        assert found["loss"].item() == pytest.approx(self.json["weighted_total"], rel=RELATIVE)

    def check_gradients_and_one_step(self, losses: Any) -> None:
        """`losses()` gives those of the model as it is; norms below 1e-5 are rounding noise."""
        optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-4, weight_decay=1e-4)
        losses()["loss"].backward()
        golden = self.json["grad_norm_by_param"]
        parameters = dict(self.model.named_parameters())
        assert set(parameters) == set(golden)
        for name, norm in golden.items():
            grad = parameters[name].grad
            if norm is None:
                assert grad is None, name
            else:
                assert grad.norm().item() == pytest.approx(norm, rel=RELATIVE, abs=1e-5), name
        total = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 0.1)
        golden_total = self.json["grad_norm_total_before_clip_0p1"]
        assert total.item() == pytest.approx(golden_total, rel=RELATIVE)
        optimizer.step()
        golden_after = self.json["weighted_total_after_one_adamw_step_lr1e4_wd1e4_clip0p1"]
        assert losses()["loss"].item() == pytest.approx(golden_after, rel=RELATIVE)


def close(ours: torch.Tensor, golden: torch.Tensor) -> None:
    atol = RELATIVE * golden.abs().max().item()
    torch.testing.assert_close(ours.detach(), golden, rtol=0, atol=atol)
