"""MATR (Kumar et al., ICCV 2025): transformer with pre- and post-fusion alignment."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np

from baselines.matr.ablations import ABLATIONS
from baselines.matr.config import PRESETS
from vid2vidmr.methods.info import MethodInfo
from vid2vidmr.methods.neural import NeuralMethod
from vid2vidmr.methods.presets import SEARCH

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vid2vidmr.train.batch import Batch


class Matr(NeuralMethod):
    """MATR with the wiring of the paper, or that of its published code."""

    info = MethodInfo(
        name="matr",
        title="MATR: encoder over target and query, alignment losses, decoder on the aligned span",
        kind="trained",
        source="Kumar et al., Aligning Moments in Time using Video Queries, ICCV 2025",
        licence="own code; original MIT",
        deviations="see baselines/matr/README.md",
    )
    presets: ClassVar = PRESETS
    ablations: ClassVar = ABLATIONS
    search: ClassVar = {
        **SEARCH,
        "encoder_layers": (1, 2, 3),
        "gamma": (0.05, 0.1, 0.2),
    }

    def build_model(self, dim: int) -> nn.Module:
        """Give an untrained model of the config's wiring for features of length `dim`."""
        part = self._part("model" if self.config.wiring == "paper" else "published_model")
        model: nn.Module = part.Model(self.sized, dim)
        return model

    def losses(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Foreground, boundary and alignment losses, and their weighted sum as ``loss``."""
        part = self._part("published_losses" if self.config.wiring == "published" else "losses")
        found: dict[str, Tensor] = part.losses(outputs, batch, self.config)
        return found

    def windows(self, outputs: dict[str, Tensor], batch: Batch) -> list[np.ndarray]:
        """One window a target clip, clamped, ranked by foreground probability, after NMS.

        Straight from an alignment (`source`) it is one window in all, with the score 1.
        """
        if self.config.wiring == "published":
            from baselines.matr import published_model

            return published_model.windows(outputs, batch, self.config.nms)
        if self.config.source != "heads":
            from baselines.matr.model import aligned_window

            return aligned_window(outputs[f"{self.config.source}_cost"], batch)
        from vid2vidmr.nn.clips import ranked_clips

        windows_s = outputs["windows_s"].clamp(min=0).minimum(batch.durations_s[:, None, None])
        return ranked_clips(
            windows_s, outputs["foreground"].sigmoid(), batch.target_mask, self.config.nms
        )
