"""Moment-DETR (Lei et al., NeurIPS 2021) with a video as the query."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from baselines.moment_detr.config import PRESETS
from vid2vidmr.methods.detr.config import DETR_SEARCH
from vid2vidmr.methods.detr.method import DetrMethod
from vid2vidmr.methods.info import MethodInfo

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vid2vidmr.train.batch import Batch


class MomentDetr(DetrMethod):
    """Encoder over target and query, decoder with learned moment queries, set prediction."""

    info: ClassVar[MethodInfo] = MethodInfo(
        name="moment_detr",
        title="Moment-DETR: set prediction of windows by learned moment queries",
        kind="trained",
        source="Lei et al., Detecting Moments and Highlights in Videos via Natural Language "
        "Queries, NeurIPS 2021",
        licence="own code; original MIT",
        deviations="the query is a video; see baselines/moment_detr/README.md",
    )
    presets: ClassVar[Mapping[str, Any]] = PRESETS
    search: ClassVar[Mapping[str, Any]] = DETR_SEARCH

    @classmethod
    def published(
        cls, weights: dict[str, Tensor], options: dict[str, Any]
    ) -> tuple[Any, int, dict[str, Tensor]]:
        """Read a checkpoint of the published code."""
        from baselines.moment_detr.published import read

        return read(weights, options)

    def build_model(self, dim: int) -> nn.Module:
        """Give an untrained model for features of length `dim`."""
        from baselines.moment_detr.model import MomentDetrModel

        # Two more for the temporal endpoints.
        return MomentDetrModel(self.config, target_dim=dim + 2, query_dim=dim)

    def losses(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Losses by their published names, and their weighted sum as ``loss``."""
        from baselines.moment_detr.losses import losses
        from vid2vidmr.methods.detr.losses import targets

        return losses(outputs, targets(batch, self.config.max_target), self.config)
