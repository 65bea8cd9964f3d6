"""SIMD lanes for numba: as many numbers as fill one vector register, handled as one value.

LLVM makes vector code of a loop over a short batch only when it can prove much about the arrays;
these types ask for it. A kernel reads like scalar code: `load` takes a group of lanes from an
array, operators act on every lane (a number counts for all of them), `store` puts a group back.
Plain numba takes 1.7 times the CPU time of these on 8 x 400 x 100 with gradient, and 1.1 to 1.4
times on the other shapes (benchmarks/README.md), which is why they are kept. For use inside
``@njit`` functions only. 32 bytes are one AVX register; elsewhere LLVM splits them.

Numba's disk cache looks at a kernel's own file: after a change here, remove ``__pycache__``.
"""

# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

LANE_BYTES = 32
CONTRACT = ("contract", "nsz")  # what may be fused may be fused, nothing else
# 2**x on [-0.5, 0.5]: for float32 the polynomial of least relative error (7.5e-8), for float64 the
# series.
EXP2_32 = (1.0000000717, 0.6931469671, 0.2402211972, 0.0555071327, 0.0096755415, 0.0013276472)
EXP2_64 = tuple(math.log(2) ** k / math.factorial(k) for k in range(14))


class LanesType(types.Type):
    """Type of a group of lanes, float or integer, of 4 or 8 bytes each."""

    def __init__(self, element: Any) -> None:
        self.element = element
        self.count = 8 * LANE_BYTES // element.bitwidth
        super().__init__(name=f"lanes({element})")


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: LanesType) -> None:
        element = manager.lookup(lanes.element).get_value_type()
        super().__init__(manager, lanes, ir.VectorType(element, lanes.count))


def _common(*operands: Any) -> LanesType | None:
    """Type of the lanes among operands that may also be numbers; None if it is not one type."""
    lanes = {operand for operand in operands if isinstance(operand, LanesType)}
    rest = [operand for operand in operands if not isinstance(operand, LanesType | types.Number)]
    return lanes.pop() if len(lanes) == 1 and not rest else None


def _spread(context: Any, builder: Any, lanes: LanesType, given: Any, values: Any) -> list[Any]:
    """Operands as vectors: lanes as they are, a number cast and copied to every lane."""
    vector = context.get_value_type(lanes)
    first = ir.Constant(ir.IntType(32), 0)
    to_all = ir.Constant(ir.VectorType(ir.IntType(32), lanes.count), [0] * lanes.count)
    operands = []
    for kind, value in zip(given, values, strict=True):
        if kind != lanes:
            number = context.cast(builder, value, kind, lanes.element)
            one = builder.insert_element(ir.Constant(vector, ir.Undefined), number, first)
            operands.append(builder.shuffle_vector(one, one, to_all))
        else:
            operands.append(value)
    return operands


