"""align_learned: a learned embedding is aligned, an encoder refines the windows."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines.align_learned.config import PRESETS
from vid2vidmr.methods.info import MethodInfo
from vid2vidmr.methods.neural import NeuralMethod
from vid2vidmr.methods.presets import SEARCH

if TYPE_CHECKING:
    from torch import Tensor

    from vid2vidmr.train.batch import Batch


class AlignLearned(NeuralMethod):
    """Match in a learned embedding with a learned bias, align, and refine the aligned windows."""

    info = MethodInfo(
        name="align_learned",
        title="Alignment in a learned embedding, whose windows an encoder ranks and refines",
        kind="trained",
        source="own",
        licence="own",
    )
    presets: ClassVar = PRESETS
    search: ClassVar = {
        **SEARCH,
        "encoder_layers": (1, 2, 3),
        "gamma": (0.05, 0.1, 0.2),
    }

    def windows(self, outputs: dict[str, Tensor], batch: Batch) -> list[np.ndarray]:
        """One window a target clip, clamped, after NMS.

        Ranked by the probability of foreground times how likely the alignment is.
        """
        from vid2vidmr.nn.clips import ranked_clips

        windows_s = outputs["windows_s"].clamp(min=0).minimum(batch.durations_s[:, None, None])
        scores = outputs["foreground"].sigmoid() * outputs["posterior"].exp()
        return ranked_clips(windows_s, scores, batch.target_mask, self.config.nms)
