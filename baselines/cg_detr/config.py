"""Hyper-parameters of CG-DETR."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import NonNegativeFloat, PositiveInt

from vid2vidmr.methods.detr.config import DetrConfig
from vid2vidmr.methods.presets import PAPER, SMALL, with_variants
from vid2vidmr.train.config import Share


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
    official_mask : bool
        Mask padding as the published code does, see `vid2vidmr.nn.cross_attention.blocked_keys`.
    same_class_negatives : bool
        Contrast a pair with all others of the batch, even with those of its class.
    """

    encoder_layers: PositiveInt = 3
    decoder_layers: PositiveInt = 3
    t2v_layers: PositiveInt = 2
    dummy_layers: PositiveInt = 2
    sentence_layers: PositiveInt = 1
    moment_layers: PositiveInt = 1
    token_heads: PositiveInt = 8
    dummies: PositiveInt = 45
    prompts: PositiveInt = 10
    prompts_used: PositiveInt = 1
    drop_path: Share = 0.1
    weight_attention: NonNegativeFloat = 1.0
    weight_align: NonNegativeFloat = 1.0
    weight_distill: NonNegativeFloat = 1.0
    weight_orthogonal: NonNegativeFloat = 1.0
    official_mask: bool = False
    same_class_negatives: bool = False


PRESETS: Mapping[str, Any] = with_variants(
    {
        "paper": CgDetrConfig(**PAPER),
        "small": CgDetrConfig(
            **SMALL, decoder_layers=2, queries=5, token_heads=4, dummies=10, drop_path=0.0
        ),
    }
)
