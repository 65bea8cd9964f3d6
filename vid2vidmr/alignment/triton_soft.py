"""Soft alignments as Triton kernels: one launch for the values, a second one for the gradient.

Within a column of the matrix, sums over paths obey Z[i] = a[i] Z[i - 1] + b[i]: an associative scan
along the target finds a column at once, and a program takes the columns of a pair one after the
other. Such sums run from the start of the paths and from their end (`BACK`), at the same time, in
programs of their own. The share of the paths that visit a cell is the product of both.

Nothing of the size of the costs is kept beside the gradient: sums are kept of a few columns, and
the program of those between two of them finds the others again. It leaves them in the part of the
gradient that is not done yet.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"

from __future__ import annotations

import triton
import triton.language as tl

from vid2vidmr.alignment.triton_scaled import NOWHERE, add, linear, normal, power, weight

FIXED, FREE, DROP = tl.constexpr(0), tl.constexpr(1), tl.constexpr(2)


@triton.jit
def _passed(cost, row, si, drop, inside, high, low, most, FORM: tl.constexpr):
    """Weigh rows that are matched with the column, or dropped."""
    m, e = weight(tl.load(cost + row * si, inside, 0.0), high, low, most)
    if FORM == DROP:
        dm, de = weight(tl.load(drop + row, inside, 0.0), high, low, most)
        m, e = add(m, e, dm, de)
        m, e = normal(m, e)
    return m, e


@triton.jit
def _begun(row, r, inside, begin_m, begin_e, FORM: tl.constexpr, BACK: tl.constexpr):
    """Weigh what lies before a path that begins in a row; r counts from that end."""
    m = tl.full(r.shape, 1.0, tl.float32)
    if FORM == FREE:
        e = tl.where(inside, 0, NOWHERE)
    elif FORM == DROP and not BACK:
        m = tl.load(begin_m + row, inside, 1.0)
        e = tl.load(begin_e + row, inside, NOWHERE)
    else:
        e = tl.where(inside & (r == 0), 0, NOWHERE)
    return m, e


@triton.jit
def _column(
    cost, si, drop, begin_m, begin_e, state, powers, last_m, last_e, next_m, next_e,
    seen_m, seen_e, out, dropped, total, top, done, rows, high, low, most,
    FORM: tl.constexpr, BACK: tl.constexpr, SHARE: tl.constexpr, MANY: tl.constexpr,
    BLOCK: tl.constexpr,
):  # fmt: skip
    """Sum over the paths to (`BACK`: from) the cells of a column, when `done` were before it.

    The last one is in `state` and `powers` at `last_*`, this one goes to `next_*`, both counted in
    the direction of the recursion. Sums from the end are without the cell's own weight here, and
    with it where they are kept. `SHARE`, with `BACK`: sums from the start are at `seen_*`, and the
    share of the paths that match each cell goes to `out`, which may lie where `seen_e` is.
    """
    carry_m, carry_e = 1.0, NOWHERE
    for start in range(0, rows, BLOCK):
        r = start + tl.arange(0, BLOCK)
        inside = r < rows
        row = r
        if BACK:
            row = rows - 1 - r
        here, above = inside & (done > 0), inside & (r > 0) & (done > 0)
        m, e = add(
            tl.load(state + last_m + r, here, 1.0),
            tl.load(powers + last_e + r, here, NOWHERE),
            tl.load(state + last_m + r - 1, above, 1.0),
            tl.load(powers + last_e + r - 1, above, NOWHERE),
        )
        sm, se = _begun(row, r, inside, begin_m, begin_e, FORM, BACK)
        m, e = tl.where(done > 0, m, sm), tl.where(done > 0, e, se)
        wm, we = weight(tl.load(cost + row * si, inside, 0.0), high, low, most)
        if BACK:  # the cell that the paths come from is the row below
            below = inside & (r > 0)
            am, ae = _passed(cost, row + 1, si, drop, below, high, low, most, FORM)
            m, e = normal(m, e)
        else:
            am, ae = _passed(cost, row, si, drop, inside, high, low, most, FORM)
            m, e = normal(m * wm, e + we)
        am, ae, m, e = tl.associative_scan((am, ae, m, e), 0, linear)
        if MANY:
            m, e = add(m, e, am * carry_m, ae + carry_e)
            m, e = normal(m, e)
            last = tl.arange(0, BLOCK) == BLOCK - 1
            carry_m, carry_e = tl.sum(tl.where(last, m, 0.0)), tl.sum(tl.where(last, e, 0))
        if SHARE:
            zm = tl.load(state + seen_m + row, inside, 1.0)
            ze = tl.load(powers + seen_e + row, inside, NOWHERE)
            share = zm * m / total * power(tl.minimum(ze + e - top, 30))
            if FORM == DROP:
                up = inside & (row > 0)
                zm = tl.load(state + seen_m + row - 1, up, 1.0)
                ze = tl.load(powers + seen_e + row - 1, up, NOWHERE)
                dm, de = weight(tl.load(drop + row, inside, 0.0), high, low, most)
                by_drop = zm * dm * m / total * power(tl.minimum(ze + de + e - top, 30))
                share -= by_drop
                tl.store(dropped + row, tl.load(dropped + row, inside, 0.0) + by_drop, inside)
                tl.debug_barrier()  # all have read what is overwritten now
            tl.store(state + out + row, share, inside)
        if BACK:
            m, e = normal(m * wm, e + we)
        tl.store(state + next_m + r, m, inside)
        tl.store(powers + next_e + r, e, inside)
    tl.debug_barrier()  # the next column reads what other threads have written


@triton.jit
def _run(
    b, cost, drop, begin_m, begin_e, rows, columns, state, powers, at, probability,
    si, sj, M, high, low, most, edges, width,
    FORM: tl.constexpr, BACK: tl.constexpr, MANY: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """All columns of a pair; gives the sum over all paths, as mantissa and power.

    Kept from `at` on are the columns of the edges between parts of `width` columns, and two more.
    """
    lost = tl.zeros([BLOCK], tl.int32)
    slot = edges
    for t in range(columns):
        j, edge = t, t + 1
        if BACK:
            j, edge = columns - 1 - t, columns - 1 - t
        for start in range(0, rows, BLOCK):
            r = start + tl.arange(0, BLOCK)
            x = tl.load(cost + r * si + j * sj, r < rows, 0.0)
            lost |= (x != x).to(tl.int32)
        before = at + slot * 2 * M
        kept = (edge % width == 0) & (edge > 0) & (edge < columns)
        slot = tl.where(kept, edge // width, edges + t % 2)
        after = at + slot * 2 * M
        _column(
            cost + j * sj, si, drop, begin_m, begin_e, state, powers, before, before + M,
            after, after + M, 0, 0, 0, state, 1.0, 0, t, rows, high, low, most,
            FORM, BACK, False, MANY, BLOCK,
        )  # fmt: skip
    # Paths end where those of the other direction begin.
    at += slot * 2 * M
    top, total = NOWHERE * 2, 0.0
    for again in tl.static_range(3):
        for start in range(0, rows, BLOCK):
            r = start + tl.arange(0, BLOCK)
            inside, row = r < rows, r
            if BACK:
                row = rows - 1 - r
            m, e = _begun(row, rows - 1 - r, inside, begin_m, begin_e, FORM, not BACK)
            m *= tl.load(state + at + r, inside, 1.0)
            e += tl.load(powers + at + M + r, inside, NOWHERE)
            if again == 0:
                top = tl.maximum(top, tl.max(e))
            elif again == 1:
                total += tl.sum(tl.where(inside, m * power(e - top), 0.0))
            else:
                tl.store(probability + row, m * power(e - top) / total, inside)
        if again == 1:
            total = tl.where(tl.max(lost) > 0, float("nan"), total)
    return total, top


@triton.jit(do_not_specialize=["M", "edges", "width", "sb", "db", "si", "sj", "work"])
def ends(
    cost, drop, begin_m, begin_e, m, n, state, powers, started, ended, value, totals, tops,
    sb, si, sj, db, M, work, high, low, most, scale, edges, width,
    FORM: tl.constexpr, MANY: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Program (b, 0): value of pair b and probability of each row to be the end; (b, 1): start."""
    b, back = tl.program_id(0).to(tl.int64), tl.program_id(1)
    rows, columns = tl.load(m + b).to(tl.int32), tl.load(n + b).to(tl.int32)
    if (rows > 0) & (columns > 0):
        at = work + (2 * b + back) * (edges + 2) * 2 * M
        if back == 0:
            total, top = _run(
                b, cost + b * sb, drop + b * db, begin_m + b * M, begin_e + b * M, rows, columns,
                state, powers, at, ended + b * M, si, sj, M, high, low, most, edges, width,
                FORM, False, MANY, BLOCK,
            )  # fmt: skip
            found = scale * (tl.log2(total) + top)
            tl.store(
                value + b, tl.where((top < NOWHERE // 2) & (total == total), float("inf"), found)
            )
            tl.store(totals + b, total)
            tl.store(tops + b, top)
        else:
            _run(
                b, cost + b * sb, drop + b * db, begin_m + b * M, begin_e + b * M, rows, columns,
                state, powers, at, started + b * M, si, sj, M, high, low, most, edges, width,
                FORM, True, MANY, BLOCK,
            )  # fmt: skip


@triton.jit(do_not_specialize=["M", "N", "edges", "width", "sb", "db", "si", "sj", "work", "rest"])
def shares(
    cost, drop, begin_m, begin_e, m, n, state, powers, dropped, totals, tops,
    sb, si, sj, db, M, N, work, rest, high, low, most, edges, width,
    FORM: tl.constexpr, MANY: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Program (b, s): the share of the paths that match each cell of part s of the columns."""
    b, s = tl.program_id(0).to(tl.int64), tl.program_id(1)
    rows, columns = tl.load(m + b).to(tl.int32), tl.load(n + b).to(tl.int32)
    low_j, high_j = s * width, tl.minimum((s + 1) * width, columns)
    if (rows > 0) & (low_j < columns):
        cost += b * sb
        drop += b * db
        begin_m += b * M
        begin_e += b * M
        dropped += (b * edges + s) * M
        total, top = tl.load(totals + b), tl.load(tops + b)
        grid = b * N * M  # column j of the gradient lies j M further
        kept = work + b * (edges + 2) * 4 * M
        own = rest + (b * edges + s) * 8 * M
        from_end = kept + (edges + 2 + s + 1) * 2 * M
        hi = high_j
        while hi > low_j:
            mid = (low_j + hi) // 2
            last_m = kept + s * 2 * M
            last_e = last_m + M
            for j in range(low_j, hi):
                in_grid = (j >= mid) & (j < hi - 1)
                at = own + (j % 2) * 2 * M
                next_m = tl.where(in_grid, grid + (low_j + j - mid) * M, at)
                next_e = tl.where(in_grid, grid + j * M, at + M)
                _column(
                    cost + j * sj, si, drop, begin_m, begin_e, state, powers, last_m, last_e,
                    next_m, next_e, 0, 0, 0, dropped, 1.0, 0, j, rows,
                    high, low, most, FORM, False, False, MANY, BLOCK,
                )  # fmt: skip
                last_m, last_e = next_m, next_e
            for back in range(0, hi - mid):
                j = hi - 1 - back
                at = own + (j % 2) * 2 * M
                seen_m = tl.where(j < hi - 1, grid + (low_j + j - mid) * M, at)
                seen_e = tl.where(j < hi - 1, grid + j * M, at + M)
                to = at + 4 * M
                _column(
                    cost + j * sj, si, drop, begin_m, begin_e, state, powers, from_end,
                    from_end + M, to, to + M, seen_m, seen_e, grid + j * M, dropped, total, top,
                    columns - 1 - j, rows, high, low, most,
                    FORM, True, True, MANY, BLOCK,
                )  # fmt: skip
                from_end = to
            hi = mid
