"""Cross-gated bilinear matching (Feng et al., ECCV 2018), the first method for this task."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines.cgbm.config import PRESETS
from vid2vidmr.methods.info import MethodInfo
from vid2vidmr.methods.neural import NeuralMethod
from vid2vidmr.methods.presets import SEARCH

if TYPE_CHECKING:
    from torch import Tensor

    from vid2vidmr.train.batch import Batch


class Cgbm(NeuralMethod):
    """At each step of the target an LSTM reads how it matches what it attends to in the query."""

    info = MethodInfo(
        name="cgbm",
        title="CGBM: recurrent cross-gated bilinear matching",
        kind="trained",
        source="Feng et al., Video Re-localization, ECCV 2018",
        licence="own code; original MIT",
        deviations="any frame features instead of C3D; see baselines/cgbm/README.md",
    )
    presets: ClassVar = PRESETS
    search: ClassVar = {**SEARCH, "weight_ends": (3.0, 10.0)}

    def windows(self, outputs: dict[str, Tensor], batch: Batch) -> list[np.ndarray]:
        """Best windows after NMS, each with its (geometric mean) probability."""
        from baselines.cgbm.windows import best_windows

        log_p = outputs["logits"].log_softmax(-1).cpu().numpy()
        lengths, durations_s = batch.target_mask.sum(1).tolist(), batch.durations_s.tolist()
        return [
            best_windows(p[:m], duration_s, self.sized.longest, self.config.nms, batch.step_s)
            for p, m, duration_s in zip(log_p, lengths, durations_s, strict=True)
        ]
