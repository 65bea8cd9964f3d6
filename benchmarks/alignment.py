"""Soft-DTW and hard paths beside pysdtw, tslearn, dDTW, librosa, dtaidistance and a C++ limit.

CPU time, one thread.

Run ``python benchmarks/alignment.py`` (dev extra; g++ for the limit).
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

# Threads of numba's, which pysdtw and tslearn start, would spin while others are measured.
os.environ["OMP_NUM_THREADS"] = os.environ["NUMBA_NUM_THREADS"] = "1"

import numpy as np
import torch
from measure import medians, print_table
from rich.console import Console
from rich.table import Table

from vid2vidmr.alignment import paths as ours
from vid2vidmr.alignment import soft_dtw, subsequence_dtw

SHAPES = ((32, 75, 8), (32, 200, 30), (8, 400, 100), (256, 75, 8))
PAIRS = ((10_800, 8), (10_800, 30))
GAMMA = 0.1
ROUNDS, REPEAT = 9, 3
Timed = tuple[Callable[[], object], Callable[[], object]]


def with_gradient(value: Callable[[torch.Tensor], torch.Tensor], cost: torch.Tensor) -> Timed:
    """Give a call for the value, and one for value and gradient."""
    leaf = cost.clone().requires_grad_()

    def both() -> None:
        leaf.grad = None
        value(leaf).sum().backward()

    return lambda: value(cost), both


def diagonals(cost: torch.Tensor) -> Timed:
    """Our path for other devices, on the CPU."""

    def on_device(x: torch.Tensor) -> torch.Tensor:
        way, ours.way = ours.way, lambda cost: "torch"
        try:
            return soft_dtw(x, GAMMA)
        finally:
            ours.way = way

    return with_gradient(on_device, cost)


def pysdtw_on(cost: torch.Tensor) -> Timed:
    """Wrap pysdtw, given the costs."""
    from pysdtw import SoftDTW

    layer = SoftDTW(gamma=GAMMA, dist_func=lambda x, y: x, use_cuda=False)
    y = torch.zeros(len(cost), cost.shape[2], cost.shape[2])
    return with_gradient(lambda x: layer(x, y), cost)


def tslearn_on(cost: torch.Tensor) -> Timed:
    """Wrap tslearn, given the costs."""
    from tslearn.metrics import SoftDTWLossPyTorch

    layer = SoftDTWLossPyTorch(gamma=GAMMA, dist_func=lambda x, y: x)
    y = torch.zeros(len(cost), cost.shape[2], cost.shape[2])
    return with_gradient(lambda x: layer(x, y), cost)


def ddtw_on(cost: torch.Tensor) -> Timed:
    """Wrap dDTW, given the costs; its value is the mean over the batch, divided by M."""
    from ddtw import SDTW

    layer = SDTW(gamma=GAMMA, backend="cpu_numba")
    mean = float(soft_dtw(cost, GAMMA).mean()) / cost.shape[1]
    np.testing.assert_allclose(float(layer(C=cost)), mean, rtol=1e-3)
    return with_gradient(lambda x: layer(C=x), cost)


def hard_paths() -> dict[str, list[float]]:
    """Median CPU ms of the best subsequence path's ends of one pair, by implementation."""
    from dtaidistance.subsequence.dtw import subsequence_alignment
    from librosa.sequence import dtw
    from tslearn.metrics import dtw_subsequence_path

    found: dict[str, list[float]] = {}
    for M, N in PAIRS:
        random = np.random.default_rng(0)
        query, target = random.random((N, 1)), random.random((M, 1))
        cost = np.abs(target - query.T)
        sides = {
            "ours": lambda c=cost: subsequence_dtw(c),
            "librosa": lambda c=cost: dtw(C=c.T, subseq=True),
            "tslearn": lambda q=query, t=target: dtw_subsequence_path(q, t),
            "dtaidistance": lambda q=query, t=target: (
                subsequence_alignment(q[:, 0], t[:, 0], use_c=True).best_match().segment
            ),
        }
        for name, ms in medians(sides).items():
            found.setdefault(name, []).append(ms)
    return found


