"""Numbers of any size for Triton kernels: a mantissa in [1, 2) and a power of 2.

As in `vid2vidmr.alignment.soft_kernel`, of which the kernels here are the form for GPUs. What
cannot be reached has the power `NOWHERE`, and so has what is smaller still.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call,untyped-decorator"

from __future__ import annotations

import math
import struct

import triton
import triton.language as tl

NOWHERE = tl.constexpr(-(1 << 29))


def factors(gamma: float) -> tuple[float, float]:
    """-1 / (gamma log 2) in two parts, the first of 12 bits: products with 12 bits are exact."""
    factor = -1 / (gamma * math.log(2))
    [bits] = struct.unpack("<i", struct.pack("<f", factor))
    [high] = struct.unpack("<f", struct.pack("<i", bits & -4096))
    return high, factor - high


@triton.jit
def power(k):
    """2 ** k in float32, 0 where that is too small."""
    return (tl.maximum(k + 127, 0) << 23).to(tl.float32, bitcast=True)


@triton.jit
def normal(m, e):
    """Bring a positive mantissa back to [1, 2)."""
    bits = m.to(tl.int32, bitcast=True)
    e = tl.maximum(e + (bits >> 23) - 127, NOWHERE)
    return ((bits & 0x7FFFFF) | 0x3F800000).to(tl.float32, bitcast=True), e


@triton.jit
def add(am, ae, bm, be):
    """Sum of two numbers; the mantissa may reach 4."""
    e = tl.maximum(ae, be)
    return am * power(ae - e) + bm * power(be - e), e


@triton.jit
def weight(cost, high, low, most):
    """exp(-cost / gamma), of powers up to `most`."""
    x = cost.to(tl.float32)
    # The fraction stays exact when the power is large, without a fused product.
    top = (x.to(tl.int32, bitcast=True) & -4096).to(tl.float32, bitcast=True)
    whole = tl.floor(x * high + x * low + 0.5)
    whole = tl.minimum(tl.maximum(whole, 1.0 * NOWHERE), most)
    part = (top * high - whole) + (top * low + (x - top) * (high + low))
    return normal(tl.exp2(tl.minimum(tl.maximum(part, -1.0), 1.0)), whole.to(tl.int32))


@triton.jit
def linear(am, ae, bm, be, cm, ce, dm, de):
    """Compose x -> a x + b with x -> c x + d after it."""
    m, e = add(bm * cm, be + ce, dm, de)
    m, e = normal(m, e)
    am, ae = normal(am * cm, ae + ce)
    return am, ae, m, e
