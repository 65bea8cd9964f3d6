"""What the benchmarks share: paired CPU time, peak memory, fresh processes, a Markdown table."""

from __future__ import annotations

import ctypes
import gc
import resource
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from vid2vidmr.tables.files import markdown_table

ROUNDS = 5


def cpu_s(work: Callable[[], Any]) -> float:
    """Seconds of CPU, of this process and of the children that it waits for."""

    def used() -> float:
        child = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.process_time() + child.ru_utime + child.ru_stime

    started = used()
    work()
    return used() - started


def medians(sides: Mapping[str, Callable[[], Any]], rounds: int = ROUNDS) -> dict[str, float]:
    """Median CPU time of each side in ms, the sides in turn, after one round to warm up."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds + 1):
        for name, work in sides.items():
            times[name].append(1e3 * cpu_s(work))
    return {name: median(values[1:]) for name, values in times.items()}


def peak_mb() -> float:
    """Most memory of this process since `reset_peak`, MB (Linux); not that of its parent."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def settled_mb() -> float:
    """Memory of this process once what it freed is given back, MB (Linux, glibc)."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def reset_peak() -> None:
    """Start measuring the most memory anew (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def in_process(work: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function in a process of its own, as memory that was freed still counts."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def print_table(heads: list[str], rows: Iterable[Sequence[object]], title: str = "") -> None:
    """Print Markdown: the first column to the left, the others to the right."""
    if title:
        print(f"\n{title}\n")
    print(*markdown_table(heads, ([str(cell) for cell in row] for row in rows), texts=1), sep="\n")
