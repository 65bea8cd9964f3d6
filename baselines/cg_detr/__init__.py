"""CG-DETR (Moon et al., 2023) with a video as the query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.cg_detr.config import PRESETS
from vid2vidmr.methods.detr.config import DETR_SEARCH
from vid2vidmr.methods.detr.method import DetrMethod
from vid2vidmr.methods.info import MethodInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vid2vidmr.train.batch import Batch


class CgDetr(DetrMethod):
    """Clips may look away from the query; how much they look at it is trained to be saliency."""

    info: ClassVar[MethodInfo] = MethodInfo(
        name="cg_detr",
        title="CG-DETR: attention to the query calibrated by dummies, set prediction of windows",
        kind="trained",
        source="Moon et al., Correlation-Guided Query-Dependency Calibration for Video Temporal "
        "Grounding, arXiv:2311.08835",
        licence="own code; that of the original was not found",
        deviations="the query is a video; see baselines/cg_detr/README.md",
    )
    presets: ClassVar[Mapping[str, Any]] = PRESETS
    search: ClassVar[Mapping[str, Any]] = {
        **DETR_SEARCH,
        "drop_path": (0.0, 0.1),
        "dummies": (10, 45),
    }

    @classmethod
    def published(
        cls, weights: dict[str, Tensor], options: dict[str, Any]
    ) -> tuple[Any, int, dict[str, Tensor]]:
        """Read a checkpoint of the published code."""
        from baselines.cg_detr.published import read

        return read(weights, options)

    def build_model(self, dim: int) -> nn.Module:
        """Give an untrained model for features of length `dim`."""
        from baselines.cg_detr.model import CgDetrModel

        # Two more for the temporal endpoints.
        return CgDetrModel(self.config, target_dim=dim + 2, query_dim=dim)

    def losses(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Losses by their published names, and their weighted sum as ``loss``."""
        from baselines.cg_detr.losses import losses
        from vid2vidmr.methods.detr.losses import targets

        group = None if self.config.same_class_negatives else batch.group
        return losses(outputs, targets(batch, self.config.max_target), self.config, group)
