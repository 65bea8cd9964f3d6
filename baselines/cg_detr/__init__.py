"""CG-DETR (Moon et al., 2023) with a video as the query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from vid2vidmr.detr import DETR_SEARCH, DetrConfig, DetrMethod
from vid2vidmr.method import MethodInfo
from vid2vidmr.variants import PAPER, SMALL, with_variants

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vid2vidmr.batch import Batch


@dataclass(frozen=True, kw_only=True)
class CgDetrConfig(DetrConfig):
    """Hyper-parameters of CG-DETR; the defaults are the published ones.

    Attributes
    ----------
    encoder_layers, decoder_layers : int
        As in `DetrConfig`, one more each.
    t2v_layers, dummy_layers, sentence_layers, moment_layers : int
        Layers in which clips read the query, dummies read it, it is summed up, the moment is.
    token_heads : int
        Attention heads of the layers of dummies and sentence; the published code has 8 whatever
        `heads` is.
    dummies : int
        Keys that clips may turn to instead of the query.
    prompts, prompts_used : int
        Learned tokens of targets, and how many of them a target's own token is made of.
    drop_path : float
        Probability that a residual branch is dropped.
    weight_attention : float
        Of what attention to the query adds to the saliency loss.
    weight_align, weight_distill, weight_orthogonal : float
    official_mask : bool
        Mask padding as the published code does, see `vid2vidmr.nn.cross_attention.blocked_keys`.
    same_class_negatives : bool
        Contrast a pair with all others of the batch, even with those of its class.
    """

    encoder_layers: int = 3
    decoder_layers: int = 3
    t2v_layers: int = 2
    dummy_layers: int = 2
    sentence_layers: int = 1
    moment_layers: int = 1
    token_heads: int = 8
    dummies: int = 45
    prompts: int = 10
    prompts_used: int = 1
    drop_path: float = 0.1
    weight_attention: float = 1.0
    weight_align: float = 1.0
    weight_distill: float = 1.0
    weight_orthogonal: float = 1.0
    official_mask: bool = False
    same_class_negatives: bool = False


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
    presets: ClassVar[Mapping[str, Any]] = with_variants(
        {
            "paper": CgDetrConfig(**PAPER),
            "small": CgDetrConfig(
                **SMALL, decoder_layers=2, queries=5, token_heads=4, dummies=10, drop_path=0.0
            ),
        }
    )
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
        from vid2vidmr.nn.detr import targets

        group = None if self.config.same_class_negatives else batch.group
        return losses(outputs, targets(batch, self.config.max_target), self.config, group)
