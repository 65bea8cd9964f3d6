"""Soft-DTW on the CPU: the batch in SIMD lanes, sums over paths as mantissa and exponent.

The soft value of a cell is -gamma times the log of the sum, over the paths to it, of
exp(-cost / gamma). Such sums leave the range of floats soon, so each is kept as
mantissa * 2**exponent, the mantissa in [1, 2), the exponent an integer of the same width. A cell
then needs one exponential, that of its own cost, and no logarithm: three such sums are added by
shifting exponents. The share of each predecessor in a cell's sum is kept, and the gradient is the
flow of probability back along these shares.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg,var-annotated"

from __future__ import annotations

import math

import numpy as np
from numba import njit

from vid2vidmr.alignment.lanes import (
    bits,
    exp2_small,
    float_format,
    from_bits,
    fused,
    integers_like,
    lane_count,
    larger,
    load,
    nearest,
    store,
    whole,
)

LIMIT = {np.dtype(np.float32): 2.0**28, np.dtype(np.float64): 2.0**60}
"""What the exponents of a path may add up to."""


def soft_alignment(
    cost: np.ndarray, gamma: float, m: np.ndarray, n: np.ndarray, free: bool, gradient: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Soft-DTW values of a batch and what a random path does, paths weighted exp(-cost / gamma).

    Parameters
    ----------
    cost : ndarray, (B, M, N), float32 or float64, C-contiguous
    m, n : ndarray, (B,), int64
        Valid rows and columns.
    free : bool
        Whether paths start and end at any row.
    gradient : bool
        Whether to compute more than the values.

    Returns
    -------
    value : ndarray, (B,)
        0 for a pair of length 0, nan where a valid cost is nan. Costs beyond some 1e14 gamma count
        as infinite.
    path : ndarray, (B, M, N)
        Probability that the path visits a cell, the gradient of `value`; 0 on padding. Empty
        without `gradient`, like the following.
    start, end : ndarray, (B, M)
        Probability that the path starts and ends at a row.
    """
    M, N = cost.shape[1:]
    found = _run(cost, gamma, m, n, free, gradient)
    if found[0] * (M + N) < LIMIT[cost.dtype]:
        return found[1:]
    # Huge costs, or no numbers at all: wider exponents, infinities as the largest of them.
    rows, columns = np.arange(M)[:, None], np.arange(N)
    valid = (rows < m[:, None, None]) & (columns < n[:, None, None])
    bound = LIMIT[np.dtype(np.float64)] / 2 / (M + N) * gamma * math.log(2)
    wide = np.where(valid, cost, 0).astype(np.float64)
    lost = np.asarray(np.isnan(wide).any(axis=(1, 2)))
    value, *others = _run(
        np.clip(np.nan_to_num(wide, nan=0.0, posinf=bound, neginf=-bound), -bound, bound),
        gamma, m, n, free, gradient,
    )[1:]  # fmt: skip
    value = np.where(np.abs(value) >= bound / 2, np.copysign(np.inf, value), value)
    for array in (value, *others):
        array[lost[: len(array)]] = np.nan
    value, path, start, end = (array.astype(cost.dtype) for array in (value, *others))
    return value, path, start, end