def _elementwise(emit: Callable[..., Any], operands: int) -> Any:
    """Intrinsic that turns lanes and numbers into lanes of the same type."""

    def typed(*given: Any) -> Any:
        lanes = _common(*given)
        if lanes is None:
            return None

        def codegen(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            return emit(builder, lanes, *_spread(context, builder, lanes, given, values))

        return lanes(*given), codegen

    if operands == 1:
        return intrinsic(lambda typing, a: typed(a))
    if operands == 2:
        return intrinsic(lambda typing, a, b: typed(a, b))
    return intrinsic(lambda typing, a, b, c: typed(a, b, c))


def _operator(python: Callable[..., Any], of_floats: str, of_integers: str) -> None:
    def emit(builder: Any, lanes: LanesType, x: Any, y: Any) -> Any:
        if isinstance(lanes.element, types.Float):
            return getattr(builder, of_floats)(x, y, flags=CONTRACT)
        return getattr(builder, of_integers)(x, y)

    apply = _elementwise(emit, 2)

    @overload(python)
    def implementation(a, b):
        return (lambda a, b: apply(a, b)) if _common(a, b) else None


_operator(operator.add, "fadd", "add")
_operator(operator.sub, "fsub", "sub")
_operator(operator.mul, "fmul", "mul")
_operator(operator.truediv, "fdiv", "sdiv")
_operator(operator.lshift, "", "shl")
_operator(operator.rshift, "", "lshr")
_operator(operator.and_, "", "and_")
_operator(operator.or_, "", "or_")


def _emit_call(name: str) -> Callable[..., Any]:
    def emit(builder: Any, lanes: LanesType, *values: Any) -> Any:
        vector = values[0].type
        kind = ir.FunctionType(vector, [vector] * len(values))
        full_name = f"llvm.{name}.v{lanes.count}f{lanes.element.bitwidth}"
        function = cgutils.get_or_insert_function(builder.module, kind, full_name)
        return builder.call(function, values)

    return emit


def _emit_larger(builder: Any, lanes: LanesType, x: Any, y: Any) -> Any:
    return builder.select(builder.icmp_signed(">", x, y), x, y)


def _emit_exp2_small(builder: Any, lanes: LanesType, x: Any) -> Any:
    coefficients = EXP2_32 if lanes.element.bitwidth == 32 else EXP2_64
    constants = [ir.Constant(x.type, [c] * lanes.count) for c in coefficients]
    value = constants[-1]
    for constant in constants[-2::-1]:
        value = _emit_call("fmuladd")(builder, lanes, value, x, constant)
    return value


larger = _elementwise(_emit_larger, 2)
"""Larger of two integers."""
nearest = _elementwise(_emit_call("rint"), 1)
"""Nearest whole number, as a float."""
fused = _elementwise(_emit_call("fmuladd"), 3)
"""a * b + c, rounded once where the machine can."""
exp2_small = _elementwise(_emit_exp2_small, 1)
"""2**x for x in [-0.5, 0.5]."""


def _integers(lanes: LanesType) -> LanesType:
    return LanesType(types.int32 if lanes.element.bitwidth == 32 else types.int64)


def _floats(lanes: LanesType) -> LanesType:
    return LanesType(types.float32 if lanes.element.bitwidth == 32 else types.float64)


@intrinsic
def whole(typing: Any, a: Any) -> Any:
    """Floats with whole values as integers."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.fptosi(args[0], context.get_value_type(signature.return_type))

    return _integers(a)(a), codegen


def _emit_bitcast(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    return builder.bitcast(args[0], context.get_value_type(signature.return_type))


@intrinsic
def bits(typing: Any, a: Any) -> Any:
    """Bit patterns of floats, as integers."""
    return _integers(a)(a), _emit_bitcast


@intrinsic
def from_bits(typing: Any, a: Any) -> Any:
    """Floats of bit patterns."""
    return _floats(a)(a), _emit_bitcast


def _place(context: Any, builder: Any, array: Any, value: Any, group: Any, lanes: Any) -> Any:
    data = context.make_array(array)(context, builder, value).data
    first = builder.mul(group, ir.Constant(group.type, lanes.count))
    return builder.bitcast(builder.gep(data, [first]), context.get_value_type(lanes).as_pointer())


@intrinsic
def load(typing: Any, array: Any, group: Any) -> Any:
    """Lanes of group `group` (counted from 0) of a C-contiguous array."""
    lanes = LanesType(array.dtype)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        where = _place(context, builder, array, args[0], args[1], lanes)
        return builder.load(where, align=array.dtype.bitwidth // 8)

    return lanes(array, types.intp), codegen


@intrinsic
def store(typing: Any, array: Any, group: Any, value: Any) -> Any:
    """Write lanes to group `group` of a C-contiguous array of their type."""
    if array.dtype != value.element:
        return None

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        where = _place(context, builder, array, args[0], args[1], value)
        builder.store(args[2], where, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, value), codegen


def lane_count(array: np.ndarray) -> int:
    """Lanes in a group of the array's type."""
    raise NotImplementedError("for kernels")


@overload(lane_count)
def _lane_count(array):
    count = LanesType(array.dtype).count
    return lambda array: count


def integers_like(array: np.ndarray) -> np.ndarray:
    """Uninitialised integers of the width and shape of an array of floats."""
    raise NotImplementedError("for kernels")


@overload(integers_like)
def _integers_like(array):
    kind = np.int32 if array.dtype.bitwidth == 32 else np.int64
    return lambda array: np.empty(array.shape, kind)


def float_format(array: np.ndarray) -> tuple[int, int, int]:
    """Fraction bits, exponent bias and an integer far below all exponents of the array's type."""
    raise NotImplementedError("for kernels")


@overload(float_format)
def _float_format(array):
    layout = (23, 127, -(2**29)) if array.dtype.bitwidth == 32 else (52, 1023, -(2**61))
    return lambda array: layout
