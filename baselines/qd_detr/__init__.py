"""QD-DETR (Moon et al., CVPR 2023) with a video as the query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.qd_detr.config import PRESETS
from vid2vidmr.methods.detr.config import DETR_SEARCH
from vid2vidmr.methods.detr.method import DetrMethod
from vid2vidmr.methods.info import MethodInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vid2vidmr.train.batch import Batch


class QdDetr(DetrMethod):
    """Every clip reads the query before clips read each other; negative pairs must stay silent."""

    info: ClassVar[MethodInfo] = MethodInfo(
        name="qd_detr",
        title="QD-DETR: query-dependent clips, set prediction of windows, negative pairs",
        kind="trained",
        source="Moon et al., Query-Dependent Video Representation for Moment Retrieval and "
        "Highlight Detection, CVPR 2023",
        licence="own code; original MIT",
        deviations="the query is a video; see baselines/qd_detr/README.md",
    )
    presets: ClassVar[Mapping[str, Any]] = PRESETS
    search: ClassVar[Mapping[str, Any]] = DETR_SEARCH

    @classmethod
    def published(
        cls, weights: dict[str, Tensor], options: dict[str, Any]
    ) -> tuple[Any, int, dict[str, Tensor]]:
        """Read a checkpoint of the published code."""
        from baselines.qd_detr.published import read

        return read(weights, options)

    def build_model(self, dim: int) -> nn.Module:
        """Give an untrained model for features of length `dim`."""
        from baselines.qd_detr.model import QdDetrModel

        # Two more for the temporal endpoints.
        return QdDetrModel(self.config, target_dim=dim + 2, query_dim=dim)

    def losses(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Losses by their published names, and their weighted sum as ``loss``."""
        from baselines.qd_detr.losses import losses
        from vid2vidmr.methods.detr.losses import has_negative, targets

        negative = has_negative(batch.group, self.config.same_class_negatives)
        return losses(outputs, targets(batch, self.config.max_target), negative, self.config)