def _run(
    cost: np.ndarray, gamma: float, m: np.ndarray, n: np.ndarray, free: bool, gradient: bool
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Largest exponent of a cell's weight (nan or inf if costs are), and the results."""
    B, M, N = cost.shape
    kept = B if gradient else 0
    value = np.empty(B, cost.dtype)
    path = np.empty((kept, M, N), cost.dtype)
    start, end = np.empty((kept, M), cost.dtype), np.empty((kept, M), cost.dtype)
    factor = float(cost.dtype.type(-1 / (gamma * math.log(2))))
    worst = _align(cost, factor, m, n, free, value, path, start, end)
    return float(worst), value, path, start, end


@njit(cache=True, error_model="numpy")
def pack(cost, first, i, m, n, row):
    """Copy row i of the pairs from `first` on into lanes, (N, lanes); zeros on padding."""
    for lane in range(row.shape[1]):
        b = first + lane
        valid = n[b] if b < cost.shape[0] and i < m[b] else 0
        for j in range(valid):
            row[j, lane] = cost[b, i, j]
        for j in range(valid, row.shape[0]):
            row[j, lane] = 0


@njit(cache=True, error_model="numpy")
def unpack(row, first, i, m, n, out):
    """Copy lanes into row i of the pairs from `first` on; zeros on padding."""
    for b in range(first, min(first + row.shape[1], out.shape[0])):
        valid = n[b] if i < m[b] else 0
        for j in range(valid):
            out[b, i, j] = row[j, b - first]
        out[b, i, valid:] = 0


@njit(cache=True, error_model="numpy")
def _align(cost, factor, m, n, free, value, path, start, end):
    B, M, N = cost.shape
    W = lane_count(cost)
    row = np.empty((N, W), cost.dtype)
    shares = np.empty((3 * M * N if len(path) else 0, W), cost.dtype)
    end_mantissa = np.empty((M, W), cost.dtype)
    end_exponent = integers_like(end_mantissa)
    worst = integers_like(row[0])
    worst[:] = 0
    for first in range(0, B, W):
        last = min(first + W, B)
        rows, columns = m[first:last].max(), n[first:last].max()
        largest = _forward(
            cost, factor, m, n, free, first, rows, columns, row, shares, end_mantissa, end_exponent
        )
        worst[0] = max(worst[0], largest)
        for b in range(first, last):
            value[b] = _combine_ends(
                end_mantissa[:, b - first], end_exponent[:, b - first], m[b], n[b], free, factor
            )
        if len(path):
            _backward(m, n, first, rows, columns, row, shares, end_mantissa, path, start, end)
    return worst[:1].view(cost.dtype)[0]


@njit(cache=True, error_model="numpy")
def _forward(
    cost, factor, m, n, free, first, rows, columns, row, shares, end_mantissa, end_exponent
):
    """Sum over paths, row by row; keep the shares, and the sums where a path may end."""
    fraction_bits, bias, nowhere = float_format(cost)
    fraction, one = (1 << fraction_bits) - 1, bias << fraction_bits
    unsigned = (1 << (fraction_bits + (8 if fraction_bits == 23 else 11))) - 1
    mantissas = np.zeros(row.shape, row.dtype)  # of the row above
    exponents = integers_like(mantissas)
    exponents[:] = nowhere
    zero = load(mantissas, 0)
    no_bits = bits(zero)
    worst = no_bits
    for i in range(rows):
        pack(cost, first, i, m, n, row)
        left_m, left_e = zero, no_bits + nowhere
        diagonal_m, diagonal_e = left_m, left_e
        if i == 0 or free:  # a path starts here
            diagonal_m, diagonal_e = zero + 1, no_bits
        for j in range(columns):
            up_m, up_e = load(mantissas, j), load(exponents, j)
            x = load(row, j)
            rounded = nearest(x * factor)
            worst = larger(worst, bits(rounded) & unsigned)  # as patterns: nan is above inf
            e = larger(larger(diagonal_e, up_e), left_e)
            diagonal = diagonal_m * from_bits(larger(diagonal_e - e + bias, 0) << fraction_bits)
            up = up_m * from_bits(larger(up_e - e + bias, 0) << fraction_bits)
            left = left_m * from_bits(larger(left_e - e + bias, 0) << fraction_bits)
            total = diagonal + up + left
            if len(shares):
                inverse = 1 / total
                at = 3 * (i * columns + j)
                store(shares, at, diagonal * inverse)
                store(shares, at + 1, left * inverse)
                store(shares, at + 2, up * inverse)
            # Times 2**(x * factor): the fused fraction stays exact when the exponent is large.
            product = bits(total * exp2_small(fused(x, factor, rounded * -1)))
            diagonal_m, diagonal_e = up_m, up_e
            left_m = from_bits((product & fraction) | one)
            left_e = e + whole(rounded) + (product >> fraction_bits) - bias
            store(mantissas, j, left_m)
            store(exponents, j, left_e)
        for b in range(first, min(first + row.shape[1], len(m))):
            if n[b] > 0 and (i == m[b] - 1 or (free and i < m[b])):
                end_mantissa[i, b - first] = mantissas[n[b] - 1, b - first]
                end_exponent[i, b - first] = exponents[n[b] - 1, b - first]
    store(exponents, 0, worst)
    return exponents[0].max()


@njit(cache=True, error_model="numpy")
def _combine_ends(mantissa, exponent, m, n, free, factor):
    """Value of one pair; `mantissa` becomes the probability that the path ends at each row."""
    if m <= 0 or n <= 0:
        mantissa[:] = 0
        return 0.0
    first = 0 if free else m - 1
    mantissa[:first] = 0
    mantissa[m:] = 0
    highest = exponent[first]
    for i in range(first, m):
        highest = max(highest, exponent[i])
    total = 0.0
    for i in range(first, m):
        mantissa[i] *= 2.0 ** (exponent[i] - highest)
        total += mantissa[i]
    for i in range(first, m):
        mantissa[i] /= total
    return (math.log2(total) + highest) / factor


@njit(cache=True, error_model="numpy")
def _backward(m, n, first, rows, columns, row, shares, ends, path, start, end):
    """Let the probability of the ends flow back along the shares."""
    flow = np.zeros(row.shape, row.dtype)  # into the row, from the row below
    zero = load(flow, 0)
    last = min(first + row.shape[1], len(m))
    for i in range(path.shape[1] - 1, -1, -1):
        for b in range(first, last):
            end[b, i] = ends[i, b - first]
            if i < m[b] and n[b] > 0:
                flow[n[b] - 1, b - first] += end[b, i]
        if i < rows:
            from_right, from_below_right = zero, zero
            for j in range(columns - 1, -1, -1):
                visits = load(flow, j) + from_right
                at = 3 * (i * columns + j)
                store(flow, j, fused(visits, load(shares, at + 2), from_below_right))
                from_below_right = visits * load(shares, at)
                from_right = visits * load(shares, at + 1)
                store(row, j, visits)
            unpack(row, first, i, m, n, path)
            store(row, 0, from_below_right)
            for b in range(first, last):
                start[b, i] = row[0, b - first]
        else:
            path[first:last, i] = 0
            start[first:last, i] = 0
