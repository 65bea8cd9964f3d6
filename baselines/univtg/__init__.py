"""UniVTG (Lin et al., ICCV 2023) with a video as the query."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines.univtg.config import PRESETS
from vid2vidmr.methods.info import MethodInfo
from vid2vidmr.methods.neural import NeuralMethod
from vid2vidmr.methods.presets import SEARCH

if TYPE_CHECKING:
    from torch import Tensor

    from vid2vidmr.train.batch import Batch


class UniVtg(NeuralMethod):
    """Encoder over target and query; every target clip is foreground or not, and has a window."""

    info = MethodInfo(
        name="univtg",
        title="UniVTG: foreground, window and saliency for every clip",
        kind="trained",
        source="Lin et al., UniVTG: Towards Unified Video-Language Temporal Grounding, ICCV 2023",
        licence="own code; original MIT",
        deviations="the query is a video; see baselines/univtg/README.md",
    )
    presets: ClassVar = PRESETS
    search: ClassVar = {
        **SEARCH,
        "encoder_layers": (2, 3),
        "query_positions": (False, True),
        "drop_path": (0.0, 0.1),
        "weight_s_inter": (0.01, 0.1),
    }

    def windows(self, outputs: dict[str, Tensor], batch: Batch) -> list[np.ndarray]:
        """One window a target clip, clamped, ranked by the probability of foreground, after NMS."""
        from vid2vidmr.nn.clips import clip_windows, ranked_clips

        mask = batch.target_mask
        windows_s = clip_windows(
            outputs["pred_spans"], mask, batch.step_s * mask.sum(1), batch.durations_s
        )
        return ranked_clips(windows_s, outputs["pred_logits"][..., 0], mask, self.config.nms)
