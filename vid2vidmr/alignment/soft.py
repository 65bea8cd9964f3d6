"""Soft-DTW on any torch device: anti-diagonals forward, analytic gradient backward.

Cuturi and Blondel, "Soft-DTW: a Differentiable Loss Function for Time-Series", ICML 2017. The
subsequence form frees start and end on the target axis (Mueller, "Information Retrieval for Music
and Motion", 2007, chapter 4), with the soft minimum also over the ends.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


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
    return _soft(cost, gamma, target_lengths, query_lengths, free=False)


def subsequence_soft_dtw(
    cost: Tensor,
    gamma: float = 0.1,
    target_lengths: Tensor | None = None,
    query_lengths: Tensor | None = None,
) -> Tensor:
    """Soft-DTW whose path may start and end anywhere on the target; the query is consumed whole.

    Parameters and return value as `soft_dtw`.
    """
    return _soft(cost, gamma, target_lengths, query_lengths, free=True)


def _soft(
    cost: Tensor,
    gamma: float,
    target_lengths: Tensor | None,
    query_lengths: Tensor | None,
    free: bool,
) -> Tensor:
    if gamma <= 0:
        raise ValueError(f"gamma must be positive, got {gamma}")
    work, m, n = _prepared(cost, target_lengths, query_lengths)
    if 0 in work.shape:
        return cost.sum(dim=(1, 2))
    value: Tensor = _SoftDTW.apply(work, gamma, m, n, free)
    return value.to(cost.dtype)


def _prepared(
    cost: Tensor, target_lengths: Tensor | None, query_lengths: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Costs in at least float32 with zeros on padding, and both lengths."""
    if cost.ndim != 3:
        raise ValueError(f"expected costs (B, M, N), got shape {tuple(cost.shape)}")
    B, M, N = cost.shape
    full = torch.ones(B, dtype=torch.long, device=cost.device)
    m = full * M if target_lengths is None else target_lengths.to(cost.device).clamp(max=M)
    n = full * N if query_lengths is None else query_lengths.to(cost.device).clamp(max=N)
    rows, columns = torch.arange(M, device=cost.device), torch.arange(N, device=cost.device)
    valid = (rows[:, None] < m[:, None, None]) & (columns < n[:, None, None])  # (B, M, N)
    # Padding may hold anything, even NaN: zeros there keep the recursion finite, and no path of a
    # pair passes through its padding.
    return torch.where(valid, cost, 0).to(torch.promote_types(cost.dtype, torch.float32)), m, n


def _skew(x: Tensor, fill: float) -> Tensor:
    """Rows to anti-diagonals: (B, M, N) -> (B, M + N - 1, N), out[:, i + j, j] = x[:, i, j]."""
    B, M, N = x.shape
    # A row-major matrix with one more row of padding than columns shifts each column down by one
    # when it is read with a row length one shorter: a skew without an index.
    padded = torch.cat([x.transpose(1, 2), x.new_full((B, N, N), fill)], dim=2)  # (B, N, M + N)
    flat = padded.reshape(B, N * (M + N))[:, : N * (M + N - 1)]
    return flat.reshape(B, N, M + N - 1).transpose(1, 2)


def _unskew(x: Tensor, M: int) -> Tensor:
    """Inverse of `_skew`: (B, M + N - 1, N) -> (B, M, N)."""
    B, K, N = x.shape
    flat = torch.cat([x.transpose(1, 2).reshape(B, N * K), x.new_zeros(B, N)], dim=1)
    return flat.reshape(B, N, K + 1)[:, :, :M].transpose(1, 2)


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
    work, m, n = _prepared(cost.detach(), target_lengths, query_lengths)
    B, M, N = work.shape
    ends = _at_ends(_accumulate(work, gamma, free=True)[1], m, n, free=True)
    # Read backwards, the start is the end.
    rows = (m[:, None] - 1 - torch.arange(M, device=m.device)) % M
    columns = (n[:, None] - 1 - torch.arange(N, device=n.device)) % N
    backwards = work.gather(1, rows[:, :, None].expand(B, M, N))
    backwards = backwards.gather(2, columns[:, None].expand(B, M, N))
    starts = _at_ends(_accumulate(backwards, gamma, free=True)[1], m, n, free=True)
    start = torch.softmax(starts / -gamma, dim=1).gather(1, rows)
    return start.to(cost.dtype), torch.softmax(ends / -gamma, dim=1).to(cost.dtype)


