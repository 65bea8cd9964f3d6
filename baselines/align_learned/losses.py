"""Losses of align_learned: foreground, boundaries, alignment."""

from __future__ import annotations

from torch import Tensor

from baselines.align_learned.config import AlignLearnedConfig
from vid2vidmr.nn.centred import (
    boundary_loss,
    clips_centred_in,
    foreground_loss,
    posterior_loss,
)
from vid2vidmr.train.batch import Batch


def losses(
    outputs: dict[str, Tensor], batch: Batch, config: AlignLearnedConfig
) -> dict[str, Tensor]:
    """All losses and their sum; the embedding learns by ``align`` alone.

    Returns
    -------
    dict of scalar Tensor
        ``fg``, ``seg``, ``align`` and ``loss``.
    """
    inside = clips_centred_in(batch.windows_s, batch.target_mask, batch.step_s)
    m, n = batch.target_mask.sum(1), batch.query_mask.sum(1)
    parts = {
        "fg": foreground_loss(outputs["foreground"], inside.any(1), batch.target_mask),
        "seg": boundary_loss(
            outputs["windows_s"], batch.windows_s, inside.any(1), batch.durations_s, batch.step_s
        ),
        "align": posterior_loss(outputs["cost"], inside, m, n, config.gamma).mean(),
    }
    return {**parts, "loss": parts["fg"] + parts["seg"] + parts["align"]}
