"""Soft alignments of padded batches, differentiable, on any device.

Cuturi and Blondel, "Soft-DTW: a Differentiable Loss Function for Time-Series", ICML 2017. The
subsequence form frees start and end on the target axis (Mueller, "Information Retrieval for Music
and Motion", 2007, chapter 4), with the soft minimum also over the ends.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vid2vidmr.alignment import paths

KERNELS: dict[str, tuple[paths.Form, ...]] = {
    "numba": ("fixed", "free"), "triton": ("fixed", "free", "drop"), "torch": ()
}  # fmt: skip
"""Forms whose kernel finds the gradient on the way, see `paths.way`."""


def soft_dtw(
    cost: Tensor,
    gamma: float = 0.1,
    target_lengths: Tensor | None = None,
    query_lengths: Tensor | None = None,
) -> Tensor:
    """Soft-DTW value of every pair, not normalised, differentiable in `cost`.

    Parameters
    ----------
    cost : Tensor, (B, M, N)
        Cost of matching target row i with query column j.
    gamma : float
        Smoothing; towards 0 the value becomes that of hard DTW.
    target_lengths, query_lengths : Tensor, (B,), optional
        Valid rows and columns; what lies beyond has no influence. A pair of length 0 has value 0.

    Returns
    -------
    Tensor, (B,)
        In the dtype of `cost`, computed in at least float32.
    """
    return _value(cost, None, gamma, target_lengths, query_lengths, "fixed")


def subsequence_soft_dtw(
    cost: Tensor,
    gamma: float = 0.1,
    target_lengths: Tensor | None = None,
    query_lengths: Tensor | None = None,
) -> Tensor:
    """Soft-DTW whose path may start and end anywhere on the target; the query is consumed whole.

    Parameters and return value as `soft_dtw`.
    """
    return _value(cost, None, gamma, target_lengths, query_lengths, "free")


def prob_dtw(
    cost: Tensor,
    gamma: float = 0.1,
    target_lengths: Tensor | None = None,
    query_lengths: Tensor | None = None,
) -> Tensor:
    """Alignment of the published MATR code ("prob"), for the record: a value, not a soft minimum.

    D[i, j] = c[i, j] + sum(softmax(-x / gamma) * x) over x = D of the three predecessors. A query
    that is not longer than its target has each column repeated ceil(M / N) times; the value is
    divided by the number of columns.

    Parameters and return value as `soft_dtw`.
    """
    m, n = paths.both_lengths(cost, target_lengths, query_lengths)
    repeat = torch.where(m >= n, -(-m // n.clamp(min=1)), 1).clamp(min=1)
    most = cost.shape[1] + cost.shape[2]
    if cost.device.type == "cpu":  # elsewhere it would be waited for
        most = int((n * repeat).max()) if len(n) else 0
    columns = torch.arange(most, device=cost.device)
    source = (columns // repeat[:, None]).clamp(max=cost.shape[2] - 1)  # (B, R')
    repeated = cost.gather(2, source[:, None].expand(-1, cost.shape[1], -1))
    value = _value(repeated, None, gamma, m, n * repeat, "prob")
    return value / (n * repeat).clamp(min=1)


def drop_dtw(
    cost: Tensor,
    drop: Tensor,
    gamma: float = 0.1,
    target_lengths: Tensor | None = None,
    query_lengths: Tensor | None = None,
) -> Tensor:
    """Soft Drop-DTW: target rows may be dropped; the query is consumed whole.

    Dvornik et al., "Drop-DTW: Aligning Common Signal Between Sequences While Dropping Outliers",
    NeurIPS 2021, algorithm 1, with drops on the side of the target.

    Parameters
    ----------
    cost, gamma, target_lengths, query_lengths
        As in `soft_dtw`.
    drop : Tensor, (B, M) or (B, 1)
        Cost of dropping a target row, see `percentile_drop`.

    Returns
    -------
    Tensor, (B,)
        Differentiable in `cost` and `drop`.
    """
    return _value(
        cost, drop.expand(-1, cost.shape[1]), gamma, target_lengths, query_lengths, "drop"
    )


@torch.no_grad()
def percentile_drop(
    cost: Tensor,
    share: float = 0.3,
    target_lengths: Tensor | None = None,
    query_lengths: Tensor | None = None,
) -> Tensor:
    """Drop cost of the Drop-DTW paper: a percentile of a pair's own costs, (B, 1).

    Parameters
    ----------
    cost, target_lengths, query_lengths
        As in `soft_dtw`; lengths of at least 1.
    share : float
        The percentile over 100.
    """
    m, n = paths.both_lengths(cost, target_lengths, query_lengths)
    work = cost.to(torch.promote_types(cost.dtype, torch.float32))
    valid = paths.valid_cells(cost, m, n)
    return work.masked_fill(~valid, torch.nan).flatten(1).nanquantile(share, dim=1, keepdim=True)


def _value(
    cost: Tensor,
    drop: Tensor | None,
    gamma: float,
    target_lengths: Tensor | None,
    query_lengths: Tensor | None,
    form: paths.Form,
) -> Tensor:
    if gamma <= 0:
        raise ValueError(f"gamma must be positive, got {gamma}")
    m, n = paths.both_lengths(cost, target_lengths, query_lengths)
    if 0 in cost.shape:
        return cost.sum(dim=(1, 2))
    value: Tensor
    way = paths.way(cost)
    if form in KERNELS[way]:
        work = cost if way == "triton" else cost.to(torch.promote_types(cost.dtype, torch.float32))
        value = paths.CompiledSoftValue.apply(work, drop, gamma, m, n, form)
        return value.to(cost.dtype)
    work = paths.prepared(cost, m, n)
    if drop is not None:
        drop = paths.prepared(drop[..., None], m, n)[..., 0].to(work.dtype)
    value = paths.PathValue.apply(work, drop, gamma, m, n, form)
    return value.to(cost.dtype)


@torch.no_grad()
def subsequence_posterior(
    cost: Tensor,
    gamma: float = 0.1,
    target_lengths: Tensor | None = None,
    query_lengths: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Where a random subsequence path starts and ends, if its probability is exp(-cost / gamma).

    A path is inside from its start to its end, so the probability that row i is inside is the
    cumulative sum of starts up to i less that of ends before i. Not differentiable.

    Parameters
    ----------
    cost, gamma, target_lengths, query_lengths
        As in `soft_dtw`; lengths of at least 1.

    Returns
    -------
    start, end : Tensor, (B, M)
        Probabilities, 0 on padding; `end` is the last row of the path.
    """
    m, n = paths.both_lengths(cost, target_lengths, query_lengths)
    way = paths.way(cost)
    if way == "numba":
        work = cost.to(torch.promote_types(cost.dtype, torch.float32))
        _, _, start, end = paths.compiled_alignment(work, gamma, m, n, True, True)
        return start.to(cost.dtype), end.to(cost.dtype)
    if way == "triton":
        from vid2vidmr.alignment import gpu

        found = gpu.soft_alignment(cost.detach(), gamma, m, n, "free", want="ends")
        return found.start.to(cost.dtype), found.end.to(cost.dtype)
    work = paths.prepared(cost, m, n)
    ends, kept = paths.end_values(work / gamma, n, "free", None, True)
    end, _ = paths.end_shares(ends, m, n)
    _, start = paths.flow_back(kept, end)
    return start.to(cost.dtype), end.to(cost.dtype)
