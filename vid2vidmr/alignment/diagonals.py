"""The recursions of `kernels` on any torch device: a step an anti-diagonal.

What a cell makes of its predecessors is a function (`soft_cell`, `prob_cell`, `drop_cell`), the
rest is shared. Costs come divided by gamma.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Cell = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor, Tensor]]
"""(steps (3, B, N), costs (B, N), drop costs (B, N)) -> values, shares (3, B, N), dropped part."""


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


def soft_cell(steps: Tensor, cost: Tensor, drop: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Soft minimum of the predecessors, plus the cost."""
    value = cost - torch.logsumexp(-steps, dim=0)
    return value, torch.softmax(-steps, dim=0).nan_to_num(0.0), drop


def prob_cell(steps: Tensor, cost: Tensor, drop: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean of the predecessors with the weights of their soft minimum, plus the cost."""
    low = steps.amin(0).clamp(max=torch.finfo(steps.dtype).max)
    weights = torch.softmax(-steps, dim=0).nan_to_num(0.0)
    distance = torch.where(weights > 0, steps - low, 0)
    mean = (weights * distance).sum(0)
    return cost + low + mean, weights * (1 + mean - distance), drop


def drop_cell(steps: Tensor, cost: Tensor, drop: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Soft minimum of matching after each predecessor and of dropping the row."""
    ways = torch.cat([steps + cost, (steps[2] + drop)[None]])
    value = -torch.logsumexp(-ways, dim=0)
    shares = torch.softmax(-ways, dim=0).nan_to_num(0.0)
    return value, torch.cat([shares[:2], shares[2:3] + shares[3:]]), shares[3]


def forward(
    x: Tensor, begin: Tensor, cell: Cell, drop: Tensor | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """Value of every cell.

    Parameters
    ----------
    x : Tensor, (B, M, N)
    begin : Tensor, (B, M)
        What a path costs before it begins in a row; infinite where it may not.
    cell : callable
    drop : Tensor, (B, M), optional
        Cost of dropping a row, for `drop_cell`.

    Returns
    -------
    totals : Tensor, (B, M, N)
    shares : Tensor, (3, B, M, N)
        Shares of the predecessors (diagonal, left, up).
    dropped : Tensor, (B, M, N)
    """
    B, M, N = x.shape
    inf = x.new_full((B, 1), torch.inf)
    drops = _skew(x.new_zeros(B, M, N) if drop is None else drop[..., None].expand_as(x), torch.inf)
    before = last = x.new_full((B, N), torch.inf)
    totals, shares, dropped = [], [], []
    for k, (costs, without) in enumerate(zip(_skew(x, torch.inf).unbind(1), drops.unbind(1),
                                             strict=True)):  # fmt: skip
        # Cell (k - j, j); outside the matrix the cost is infinite, and so is the value.
        start = begin[:, k : k + 1] if k < M else inf
        steps = torch.stack(
            [
                torch.cat([start, before[:, :-1]], dim=1),  # diagonal (i - 1, j - 1)
                torch.cat([inf, last[:, :-1]], dim=1),  # left (i, j - 1)
                last,  # up (i - 1, j)
            ]
        )
        value, share, part = cell(steps, costs, without)
        before, last = last, torch.where(costs.isinf(), torch.inf, value)
        totals.append(last)
        shares.append(share)
        dropped.append(part)
    joined = torch.stack(shares, dim=2)  # (3, B, K, N)
    return (
        _unskew(torch.stack(totals, dim=1), M),
        torch.stack([_unskew(share, M) for share in joined]),
        _unskew(torch.stack(dropped, dim=1), M),
    )


def backward(shares: Tensor, seeds: Tensor) -> Tensor:
    """How much of the seeds (B, M, N) passes through each cell, (B, M, N)."""
    _, B, M, _ = shares.shape
    share = torch.stack([_skew(part, 0.0) for part in shares], dim=2)  # (B, K, 3, N)
    flow = list(_skew(seeds, 0.0).unbind(1))
    zero = seeds.new_zeros((B, 2, 1))
    for k in range(len(flow) - 1, 0, -1):
        passed = flow[k][:, None] * share[:, k]  # (B, 3, N): to diagonal, left, up
        shifted = torch.cat([passed[:, :2, 1:], zero], dim=2)
        flow[k - 1] = flow[k - 1] + shifted[:, 1] + passed[:, 2]
        if k > 1:
            flow[k - 2] = flow[k - 2] + shifted[:, 0]
    return _unskew(torch.stack(flow, dim=1), M)
