"""What methods that predict a set of windows share: hyper-parameters, and decoding.

Their networks, targets and losses are in `vid2vidmr.methods.detr.model`, which imports torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from vid2vidmr.methods.detr.config import DetrConfig
from vid2vidmr.methods.neural import NeuralMethod

if TYPE_CHECKING:
    from torch import Tensor

    from vid2vidmr.train.batch import Batch


class DetrMethod(NeuralMethod):
    """A method whose config is a `DetrConfig` and whose outputs have spans and class logits."""

    config: DetrConfig

    def windows(self, outputs: dict[str, Tensor], batch: Batch) -> list[np.ndarray]:
        """One window a moment query, clamped, ranked by the probability of foreground."""
        from vid2vidmr.methods.detr.losses import covered_s
        from vid2vidmr.nn.matcher import FOREGROUND
        from vid2vidmr.nn.spans import to_start_end
        from vid2vidmr.windows import ranked

        covered = covered_s(batch, self.sized.max_target)[:, None, None]
        spans_s = to_start_end(outputs["pred_spans"]) * covered  # (B, Q, 2)
        windows = spans_s.clamp(min=0).minimum(batch.durations_s[:, None, None]).cpu().numpy()
        scores = outputs["pred_logits"].softmax(-1)[..., FOREGROUND].cpu().numpy()
        return [
            ranked(window, score, self.config.nms, top=self.config.queries)
            for window, score in zip(windows, scores, strict=True)
        ]
