"""The recursions "prob" and Drop-DTW for CPUs, compiled by numba once and cached on disk.

The batch is the last axis: the innermost loop runs over pairs that do not depend on each other,
which the compiler turns into SIMD instructions. Costs come divided by gamma. A forward kernel also
leaves how much of a cell comes from each predecessor (`shares`), so that the backward kernel is the
same for all recursions and needs no exponentials.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,call-arg"

from __future__ import annotations

import numpy as np
from numba import njit, types
from numba.extending import overload, register_jitable

BIG = 1e15
"""Stands for infinity: its differences stay finite."""


@register_jitable
def _exp32(x):
    """Give exp of x <= 0 to 2e-7, of products and sums only: it runs in SIMD lanes."""
    t = max(x, np.float32(-80)) * np.float32(1.44269504)
    n = np.int32(t - np.float32(0.5))  # nearest whole number: t <= 0, and int() cuts towards 0
    # n log 2 in two parts, the first of which has few digits: nothing is lost in the difference.
    f = (max(x, np.float32(-80)) - np.float32(n) * np.float32(0.693359375)) + np.float32(
        n
    ) * np.float32(2.12194440e-4)
    p = np.float32(1 / 720)
    p = p * f + np.float32(1 / 120)
    p = p * f + np.float32(1 / 24)
    p = p * f + np.float32(1 / 6)
    p = p * f + np.float32(0.5)
    p = p * f + np.float32(1)
    p = p * f + np.float32(1)
    return p * np.int32((n + np.int32(127)) << np.int32(23)).view(np.float32)


@register_jitable
def _log32(s):
    """Give log of 1 <= s <= 4 to 2e-7: atanh series about 2."""
    y = (s - np.float32(2)) / (s + np.float32(2))
    z = y * y
    p = np.float32(2 / 11)
    p = p * z + np.float32(2 / 9)
    p = p * z + np.float32(2 / 7)
    p = p * z + np.float32(2 / 5)
    p = p * z + np.float32(2 / 3)
    p = p * z + np.float32(2)
    return p * y + np.float32(0.69314718)


def _exp(x):
    """Give exp of x <= 0 in the type of x."""
    return np.exp(x)


@overload(_exp, inline="always")
def _overload_exp(x):
    return (lambda x: _exp32(x)) if x == types.float32 else (lambda x: np.exp(x))


def _log(x):
    """Give log of 1 <= x <= 4 in the type of x."""
    return np.log(x)


@overload(_log, inline="always")
def _overload_log(x):
    return (lambda x: _log32(x)) if x == types.float32 else (lambda x: np.log(x))


@njit(cache=True, fastmath={"contract", "reassoc", "nsz", "arcp"}, error_model="numpy")
def backward(shares, seeds, n):
    """How much of the end values passes through each cell.

    Parameters
    ----------
    shares : ndarray, (3, M, N, B)
    seeds : ndarray, (M, B)
        Gradient of the values in the last column of every pair.
    n : ndarray, (B,)

    Returns
    -------
    flow : ndarray, (M, N, B)
    """
    _, M, N, B = shares.shape
    flow = np.empty((M, N, B), shares.dtype)
    zeros = np.zeros(B, shares.dtype)
    for i in range(M - 1, -1, -1):
        for j in range(N - 1, -1, -1):
            below, right = i + 1 < M, j + 1 < N
            # A predecessor's share belongs to the cell that it leads to.
            a = shares[0, i + 1, j + 1] if below and right else zeros
            b = shares[1, i, j + 1] if right else zeros
            c = shares[2, i + 1, j] if below else zeros
            from_a = flow[i + 1, j + 1] if below and right else zeros
            from_b = flow[i, j + 1] if right else zeros
            from_c = flow[i + 1, j] if below else zeros
            out = flow[i, j]
            for k in range(B):
                out[k] = a[k] * from_a[k] + b[k] * from_b[k] + c[k] * from_c[k]
            for k in range(B):
                if n[k] == j + 1:
                    out[k] += seeds[i, k]
    return flow


@njit(cache=True, fastmath={"contract", "reassoc", "nsz", "arcp"}, error_model="numpy")
def prob_forward(x, n):
    """Recursion of the published MATR code: a cell adds the softmin-weighted mean of the three.

    Parameters
    ----------
    x : ndarray, (M, N, B)
        Costs / gamma.
    n : ndarray, (B,)
        Columns of each pair.

    Returns
    -------
    ends : ndarray, (M, B)
        Value / gamma of the paths that end in each row.
    shares : ndarray, (3, M, N, B)
        Shares of the predecessors (diagonal, left, up); derivatives here, which may be negative.
    """
    M, N, B = x.shape
    shares = np.empty((3, M, N, B), x.dtype)
    ends = np.empty((M, B), x.dtype)
    big = x.dtype.type(BIG)
    one, zero = x.dtype.type(1), x.dtype.type(0)
    last = np.full((N + 1, B), big, x.dtype)
    this = np.full((N + 1, B), big, x.dtype)
    for i in range(M):
        last[0, :] = zero if i == 0 else big
        for j in range(N):
            a, b, c = last[j], this[j], last[j + 1]
            out, cost = this[j + 1], x[i, j]
            diagonal, left, up = shares[0, i, j], shares[1, i, j], shares[2, i, j]
            for k in range(B):
                low = min(a[k], min(b[k], c[k]))
                p, q, r = _exp(low - a[k]), _exp(low - b[k]), _exp(low - c[k])
                inverse = one / (p + q + r)
                # Distances from the lowest, so that what is far away weighs exactly nothing.
                mean = (p * (a[k] - low) + q * (b[k] - low) + r * (c[k] - low)) * inverse
                out[k] = cost[k] + low + mean
                diagonal[k] = p * inverse * (one + mean - (a[k] - low))
                left[k] = q * inverse * (one + mean - (b[k] - low))
                up[k] = r * inverse * (one + mean - (c[k] - low))
        for k in range(B):
            ends[i, k] = this[n[k], k]
        last, this = this, last
        this[0, :] = big
    return ends, shares


@njit(cache=True, fastmath={"contract", "reassoc", "nsz", "arcp"}, error_model="numpy")
def drop_forward(x, drop, n):
    """Soft Drop-DTW: a row may be dropped at a cost instead of being matched.

    Parameters
    ----------
    x : ndarray, (M, N, B)
    drop : ndarray, (M, B)
        Cost of dropping each row / gamma.
    n : ndarray, (B,)

    Returns
    -------
    ends : ndarray, (M, B)
    shares : ndarray, (3, M, N, B)
    dropped : ndarray, (M, N, B)
        The part of `up` that drops the row.
    """
    M, N, B = x.shape
    shares = np.empty((3, M, N, B), x.dtype)
    dropped = np.empty((M, N, B), x.dtype)
    ends = np.empty((M, B), x.dtype)
    big = x.dtype.type(BIG)
    one = x.dtype.type(1)
    begin = np.zeros(B, x.dtype)  # all rows above are dropped
    last = np.full((N + 1, B), big, x.dtype)
    this = np.full((N + 1, B), big, x.dtype)
    for i in range(M):
        last[0, :] = begin
        for j in range(N):
            a, b, c = last[j], this[j], last[j + 1]
            out, cost, without = this[j + 1], x[i, j], drop[i]
            diagonal, left, up = shares[0, i, j], shares[1, i, j], shares[2, i, j]
            by_drop = dropped[i, j]
            for k in range(B):
                matched = cost[k]
                va, vb, vc = a[k] + matched, b[k] + matched, c[k] + matched
                vd = c[k] + without[k]
                low = min(min(va, vb), min(vc, vd))
                p, q, r, s = _exp(low - va), _exp(low - vb), _exp(low - vc), _exp(low - vd)
                total = p + q + r + s
                inverse = one / total
                out[k] = low - _log(total)
                diagonal[k] = p * inverse
                left[k] = q * inverse
                up[k] = (r + s) * inverse
                by_drop[k] = s * inverse
        for k in range(B):
            ends[i, k] = this[n[k], k]
            begin[k] += drop[i, k]
        last, this = this, last
        this[0, :] = big
    return ends, shares, dropped
