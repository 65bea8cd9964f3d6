"""Hard subsequence paths as a Triton kernel, column by column like `triton_soft`."""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def _cheaper(a, x, s, b, y, t):
    """Join (passing costs a, what begins here costs x from row s) and the same below it."""
    passed = x + b
    take = passed < y
    return a + b, tl.where(take, passed, y), tl.where(take, s, t)


@triton.jit(do_not_specialize=["M", "sb", "si", "sj"])
def ends(
    cost, m, n, state, starts, values, firsts, sb, si, sj, M,
    MANY: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Program b: of pair b the cheapest path to every row of the last column, and its first row.

    `state` and `starts` hold two columns of each pair.
    """
    b = tl.program_id(0).to(tl.int64)
    rows, columns = tl.load(m + b).to(tl.int32), tl.load(n + b).to(tl.int32)
    cost += b * sb
    state += 2 * b * M
    starts += 2 * b * M
    for j in range(columns):
        last, this = (j + 1) % 2 * M, j % 2 * M
        carry, carry_start = float("inf"), 0
        for start in range(0, rows, BLOCK):
            r = start + tl.arange(0, BLOCK)
            inside = r < rows
            here, above = inside & (j > 0), inside & (r > 0) & (j > 0)
            x = tl.load(state + last + r - 1, above, float("inf"))  # the diagonal
            s = tl.load(starts + last + r - 1, above, 0)
            left = tl.load(state + last + r, here, float("inf"))
            s = tl.where(left < x, tl.load(starts + last + r, here, 0), s)
            x = tl.minimum(x, left)
            x, s = tl.where(j > 0, x, 0.0), tl.where(j > 0, s, r)
            c = tl.load(cost + r * si + j * sj, inside, 0.0).to(tl.float32)
            a, x, s = tl.associative_scan((c, x + c, s), 0, _cheaper)
            if MANY:
                take = carry + a < x
                s = tl.where(take, carry_start, s)
                x = tl.minimum(x, carry + a)
                at_end = tl.arange(0, BLOCK) == BLOCK - 1
                carry = tl.sum(tl.where(at_end, x, 0.0))
                carry_start = tl.sum(tl.where(at_end, s, 0))
            tl.store(state + this + r, x, inside)
            tl.store(starts + this + r, s, inside)
            if j == columns - 1:
                tl.store(values + b * M + r, x, inside)
                tl.store(firsts + b * M + r, s, inside)
        tl.debug_barrier()  # the next column reads what other threads have written
