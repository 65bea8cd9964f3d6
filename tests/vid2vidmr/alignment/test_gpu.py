"""The Triton kernels: in the interpreter, compiled for a GPU without one, and on one."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

CASES = Path(__file__).with_name("kernels_of_gpus.py")
needs_triton = pytest.mark.skipif(find_spec("triton") is None, reason="there is no triton here")


def run_cases(**environment: str) -> None:
    """Run the cases in a process of their own: Triton looks at its environment when imported."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(CASES)]
    done = subprocess.run(
        command, env=os.environ | environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


@needs_triton
def test_kernels_in_the_interpreter() -> None:
    run_cases(TRITON_INTERPRET="1")


@pytest.mark.gpu
def test_kernels_on_the_device() -> None:
    run_cases()


@needs_triton
@pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") == "1", reason="nothing is compiled")
def test_kernels_compile_for_a_gpu() -> None:
    """The interpreter takes what a compiler does not; this needs no device."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from vid2vidmr.alignment import triton_hard, triton_soft

    kinds = {
        **dict.fromkeys(("m", "n"), "*i64"),
        **dict.fromkeys(("begin_e", "powers", "tops", "starts", "firsts"), "*i32"),
        **dict.fromkeys(("high", "low", "most", "scale"), "fp32"),
        **dict.fromkeys(("sb", "si", "sj", "db", "M", "N", "work", "rest"), "i32"),
        **dict.fromkeys(("edges", "width"), "i32"),
    }
    constants = {"FORM": 2, "MANY": True, "BLOCK": 32}
    for kernel in (triton_soft.ends, triton_soft.shares, triton_hard.ends):
        signature = {
            name: "constexpr" if name in constants else kinds.get(name, "*fp32")
            for name in kernel.arg_names
        }
        at = {(i,): constants[name] for i, name in enumerate(signature) if name in constants}
        source = ASTSource(fn=kernel, signature=signature, constexprs=at)
        made = triton.compile(source, GPUTarget("cuda", 90, 32), {"num_warps": 1, "num_stages": 1})
        assert made.asm["cubin"]
