"""Hyper-parameters of MATR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from vid2vidmr.errors import UserError
from vid2vidmr.methods.presets import SMALL
from vid2vidmr.train.config import TrainingConfig

Alignment = Literal["posterior", "contrast", "subsequence", "soft-dtw", "drop-dtw", "tcc", "none"]


@dataclass(frozen=True, kw_only=True)
class MatrConfig(TrainingConfig):
    """Hyper-parameters of MATR.

    Attributes
    ----------
    wiring : {"paper", "released"}
        ``released`` is what the published code computes, see `baselines.matr.released`: it has no
        query positions and no decoder, and aligns in its own way; what the config says of them is
        ignored.
    d, heads, ff : int
        Hidden size, attention heads, feed-forward size.
    encoder_layers, decoder_layers, queries : int
        k, k and l of the paper.
    query_positions : bool
        Sine positions for the query; without them the encoder cannot see its order.
    alignment : {"posterior", "contrast", "subsequence", "soft-dtw", "drop-dtw", "tcc", "none"}
        The alignment loss, see `baselines.matr.losses`.
    gamma : float
        Smoothing of soft-DTW.
    weight_fg, weight_seg, weight_pre, weight_post : float
        Weights of the losses (lambda of the paper).
    weight_b, weight_g, weight_f, weight_s_inter, weight_s_intra : float
        Weights of the released wiring's own losses, see `baselines.matr.released_losses`.
    source : {"heads", "pre", "post"}
        Where windows come from: the heads, or straight from the hard subsequence path before or
        after fusion (Table 4 of the paper), which gives one window.
    nms : float
        IoU above which a lower-ranked window is dropped; 1 drops none.
    """

    wiring: Literal["paper", "released"] = "paper"
    d: int = 1024
    heads: int = 8
    ff: int = 1024
    encoder_layers: int = 4
    decoder_layers: int = 4
    queries: int = 10
    dropout: float = 0.1
    input_dropout: float = 0.5
    query_positions: bool = True
    alignment: Alignment = "posterior"
    gamma: float = 0.1
    weight_fg: float = 1.0
    weight_seg: float = 1.0
    weight_pre: float = 1.0
    weight_post: float = 1.0
    weight_b: float = 1.0
    weight_g: float = 1.0
    weight_f: float = 1.0
    weight_s_inter: float = 0.0
    weight_s_intra: float = 0.0
    source: Literal["heads", "pre", "post"] = "heads"
    nms: float = 0.7

    def __post_init__(self) -> None:
        """Refuse what a wiring does not have.

        Raises
        ------
        UserError
        """
        super().__post_init__()
        if self.wiring == "released" and self.source != "heads":
            raise UserError("The released wiring predicts by its heads alone: leave source alone.")


PRESETS: Mapping[str, Any] = {
    "paper": MatrConfig(epochs=200, batch_size=1200, micro_batch=60),
    "paper-sportsmoments": MatrConfig(epochs=40, batch_size=40),
    "released": MatrConfig(epochs=200, batch_size=1200, wiring="released", nms=1.0),
    "small": MatrConfig(**SMALL, decoder_layers=1, weight_post=0.0),
}