def compiled_limit() -> Callable[[torch.Tensor], Timed] | None:
    """Compile the recursion in C++ with libmvec, for batches without padding; None without g++."""
    if shutil.which("g++") is None:
        return None
    source = Path(__file__).with_name("alignment_limit.cpp")
    library = Path(tempfile.mkdtemp()) / "limit.so"
    flags = ["-O3", "-march=native", "-ffast-math", "-fopenmp-simd", "-shared", "-fPIC"]
    subprocess.run(["g++", *flags, str(source), "-o", str(library), "-lmvec", "-lm"], check=True)
    function = ctypes.CDLL(str(library)).soft_dtw
    pointer = ctypes.POINTER(ctypes.c_float)

    def at(array: np.ndarray | None) -> object:
        return None if array is None else array.ctypes.data_as(pointer)

    def timed(cost: torch.Tensor) -> Timed:
        B, M, N = cost.shape
        values = np.empty(B, np.float32)

        def run(gradient: bool) -> np.ndarray:
            lanes = cost.permute(1, 2, 0).contiguous().numpy()
            out = np.empty((M, N, B), np.float32) if gradient else None
            function(at(lanes), at(values), at(out), B, M, N, ctypes.c_float(GAMMA))
            return values

        run(True)
        expected = soft_dtw(cost.double(), GAMMA).numpy()
        np.testing.assert_allclose(values, expected, rtol=1e-3, atol=1e-3)
        return lambda: run(False), lambda: run(True)

    return timed


def measure(calls: dict[str, Timed]) -> dict[str, tuple[float, float]]:
    """Median CPU ms of both calls of each, all interleaved."""
    times: dict[tuple[str, int], list[float]] = {(n, i): [] for n in calls for i in (0, 1)}
    for _ in range(ROUNDS):
        for name, pair in calls.items():
            for i, call in enumerate(pair):
                call()  # compiles at first, and finds the memory that the one before left behind
                start = time.process_time()
                for _ in range(REPEAT):
                    call()
                times[name, i].append(1e3 * (time.process_time() - start) / REPEAT)
    return {n: tuple(float(np.median(times[n, i])) for i in (0, 1)) for n in calls}  # type: ignore[misc]


def main() -> None:
    torch.set_num_threads(1)
    limit = compiled_limit()
    table = Table(title="Soft-DTW, float32, gamma 0.1, CPU ms: value / value + gradient")
    table.add_column("implementation")
    columns = []
    for shape in SHAPES:
        cost = torch.rand(shape, generator=torch.Generator().manual_seed(0))
        calls = {
            "ours (numba)": with_gradient(lambda x: soft_dtw(x, GAMMA), cost),
            "ours (torch anti-diagonals)": diagonals(cost),
            "pysdtw": pysdtw_on(cost),
            "tslearn": tslearn_on(cost),
            "ddtw": ddtw_on(cost),
        }
        if limit is not None:
            calls["C++ (libmvec)"] = limit(cost)
        columns.append(measure(calls))
        table.add_column(" x ".join(map(str, shape)), justify="right")
    for name in columns[0]:
        table.add_row(name, *(f"{c[name][0]:.2f} / {c[name][1]:.2f}" for c in columns))
    peers = ("pysdtw", "tslearn", "ddtw")
    ratios = [min(c[peer][1] for peer in peers) / c["ours (numba)"][1] for c in columns]
    table.add_row("best peer / ours, with gradient", *(f"{ratio:.1f} x" for ratio in ratios))
    if limit is not None:
        shares = [c["ours (numba)"][1] / c["C++ (libmvec)"][1] for c in columns]
        table.add_row("ours / C++, with gradient", *(f"{share:.1f} x" for share in shares))
    Console(width=110).print(table)
    heads = ["one hard subsequence path, CPU ms", *(f"{M:,} x {N}" for M, N in PAIRS)]
    print_table(heads, ((n, *(f"{x:.2f}" for x in ms)) for n, ms in hard_paths().items()))


if __name__ == "__main__":
    main()
