"""Triton's interpreter in a second instead of a minute; imported before kernels run in it.

It takes a scan element by element; here it is a tree, as on a GPU, by the same function of the
kernel. Integers are not checked for overflow, and Triton is not patched again in each inner call.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from triton.runtime import interpreter

_call = interpreter.InterpretedFunction.__call__


def _scan(self: Any, parts: tuple) -> list:
    """Inclusive scan in log steps."""
    arrays, types = [part.handle.data for part in parts], [part.dtype for part in parts]
    step = 1
    while step < arrays[0].size:
        right, left = (
            [self.to_tensor(x, kind) for x, kind in zip(side, types, strict=True)]
            for side in (arrays, [np.roll(x, step) for x in arrays])
        )
        joined = self.combine_fn.fn(*left, *right)
        arrays = [
            np.concatenate([x[:step], y.handle.data[step:]])
            for x, y in zip(arrays, joined, strict=True)
        ]
        step *= 2
    return [self.to_tensor(x, kind) for x, kind in zip(arrays, types, strict=True)]


def _inner_call(self: Any, *arguments: Any, **options: Any) -> Any:
    if self.fn.__module__.startswith("vid2vidmr"):
        return self.rewrite()(*arguments, **options)
    return _call(self, *arguments, **options)


interpreter.ScanOps.generic_scan = _scan
interpreter.InterpretedFunction.__call__ = _inner_call
interpreter.interpreter_builder.options = replace(
    interpreter.interpreter_builder.options, sanitize_overflow=False
)
