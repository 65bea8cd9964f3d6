"""The recursions of the kernels on any torch device: a step an anti-diagonal.

What a cell makes of its predecessors is a `Cell`, the rest is shared. Costs come divided by gamma.
Each step starts few operations, which is what it costs on an accelerator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Ways = tuple[Tensor, Tensor, Tensor]
"""Minus the values of the predecessors: diagonal, left, up."""


@dataclass(frozen=True)
class Cell:
    """A recursion, as functions of tensors of one shape; what cannot be reached is -inf."""

    value: Callable[[Ways, Tensor, Tensor], Tensor]
    """(ways, costs, drop costs) -> minus the value."""
    shares: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor | None]]
    """(stacked ways, costs, drop costs) -> shares of the ways, the part of `up` that drops."""


def _soft_value(ways: Ways, cost: Tensor, drop: Tensor) -> Tensor:
    diagonal, left, up = ways
    return torch.logaddexp(torch.logaddexp(diagonal, left), up) - cost


def _soft_shares(ways: Tensor, cost: Tensor, drop: Tensor) -> tuple[Tensor, None]:
    return torch.softmax(ways, dim=0).nan_to_num(0.0), None


def _prob_parts(ways: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Lowest value, weights of the soft minimum, distances from the lowest and their mean."""
    high = ways.amax(0).clamp(min=torch.finfo(ways.dtype).min)
    weights = torch.softmax(ways, dim=0).nan_to_num(0.0)
    distance = torch.where(weights > 0, high - ways, 0)
    return -high, weights, distance, (weights * distance).sum(0)


def _prob_value(ways: Ways, cost: Tensor, drop: Tensor) -> Tensor:
    low, _, _, mean = _prob_parts(torch.stack(ways))
    return -(cost + low + mean)


def _prob_shares(ways: Tensor, cost: Tensor, drop: Tensor) -> tuple[Tensor, None]:
    _, weights, distance, mean = _prob_parts(ways)
    return weights * (1 + mean - distance), None


def _drop_value(ways: Ways, cost: Tensor, drop: Tensor) -> Tensor:
    return torch.logaddexp(_soft_value(ways, cost, drop), ways[2] - drop)


def _drop_shares(ways: Tensor, cost: Tensor, drop: Tensor) -> tuple[Tensor, Tensor]:
    every = torch.cat([ways - cost, (ways[2] - drop)[None]])
    shares = torch.softmax(every, dim=0).nan_to_num(0.0)
    return torch.cat([shares[:2], shares[2:3] + shares[3:]]), shares[3]


SOFT = Cell(_soft_value, _soft_shares)
"""Soft minimum of the predecessors, plus the cost."""
PROB = Cell(_prob_value, _prob_shares)
"""Mean of the predecessors with the weights of their soft minimum, plus the cost."""
DROP = Cell(_drop_value, _drop_shares)
"""Soft minimum of matching after each predecessor and of dropping the row."""


def _skew(x: Tensor, fill: float) -> Tensor:
    """Rows to anti-diagonals: (B, M, N) -> (M + N - 1, B, N), out[i + j, :, j] = x[:, i, j]."""
    B, M, N = x.shape
    # A row-major matrix with one more row of padding than columns shifts each column down by one
    # when it is read with a row length one shorter: a skew without an index.
    padded = torch.cat([x.transpose(1, 2), x.new_full((B, N, N), fill)], dim=2)  # (B, N, M + N)
    flat = padded.reshape(B, N * (M + N))[:, : N * (M + N - 1)]
    return flat.reshape(B, N, M + N - 1).permute(2, 0, 1).contiguous()


def _unskew(x: Tensor, M: int) -> Tensor:
    """Inverse of `_skew`: (M + N - 1, B, N) -> (B, M, N)."""
    K, B, N = x.shape
    flat = torch.cat([x.permute(1, 2, 0).reshape(B, N * K), x.new_zeros(B, N)], dim=1)
    return flat.reshape(B, N, K + 1)[:, :, :M].transpose(1, 2)


def forward(
    x: Tensor, begin: Tensor, cell: Cell, drop: Tensor | None, keep: bool
) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Value of every cell.

    Parameters
    ----------
    x : Tensor, (B, M, N)
    begin : Tensor, (B, M)
        What a path costs before it begins in a row; infinite where it may not.
    drop : Tensor, (B, M), optional
        Cost of dropping a row, for `DROP`.
    keep : bool
        Whether shares are wanted.

    Returns
    -------
    totals : Tensor, (B, M, N)
    shares : Tensor, (3, M + N - 1, B, N), or None
        Shares of the predecessors (diagonal, left, up) on each anti-diagonal.
    dropped : Tensor, (B, M, N), or None
    """
    B, M, N = x.shape
    K = M + N - 1
    costs = _skew(x, torch.inf)  # outside the matrix infinite, and so are the values
    drops = costs if drop is None else _skew(drop[..., None].expand_as(x), torch.inf)
    begins = x.new_full((K, B), -torch.inf)
    begins[:M] = -begin.T
    # Minus the values of anti-diagonal k at k + 2, of column j at j + 1.
    grid = x.new_full((K + 2, B, N + 1), -torch.inf)
    for k in range(K):
        # Cell (k - j, j): left and up are on the anti-diagonal before, the diagonal one earlier.
        # To the left of column 0 is where a path begins; as left neighbour that was used before.
        before, last = grid[k], grid[k + 1]
        before[:, 0] = begins[k]
        ways = (before[:, :-1], last[:, :-1], last[:, 1:])
        grid[k + 2, :, 1:] = cell.value(ways, costs[k], drops[k])
    totals = _unskew(-grid[2:, :, 1:], M)
    if not keep:
        return totals, None, None
    diagonal, last = grid[:-2, :, :-1], grid[1:-1]
    left = torch.cat([last.new_full((K, B, 1), -torch.inf), last[:, :, 1:-1]], dim=2)
    shares, dropped = cell.shares(torch.stack([diagonal, left, last[:, :, 1:]]), costs, drops)
    return totals, shares, None if dropped is None else _unskew(dropped, M)


def backward(shares: Tensor, seeds: Tensor) -> Tensor:
    """How much of the seeds (B, M, N) passes through each cell, (B, M, N)."""
    flow = _skew(seeds, 0.0)
    for k in range(len(flow) - 1, 0, -1):
        diagonal, left, up = shares[:, k]
        flow[k - 1].addcmul_(flow[k], up)
        flow[k - 1, :, :-1].addcmul_(flow[k, :, 1:], left[:, 1:])
        if k > 1:
            flow[k - 2, :, :-1].addcmul_(flow[k, :, 1:], diagonal[:, 1:])
    return _unskew(flow, seeds.shape[1])
