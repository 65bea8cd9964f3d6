"""Alignments of batches on a GPU, by Triton kernels; imported for tensors that lie on one."""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, NamedTuple

import torch
import triton
from torch import Tensor

from vid2vidmr.alignment import triton_hard, triton_soft
from vid2vidmr.alignment.triton_scaled import factors

FORMS: dict[str, Any] = {
    "fixed": triton_soft.FIXED,
    "free": triton_soft.FREE,
    "drop": triton_soft.DROP,
}
Want = Literal["value", "ends", "path"]
MOST_ROWS = 1024
"""Rows that a program takes at once, at most."""
PARTS = 16
"""Columns are divided into so many parts, whose gradients are found at the same time."""


class Alignment(NamedTuple):
    """Values of a batch and what a random path does, see `soft_kernel.soft_alignment`.

    Attributes
    ----------
    dropped : Tensor, (B, M)
        Probability that the path drops a row.
    """

    value: Tensor
    path: Tensor
    start: Tensor
    end: Tensor
    dropped: Tensor


def launch(rows: int) -> dict[str, Any]:
    """Rows that a program takes at once, and its threads."""
    block = min(max(16, triton.next_power_of_2(rows)), MOST_ROWS)
    warps = max(1, block // 128)
    return {"MANY": rows > block, "BLOCK": block, "num_warps": warps, "num_stages": 1}


def on(device: torch.device) -> AbstractContextManager[Any]:
    """Launch on a device; the interpreter has none."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()


def soft_alignment(
    cost: Tensor,
    gamma: float,
    m: Tensor,
    n: Tensor,
    form: str,
    drop: Tensor | None = None,
    want: Want = "value",
) -> Alignment:
    """Soft-DTW, its subsequence form or soft Drop-DTW of a batch, in float32.

    Parameters
    ----------
    cost : Tensor, (B, M, N)
        Of any float type up to float32. Costs that add up to more than 1e8 gamma count as infinite.
    m, n : Tensor, (B,), int64
    drop : Tensor, (B, M), optional
        Cost of dropping a row.
    want : {"value", "ends", "path"}
        What is computed; each includes those before. What is not is zeros of any shape.
    """
    B, M, N = cost.shape
    device = cost.device
    if 0 in cost.shape:
        none = torch.zeros(B, M, device=device)
        return Alignment(none.sum(1), torch.zeros(cost.shape, device=device), none, none, none)
    edges = min(PARTS, N) if want == "path" else 1
    width = -(-N // edges)
    # One buffer: the gradient, the columns kept of both directions, and those of the programs.
    work = B * N * M if want == "path" else 0
    rest = work + B * (edges + 2) * 4 * M
    state = torch.zeros(rest + (B * edges * 8 * M if want == "path" else 0), device=device)
    powers = state.view(torch.int32)
    start, end, value, totals = (
        torch.zeros(shape, device=device) for shape in ((B, M), (B, M), (B,), (B,))
    )
    tops = torch.zeros(B, dtype=torch.int32, device=device)
    by_drop = torch.zeros(B, edges, M if form == "drop" else 0, device=device)
    begin_m, begin_e = state, powers
    if form == "drop":
        assert drop is not None
        drop = drop.contiguous()
        begin_m, begin_e = _begins(drop, gamma)
    given = (cost, cost if drop is None else drop, begin_m, begin_e, m, n, state, powers)
    strides = (*cost.stride(), M)
    high, low = factors(gamma)
    most = float(2**27 // (M + N))
    options = {"FORM": FORMS[form], **launch(M)}
    with on(device):
        triton_soft.ends[B, 1 if want == "value" else 2](
            *given, start, end, value, totals, tops, *strides, M, work,
            high, low, most, -gamma * math.log(2), edges, width, **options,
        )  # fmt: skip
        if want == "path":
            triton_soft.shares[B, edges](
                *given, by_drop, totals, tops, *strides, M, N, work, rest,
                high, low, most, edges, width, **options,
            )  # fmt: skip
    path = state[: B * N * M].view(B, N, M).transpose(1, 2) if want == "path" else state[:0]
    dropped = by_drop.sum(1)
    if form == "drop" and want == "path":
        # Whatever begins in a later row has dropped this one.
        dropped += start.flip(1).cumsum(1).flip(1) - start
    return Alignment(value, path, start, end, dropped)


def _begins(drop: Tensor, gamma: float) -> tuple[Tensor, Tensor]:
    """Weigh the dropping of all rows before each: mantissa and power, (B, M) and (B, M)."""
    before = (drop.double() / (-gamma * math.log(2))).cumsum(1).roll(1, 1)
    before[:, 0] = 0
    whole = before.floor().clamp(min=-(2.0**29))
    return torch.exp2((before - whole).clamp(0, 1)).float(), whole.int()


def subsequence_ends(cost: Tensor, m: Tensor, n: Tensor) -> tuple[Tensor, Tensor]:
    """Best hard subsequence alignment for every end on the targets, in float32.

    Parameters
    ----------
    cost : Tensor, (B, M, N)
    m, n : Tensor, (B,), int64

    Returns
    -------
    values : Tensor, (B, M)
        Cost of the best path that ends at each row; infinite on padding and for empty queries.
    starts : Tensor, (B, M), int64
        First row of that path.
    """
    B, M, _ = cost.shape
    device = cost.device
    state = torch.empty(B, 2, M, device=device)
    rows = torch.empty(B, 2, M, dtype=torch.int32, device=device)
    values = torch.full((B, M), torch.inf, device=device)
    starts = torch.zeros(B, M, dtype=torch.int32, device=device)
    if 0 in cost.shape:
        return values, starts.long()
    with on(device):
        triton_hard.ends[B,](
            cost, m, n, state, rows, values, starts, *cost.stride(), M, **launch(M)
        )
    return values, starts.long()
