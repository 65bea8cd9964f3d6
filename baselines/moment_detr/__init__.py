"""Moment-DETR (Lei et al., NeurIPS 2021) with a video as the query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from vid2vidmr.method import MethodInfo
from vid2vidmr.neural import TRAINING_SEARCH, NeuralMethod, TrainingConfig
from vid2vidmr.variants import with_variants

if TYPE_CHECKING:
    from torch import Tensor, nn

    from vid2vidmr.batch import Batch


@dataclass(frozen=True, kw_only=True)
class MomentDetrConfig(TrainingConfig):
    """Hyper-parameters of Moment-DETR; the defaults are the published ones.

    Attributes
    ----------
    d, heads, ff : int
        Hidden size, attention heads, feed-forward size.
    encoder_layers, decoder_layers, input_layers : int
        Layers of the transformer and of the input projections.
    queries : int
        Moment queries, that is windows predicted for a pair.
    dropout, input_dropout : float
        In the transformer, and before each linear map of the projections.
    max_target, max_query : int
        Rows (2 s each) after which target and query are cut off.
    query_positions : bool
        Learned positions for the query; without them its order cannot be seen.
    position_table : int
        Rows of the table of those positions (in the state dict even when unused).
    weight_span, weight_giou, weight_label : float
        Of the set losses, and of the costs of matching.
    weight_saliency : float
    background : float
        Weight of the background class in the label loss.
    contrastive : bool
        Also pull matched moment queries towards the query's rows.
    contrastive_dim, weight_contrastive
        Size of the space in which that happens, and its weight.
    nms : float
        IoU above which a lower-ranked window is dropped; 1 drops none.
    """

    d: int = 256
    heads: int = 8
    ff: int = 1024
    encoder_layers: int = 2
    decoder_layers: int = 2
    input_layers: int = 2
    queries: int = 10
    dropout: float = 0.1
    input_dropout: float = 0.5
    max_target: int = 75
    max_query: int = 32
    query_positions: bool = False
    position_table: int = 32
    weight_span: float = 10.0
    weight_giou: float = 1.0
    weight_label: float = 4.0
    weight_saliency: float = 1.0
    background: float = 0.1
    contrastive: bool = False
    contrastive_dim: int = 64
    weight_contrastive: float = 0.02
    nms: float = 1.0


class MomentDetr(NeuralMethod):
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
    presets: ClassVar[Mapping[str, Any]] = with_variants(
        {
            # An epoch is as long as the published one (QVHighlights has 7,218 training queries).
            "paper": MomentDetrConfig(epochs=200, batch_size=32, pairs_per_epoch=7218),
            "small": MomentDetrConfig(
                epochs=30,
                pairs_per_epoch=640,
                batch_size=32,
                d=64,
                heads=4,
                ff=128,
                queries=5,
                input_dropout=0.2,
                query_positions=True,
                learning_rate=1e-3,
                schedule="cosine",
                clip_norm=1.0,
                components=128,
                recrop=1.0,
            ),
        }
    )
    search: ClassVar[Mapping[str, Any]] = {
        **TRAINING_SEARCH,
        "d": (64, 128),
        "encoder_layers": (2, 3),
        "queries": (1, 5, 10),
        "query_positions": (False, True),
        "input_dropout": (0.2, 0.5),
        "components": (64, 128),
    }

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
        from baselines.moment_detr.losses import losses, targets

        return losses(outputs, targets(batch, self.config.max_target), self.config)

    def decode(self, outputs: dict[str, Tensor], batch: Batch) -> list[np.ndarray]:
        """One window a moment query, clamped, ranked by the probability of foreground."""
        from baselines.moment_detr.losses import covered_s
        from vid2vidmr.nn.matcher import FOREGROUND
        from vid2vidmr.nn.spans import to_start_end
        from vid2vidmr.windows import ranked

        covered = covered_s(batch, self.config.max_target)[:, None, None]
        spans_s = to_start_end(outputs["pred_spans"]) * covered  # (B, Q, 2)
        windows = spans_s.clamp(min=0).minimum(batch.durations_s[:, None, None]).cpu().numpy()
        scores = outputs["pred_logits"].softmax(-1)[..., FOREGROUND].cpu().numpy()
        return [
            ranked(window, score, self.config.nms, top=self.config.queries)
            for window, score in zip(windows, scores, strict=True)
        ]