def _accumulate(cost: Tensor, gamma: float, free: bool) -> tuple[Tensor, Tensor]:
    """Soft value of the best path to every cell.

    Returns
    -------
    previous : Tensor, (K, 3, B, N)
        Values of the predecessors (diagonal, left, up) on each of K = M + N - 1 anti-diagonals.
    totals : Tensor, (B, M, N)
    """
    B, M, N = cost.shape
    inf, start = cost.new_full((B, 1), torch.inf), cost.new_zeros((B, 1))
    before = last = cost.new_full((B, N), torch.inf)
    total, previous = [], []
    for k, diagonal in enumerate(_skew(cost, torch.inf).unbind(1)):
        # Cell (k - j, j); a path begins in column 0, at row 0 only unless starts are free.
        begin = start if free or k == 0 else inf
        steps = torch.stack(
            [
                torch.cat([begin, before[:, :-1]], dim=1),  # diagonal (i - 1, j - 1)
                torch.cat([inf, last[:, :-1]], dim=1),  # left (i, j - 1)
                last,  # up (i - 1, j)
            ]
        )
        # Outside the matrix `diagonal` is infinite, and so is the sum.
        before, last = last, diagonal - gamma * torch.logsumexp(steps / -gamma, dim=0)
        total.append(last)
        previous.append(steps)
    return torch.stack(previous), _unskew(torch.stack(total, dim=1), M)


def _at_ends(totals: Tensor, m: Tensor, n: Tensor, free: bool) -> Tensor:
    """Values of the cells in which a path may end, (B, M); infinite elsewhere."""
    B, M, _ = totals.shape
    last = totals.gather(2, (n - 1).clamp(min=0)[:, None, None].expand(B, M, 1))[:, :, 0]
    rows = torch.arange(M, device=totals.device)
    is_end = rows < m[:, None] if free else rows == m[:, None] - 1
    return torch.where(is_end & (n[:, None] > 0), last, torch.inf)


class _SoftDTW(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, cost: Tensor, gamma: float, m: Tensor, n: Tensor, free: bool) -> Tensor:
        previous, totals = _accumulate(cost, gamma, free)
        ends = _at_ends(totals, m, n, free)
        value = -gamma * torch.logsumexp(ends / -gamma, dim=1)
        empty = (m <= 0) | (n <= 0)
        seed = torch.softmax(torch.where(empty[:, None], 0, ends / -gamma), dim=1)
        seed = torch.where(empty[:, None], 0, seed)
        ctx.save_for_backward(previous, totals - cost, seed, n)
        ctx.gamma = gamma
        return torch.where(empty, 0, value)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None, None]:
        previous, soft_minimum, seed, n = ctx.saved_tensors
        B, M, N = soft_minimum.shape
        # Share of each predecessor in the soft minimum of a cell: (K, 3, B, N).
        minimum = _skew(soft_minimum, torch.inf).transpose(0, 1)[:, None]
        share = torch.exp((minimum - previous) / ctx.gamma).nan_to_num(0.0, 0.0, 0.0)
        seeds = torch.zeros((B, M, N), dtype=seed.dtype, device=seed.device)
        column = (n - 1).clamp(min=0)[:, None, None].expand(B, M, 1)
        flow = list(_skew(seeds.scatter_(2, column, seed[:, :, None]), 0.0).unbind(1))
        zero = seed.new_zeros((2, B, 1))
        for k in range(len(flow) - 1, 0, -1):
            passed = flow[k] * share[k]  # (3, B, N): to diagonal, left, up
            shifted = torch.cat([passed[:2, :, 1:], zero], dim=2)
            flow[k - 1] = flow[k - 1] + shifted[1] + passed[2]
            if k > 1:
                flow[k - 2] = flow[k - 2] + shifted[0]
        path = _unskew(torch.stack(flow, dim=1), M)
        return grad[:, None, None] * path, None, None, None, None
