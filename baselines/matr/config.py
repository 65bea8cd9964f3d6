"""Hyper-parameters of MATR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from vid2vidmr.errors import UserError
from vid2vidmr.methods.presets import SMALL
from vid2vidmr.train.config import TrainingConfig

Alignment = Literal[
    "posterior", "contrast", "subsequence", "soft-dtw", "published", "drop-dtw", "tcc", "none"
]
Join = Literal["append", "channels", "attend"]


@dataclass(frozen=True, kw_only=True)
class MatrConfig(TrainingConfig):
    """Hyper-parameters of MATR.

    Attributes
    ----------
    wiring : {"paper", "published"}
        ``published`` is what the published code computes, see `baselines.matr.published_model`:
        it has no query positions and no decoder, and aligns in its own way; what the config says
        of them is ignored.
    d, heads, ff : int
        Hidden size, attention heads, feed-forward size.
    encoder_layers, decoder_layers, queries : int
        k, k and l of the paper.
    query_positions : bool
        Sine positions for the query; without them the encoder cannot see its order.
    query_dim : int or None
        Numbers in a row of the query, where they are not as many as in one of the target.
    position_table : int or None
        Rows of 2 s of the table of learned query positions, which the published wiring may have.
    join : {"append", "channels", "attend"}
        How the decoder's rows meet the target's: behind them, as the text reads; beside those of
        the clips that they were read from; or read by every clip. See `baselines.matr.joins`.
    alignment : Alignment
        The alignment loss, see `baselines.matr.losses.alignment_loss`.
    gamma : float
        Smoothing of soft-DTW.
    weight_fg, weight_seg, weight_pre, weight_post : float
        Weights of the losses (lambda of the paper).
    weight_b, weight_g, weight_f, weight_s_inter, weight_s_intra : float
        Weights of the published wiring's own losses, see `baselines.matr.published_losses`.
    source : {"heads", "pre", "post"}
        Where windows come from: the heads, or straight from the hard subsequence path before or
        after fusion (Table 4 of the paper), which gives one window.
    nms : float
        IoU above which a lower-ranked window is dropped; 1 drops none.
    """

    wiring: Literal["paper", "published"] = "paper"
    d: int = 1024
    heads: int = 8
    ff: int = 1024
    encoder_layers: int = 4
    decoder_layers: int = 4
    queries: int = 10
    dropout: float = 0.1
    input_dropout: float = 0.5
    query_positions: bool = True
    query_dim: int | None = None
    position_table: int | None = None
    join: Join = "append"
    alignment: Alignment = "soft-dtw"
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

    of_two_s: ClassVar[frozenset[str]] = frozenset({"position_table"})
    loose: ClassVar[frozenset[str]] = TrainingConfig.loose | {"alignment", "gamma", "source"}

    def __post_init__(self) -> None:
        """Refuse what a wiring does not have.

        Raises
        ------
        UserError
        """
        super().__post_init__()
        if self.wiring == "published" and self.source != "heads":
            raise UserError("The published wiring predicts by its heads alone: leave source alone.")


SMALL_MATR = MatrConfig(**SMALL, decoder_layers=1, alignment="posterior", join="channels")

PRESETS: Mapping[str, Any] = {
    "paper": MatrConfig(epochs=200, batch_size=1200, micro_batch=60),
    "paper-sportsmoments": MatrConfig(epochs=40, batch_size=40),
    "published": MatrConfig(epochs=200, batch_size=1200, wiring="published", nms=1.0),
    "small": SMALL_MATR,
    "open": replace(SMALL_MATR, existence=True),
}
