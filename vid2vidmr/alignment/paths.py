"""Values of soft alignments as differentiable functions of the costs, on any device.

CPUs use kernels compiled by numba, GPUs kernels in Triton, and what has neither anti-diagonals in
torch; all have the same numbers and an analytic gradient.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from typing import Any, Literal

import torch
from torch import Tensor

from vid2vidmr.alignment import diagonals

Form = Literal["fixed", "free", "prob", "drop"]


@cache
def _has_triton() -> bool:
    return find_spec("triton") is not None  # it comes with torch on Linux


def way(cost: Tensor) -> Literal["numba", "triton", "torch"]:
    """Which kernels serve costs of a device and type; "torch" serves all."""
    if cost.device.type == "cpu":
        return "numba"
    narrow = cost.dtype != torch.float64
    return "triton" if cost.device.type == "cuda" and narrow and _has_triton() else "torch"


def both_lengths(
    cost: Tensor, target_lengths: Tensor | None, query_lengths: Tensor | None
) -> tuple[Tensor, Tensor]:
    """Lengths (B,) and (B,) within a batch of costs, whole where they are not given.

    Raises
    ------
    ValueError
        If the costs are not (B, M, N).
    """
    if cost.ndim != 3:
        raise ValueError(f"expected costs (B, M, N), got shape {tuple(cost.shape)}")
    m, n = (
        torch.full((len(cost),), size, dtype=torch.long, device=cost.device)
        if lengths is None
        else lengths.to(cost.device, torch.long).clamp(0, size)
        for lengths, size in zip((target_lengths, query_lengths), cost.shape[1:], strict=True)
    )
    return m, n


def valid_cells(cost: Tensor, m: Tensor, n: Tensor) -> Tensor:
    """Which cells (B, M, N) are no padding."""
    rows, columns = (torch.arange(size, device=cost.device) for size in cost.shape[1:])
    return (rows[:, None] < m[:, None, None]) & (columns < n[:, None, None])


def prepared(cost: Tensor, m: Tensor, n: Tensor) -> Tensor:
    """Costs in at least float32 with zeros on padding."""
    # Padding may hold anything, even NaN: zeros there keep the recursion finite, and no path of a
    # pair passes through its padding.
    valid = valid_cells(cost, m, n)
    return torch.where(valid, cost, 0).to(torch.promote_types(cost.dtype, torch.float32))


def end_values(x: Tensor, n: Tensor, form: Form, drop: Tensor | None, keep: bool) -> Any:
    """Values / gamma of the paths that end in each row, and what `flow_back` needs.

    Parameters
    ----------
    x : Tensor, (B, M, N)
        Costs / gamma.
    n : Tensor, (B,)
        Lengths of the queries.
    drop : Tensor, (B, M), optional
        Costs of dropping a row / gamma.
    keep : bool
        Whether `flow_back` will be called.

    Returns
    -------
    ends : Tensor, (B, M)
    kept : tuple
    """
    if way(x) == "numba" and form in ("prob", "drop"):
        return _ends_of_kernels(x, n, drop)
    return _ends_of_diagonals(x, n, form, drop, keep)


def _ends_of_kernels(x: Tensor, n: Tensor, drop: Tensor | None) -> Any:
    from vid2vidmr.alignment import kernels

    lanes = x.detach().permute(1, 2, 0).contiguous().numpy()
    columns = n.numpy()
    if drop is None:
        ends, shares = kernels.prob_forward(lanes, columns)
        return torch.from_numpy(ends).T, (shares, None, n)
    by_row = drop.detach().T.contiguous().numpy()
    ends, shares, dropped = kernels.drop_forward(lanes, by_row, columns)
    return torch.from_numpy(ends).T, (shares, torch.from_numpy(dropped).permute(2, 0, 1), n)


def _ends_of_diagonals(x: Tensor, n: Tensor, form: Form, drop: Tensor | None, keep: bool) -> Any:
    B, M, _ = x.shape
    begin = x.new_full((B, M), torch.inf)
    if form == "free":
        begin[:] = 0
    elif form == "drop":
        assert drop is not None
        begin = torch.cat([drop.new_zeros(B, 1), drop.cumsum(1)[:, :-1]], dim=1)
    else:
        begin[:, 0] = 0
    cell = {"prob": diagonals.PROB, "drop": diagonals.DROP}.get(form, diagonals.SOFT)
    totals, shares, dropped = diagonals.forward(x, begin, cell, drop, keep)
    column = (n - 1).clamp(min=0)[:, None, None].expand(B, M, 1)
    return totals.gather(2, column)[:, :, 0], (shares, dropped, n)


def end_shares(ends: Tensor, m: Tensor, n: Tensor) -> tuple[Tensor, Tensor]:
    """Probability (B, M) that a free path ends at each row; the logits, -inf where none may end."""
    may_end = valid_cells(ends[..., None], m, n)[..., 0]
    logits = torch.where(may_end, -ends, -torch.inf)
    shares = torch.softmax(torch.where(may_end.any(1, keepdim=True), logits, 0), dim=1)
    return shares * may_end, logits


def flow_back(kept: Any, seeds: Tensor) -> tuple[Tensor, Tensor]:
    """How much of the seeds passes through each cell (B, M, N), and begins in each row (B, M).

    Parameters
    ----------
    kept : tuple
        From `end_values`.
    seeds : Tensor, (B, M)
        Gradient by the end values.
    """
    shares, _, n = kept
    if isinstance(shares, Tensor):
        B, M = seeds.shape
        N = shares.shape[3]
        column = (n - 1).clamp(min=0)[:, None, None].expand(B, M, 1)
        at_ends = seeds.new_zeros(B, M, N).scatter_(2, column, seeds[:, :, None])
        flow = diagonals.backward(shares, at_ends)
        begins = shares[0, :M, :, 0]
    else:
        from vid2vidmr.alignment import kernels

        lanes = kernels.backward(shares, seeds.T.contiguous().numpy(), n.numpy())
        flow = torch.from_numpy(lanes).permute(2, 0, 1)
        begins = torch.from_numpy(shares[0, :, 0])
    return flow, flow[:, :, 0] * begins.T


class PathValue(torch.autograd.Function):
    """Value of every pair (B,): the soft minimum over the rows in which a path may end."""

    @staticmethod
    def forward(
        ctx: Any, cost: Tensor, drop: Tensor | None, gamma: float, m: Tensor, n: Tensor, form: Form
    ) -> Tensor:
        """See `end_values`."""
        scaled_drop = None if drop is None else drop / gamma
        keep = any(ctx.needs_input_grad[:2])
        ends, ctx.kept = end_values(cost / gamma, n, form, scaled_drop, keep)
        # A pair without a path has value and gradient 0.
        empty = (m == 0) | (n == 0)
        if form != "free":
            last = (m - 1).clamp(min=0)[:, None]
            ctx.seeds = torch.zeros_like(ends).scatter_(1, last, (~empty).to(ends.dtype)[:, None])
            return torch.where(empty, 0, gamma * ends.gather(1, last)[:, 0])
        ctx.seeds, logits = end_shares(ends, m, n)
        return torch.where(empty, 0, -gamma * torch.logsumexp(logits, dim=1))

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """See `flow_back`."""
        flow, started = flow_back(ctx.kept, ctx.seeds * grad[:, None])
        dropped = ctx.kept[1]
        if dropped is None:
            return flow, None, None, None, None, None
        by_drop = flow * dropped
        # Whatever begins in a later row has dropped this one.
        later = started.flip(1).cumsum(1).flip(1) - started
        return flow - by_drop, by_drop.sum(2) + later, None, None, None, None


class CompiledSoftValue(torch.autograd.Function):
    """Value of every pair (B,) by a kernel that finds the gradient on the way."""

    @staticmethod
    def forward(
        ctx: Any, cost: Tensor, drop: Tensor | None, gamma: float, m: Tensor, n: Tensor, form: Form
    ) -> Tensor:
        """See `soft_kernel.soft_alignment` and `gpu.soft_alignment`."""
        gradient = any(ctx.needs_input_grad[:2])
        ctx.dropped = None
        if way(cost) == "numba":
            value, ctx.path, _, _ = compiled_alignment(cost, gamma, m, n, form == "free", gradient)
            return value
        from vid2vidmr.alignment import gpu

        want: gpu.Want = "path" if gradient else "value"
        value, ctx.path, _, _, dropped = gpu.soft_alignment(cost, gamma, m, n, form, drop, want)
        if drop is not None:
            ctx.dropped = dropped
        return value

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Each pair's gradient, scaled."""
        by_drop = None if ctx.dropped is None else grad[:, None] * ctx.dropped
        return grad[:, None, None] * ctx.path, by_drop, None, None, None, None


def compiled_alignment(
    cost: Tensor, gamma: float, m: Tensor, n: Tensor, free: bool, gradient: bool
) -> tuple[Tensor, ...]:
    """`soft_kernel.soft_alignment` on tensors."""
    from vid2vidmr.alignment.soft_kernel import soft_alignment

    costs = cost.detach().contiguous().numpy()
    found = soft_alignment(costs, gamma, m.numpy(), n.numpy(), free, gradient)
    return tuple(torch.from_numpy(array) for array in found)
