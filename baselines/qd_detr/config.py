"""Hyper-parameters of QD-DETR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import PositiveInt

from vid2vidmr.methods.detr.config import DetrConfig
from vid2vidmr.methods.presets import PAPER, SMALL, with_variants


@dataclass(frozen=True, kw_only=True)
class QdDetrConfig(DetrConfig):
    """Hyper-parameters of QD-DETR; the defaults are the published ones.

    Attributes
    ----------
    t2v_layers : int
        Layers in which clips read the query.
    official_mask : bool
        Mask padding as the published code does, see `vid2vidmr.nn.cross_attention.blocked_keys`.
    same_class_negatives : bool
        Take the query of the next pair of a batch for a negative even if it is of the same class,
        as published.
    """

    t2v_layers: PositiveInt = 2
    official_mask: bool = False
    same_class_negatives: bool = False


PRESETS: Mapping[str, Any] = with_variants(
    {
        "paper": QdDetrConfig(**PAPER),
        "small": QdDetrConfig(**SMALL, queries=5),
    }
)
