"""Hyper-parameters of Moment-DETR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import NonNegativeFloat, PositiveInt

from vid2vidmr.methods.detr.config import DetrConfig
from vid2vidmr.methods.presets import PAPER, SMALL, with_variants


@dataclass(frozen=True, kw_only=True)
class MomentDetrConfig(DetrConfig):
    """Hyper-parameters of Moment-DETR; the defaults are the published ones.

    Attributes
    ----------
    contrastive : bool
        Also pull matched moment queries towards the query's rows.
    contrastive_dim, weight_contrastive
        Size of the space in which that happens, and its weight.
    """

    contrastive: bool = False
    contrastive_dim: PositiveInt = 64
    weight_contrastive: NonNegativeFloat = 0.02


PRESETS: Mapping[str, Any] = with_variants(
    {
        "paper": MomentDetrConfig(**PAPER),
        "small": MomentDetrConfig(**{**SMALL, "learning_rate": 3e-3}, queries=5),
    }
)
