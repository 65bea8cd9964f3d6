"""Losses of MATR: foreground, boundaries, alignment."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.matr.config import MatrConfig
from baselines.matr.published_model import prob_alignment
from vid2vidmr.alignment import (
    drop_dtw,
    percentile_drop,
    soft_dtw,
    subsequence_soft_dtw,
    tcc,
)
from vid2vidmr.errors import UnknownNameError
from vid2vidmr.nn.centred import (
    boundary_loss,
    clips_centred_in,
    foreground_loss,
    posterior_loss,
)
from vid2vidmr.train.batch import Batch

DROP_SHARE = 0.3
"""Percentile over 100 of a pair's costs that dropping a clip costs (Drop-DTW, section 4)."""


def losses(outputs: dict[str, Tensor], batch: Batch, config: MatrConfig) -> dict[str, Tensor]:
    """All losses and their weighted sum.

    Returns
    -------
    dict of scalar Tensor
        ``fg``, ``seg``, ``pre``, ``post`` and ``loss``.
    """
    inside = clips_centred_in(batch.windows_s, batch.target_mask, batch.step_s)
    parts = {
        "fg": foreground_loss(outputs["foreground"], inside.any(1), batch.target_mask),
        "seg": boundary_loss(
            outputs["windows_s"], batch.windows_s, inside.any(1), batch.durations_s, batch.step_s
        ),
    }
    total = config.weight_fg * parts["fg"] + config.weight_seg * parts["seg"]
    if config.alignment != "none":
        for name, weight in (("pre", config.weight_pre), ("post", config.weight_post)):
            if weight:
                parts[name] = alignment_loss(
                    outputs[f"{name}_cost"], inside, batch, config, outputs.get(f"{name}_rows")
                )
                total = total + weight * parts[name]
    return {**parts, "loss": total}


def alignment_loss(
    cost: Tensor,
    inside: Tensor,
    batch: Batch,
    config: MatrConfig,
    rows: Tensor | None = None,
) -> Tensor:
    """Alignment of target and query in the form that the config names, mean over pairs.

    - ``soft-dtw``: the whole target with the query (the paper's text, taken literally), divided by
      the bound M + N of the path length.
    - ``drop-dtw``: the same, where target clips may be dropped at the 30th percentile of a pair's
      costs.
    - ``tcc``: temporal cycle-consistency, from the query to the target and back.
    - ``published``: that of the published code, `baselines.matr.published_model.prob_alignment`,
      without padding.
    - ``subsequence``: free start and end on the target, divided by N.
    - ``contrast``, ``posterior``: see `contrast` and `vid2vidmr.nn.centred.posterior_loss`.

    Parameters
    ----------
    cost : Tensor, (B, M, N)
    inside : Tensor, (B, W, M), bool
        See `vid2vidmr.nn.centred.clips_centred_in`.
    rows : Tensor, (B, M + N, d), optional
        Target and query rows that the costs are of; only ``tcc`` and ``published`` need them.

    Raises
    ------
    UnknownNameError
        If there is no such form.
    """
    M = cost.shape[1]
    forms: dict[str, Callable[[], Tensor]] = {
        "soft-dtw": lambda: soft_dtw(cost, config.gamma, m, n) / (m + n),
        "drop-dtw": lambda: (
            drop_dtw(cost, percentile_drop(cost, DROP_SHARE, m, n), config.gamma, m, n) / (m + n)
        ),
        "tcc": lambda: cycle(*parted(rows, M), m, n),
        "published": lambda: prob_alignment(*parted(rows, M), batch.target_mask, batch.query_mask),
        "subsequence": lambda: subsequence_soft_dtw(cost, config.gamma, m, n) / n,
        "contrast": lambda: contrast(cost, inside.any(1), batch, config.gamma),
        "posterior": lambda: posterior_loss(cost, inside, m, n, config.gamma),
    }
    if config.alignment not in forms:
        raise UnknownNameError("alignment", config.alignment, [*forms, "none"])
    m, n = batch.target_mask.sum(1), batch.query_mask.sum(1)
    return forms[config.alignment]().mean()


def parted(rows: Tensor | None, M: int) -> tuple[Tensor, Tensor]:
    """Target rows (B, M, d) and query rows (B, N, d) of (B, M + N, d)."""
    assert rows is not None
    return rows[:, :M], rows[:, M:]


def cycle(target: Tensor, query: Tensor, m: Tensor, n: Tensor) -> Tensor:
    """TCC of unit rows, (B,)."""
    return tcc(F.normalize(query, dim=-1), F.normalize(target, dim=-1), n, m)


def contrast(cost: Tensor, inside: Tensor, batch: Batch, gamma: float) -> Tensor:
    """Target clips compete for each query clip, (B,).

    Minus the log of the share that a softmax of the similarities over the target's time
    (temperature gamma) gives to the moment, mean over query clips.
    """
    logits = (1 - cost) / gamma
    logits = logits.masked_fill(~batch.target_mask.unsqueeze(-1), -torch.inf)
    log_share = logits.log_softmax(dim=1).masked_fill(~inside.unsqueeze(-1), -torch.inf)
    each = -log_share.logsumexp(dim=1) * batch.query_mask  # (B, N)
    return each.sum(1) / batch.query_mask.sum(1)
