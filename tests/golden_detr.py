"""What the golden tests of the DETRs share: a recorded case with our network."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from golden_cases import RELATIVE, close, pair_alone, part
from safetensors.torch import load_file

from vid2vidmr.methods.detr.losses import Targets
from vid2vidmr.nn.matcher import match
from vid2vidmr.nn.saliency import ClipDraw


@dataclass
class Case:
    """A recorded case: its tensors, what the json says about it, and our network with its weights.

    Where there is a choice, `config` and `model` have the published mask, under which batches were
    recorded.
    """

    tensors: dict[str, torch.Tensor]
    json: dict[str, Any]
    config: Any
    model: Any
    targets: Targets

    @classmethod
    def read(cls, path: Path, read: Any, build: Any) -> Case:
        tensors, about = load_file(path), json.loads(path.with_suffix(".json").read_text())
        config, dim, weights = read(part(tensors, "param/"), about["config"])
        if hasattr(config, "official_mask"):
            config = replace(config, official_mask=True)
        model = build(config, dim).eval()
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
        return part(self.tensors, prefix)

    def inputs(self) -> list[torch.Tensor]:
        names = ("src_vid", "src_vid_mask", "src_txt", "src_txt_mask")
        return [self.tensors[f"input/{name}"] for name in names]

    def check_outputs(self, outputs: dict[str, torch.Tensor]) -> None:
        golden = self.group("output/")
        assert set(golden) == set(outputs)
        for name, value in golden.items():
            close(outputs[name], value)

    def check_each_pair_alone(self) -> None:
        """The recorded pairs alone are what our default mask gives, alone and in the batch."""
        if hasattr(self.config, "official_mask"):
            self.model.config = replace(self.config, official_mask=False)
        together = self.model.outputs(*self.inputs())
        for b in range(len(self.targets.windows)):
            alone = self.model.outputs(*pair_alone(self.group("input/"), b))
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
