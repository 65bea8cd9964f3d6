"""A trained method that is small enough to be trained many times in a test."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from vid2vidmr.methods.info import MethodInfo
from vid2vidmr.methods.neural import NeuralMethod
from vid2vidmr.train.config import TrainingConfig


@dataclass(frozen=True, kw_only=True)
class ToyConfig(TrainingConfig):
    dropout: float = 0.2


class ToyNetwork(NeuralMethod):
    """Clips that look like the mean of the query; losses are means over pairs."""

    info: ClassVar[MethodInfo] = MethodInfo(
        name="toy", title="Toy", kind="trained", source="own", licence="own"
    )
    presets: ClassVar[dict[str, Any]] = {
        "small": ToyConfig(epochs=3, batch_size=8, learning_rate=1e-2)
    }

    def build_model(self, dim):
        import torch
        from torch import nn

        class Model(nn.Module):
            def __init__(self, dropout):
                super().__init__()
                self.map = nn.Linear(dim, dim, bias=False)  # all clips alike: it would not learn
                self.dropout = nn.Dropout(dropout)
                self.unused = nn.Linear(2, 2)

            def forward(self, batch):
                weight = batch.query_mask / batch.query_mask.sum(1, keepdim=True)
                query = (batch.query * weight.unsqueeze(-1)).sum(1)
                logits = torch.einsum("bmd,bd->bm", self.map(self.dropout(batch.target)), query)
                return {"logits": logits, "no loss of it": self.unused(logits[:, :2])}

        return Model(self.config.dropout)

    def losses(self, outputs, batch):
        import torch

        centre = (batch.windows_s[:, 0].mean(1) / 2).long()
        logits = outputs["logits"].masked_fill(~batch.target_mask, -torch.inf)
        part = torch.nn.functional.cross_entropy(logits, centre)
        return {"part": part, "loss": 0.5 * part}

    def windows(self, outputs, batch):
        logits = outputs["logits"].masked_fill(~batch.target_mask, -1e9)
        at = 2.0 * logits.argmax(1).cpu().numpy()
        return [np.array([[max(0.0, s - 4), s + 6, 1.0]]) for s in at]
