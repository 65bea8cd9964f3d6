"""CPU time and memory of every method on many targets of one query, and on long targets.

``OMP_NUM_THREADS=1 python benchmarks/targets.py many|long [METHOD...]``, by hand. Rows are those
of `archive.py`; networks have random weights, preset ``small`` where there is one. Methods that can
take statistics of what is searched have them, as in an archive.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from archive import DIM, contract, match
from measure import cpu_s, peak_mb, print_table, reset_peak, settled_mb

from vid2vidmr.alignment import Components
from vid2vidmr.data.pairs import PairSet, pair_table
from vid2vidmr.features.store import MemoryFeatures
from vid2vidmr.methods.load import method_class
from vid2vidmr.registry import registered_names

CONTRACT = contract(DIM)
TARGETS, ROWS, QUERY, ROUNDS = 1000, 75, 8, 3
LENGTHS = 75, 450, 1800, 3600, 7200, 10_800
LONG = 1800
"""From so many rows on the exponent is fitted: before, what is done once a pair counts."""


@cache
def rows(matches: int) -> np.ndarray:
    """Rows of so many matches."""
    return np.concatenate([match(i) for i in range(matches)]).astype(np.float32)


def asked(*lengths: int) -> PairSet:
    """One query, which lies in no target, of targets of these lengths, cut from one long video."""
    ends = np.cumsum(lengths)
    features = MemoryFeatures(
        CONTRACT, {"q": match(10**6)[:QUERY].astype(np.float32), "t": rows(-(-ends[-1] // 3600))}
    )
    table = pair_table(
        [str(i) for i in range(len(lengths))], "q", "t", query_s=(np.nan, np.nan),
        clip_s=(2.0 * (ends - lengths), 2.0 * ends), truth_s=(np.nan, np.nan),
    )  # fmt: skip
    return PairSet(table, "test", features=features)


def methods(names: list[str]) -> Iterator[tuple[str, Any]]:
    """Methods that compare features, ready to predict."""
    statistics = Components.of(rows(1), 64)
    for name in names or registered_names("method"):
        cls: Any = method_class(name)
        if not cls.info.needs_features:
            continue
        torch.manual_seed(0)
        method = cls(cls.presets.get("small"))
        if cls.has_weights:
            method.prepare(CONTRACT, None)
        method.acquaint(statistics)
        yield name, method


def cost(method: Any, pairs: PairSet) -> tuple[float, float]:
    """CPU seconds and own MB of a prediction: the least of `ROUNDS`."""
    found = []
    for _ in range(ROUNDS):
        before = settled_mb()
        reset_peak()
        found.append((cpu_s(lambda: list(method.predict(pairs))), peak_mb() - before))
    seconds, memory = zip(*found, strict=True)
    return min(seconds), min(memory)


def many(names: list[str]) -> None:
    """One query of many targets."""
    pairs, few = asked(*[ROWS] * TARGETS), asked(*[ROWS] * 64)
    table = []
    for name, method in methods(names):
        list(method.predict(few))
        table.append([name, f"{cost(method, pairs)[0]:.2f}"])
    print_table(["method", "CPU s"], table, f"One query of {QUERY} rows, {TARGETS:,} of {ROWS}")


def long(names: list[str]) -> None:
    """Single targets of growing length."""
    table = []
    for name, method in methods(names):
        list(method.predict(asked(ROWS)))
        seconds, memory = np.array([cost(method, asked(length)) for length in LENGTHS]).T
        fitted = [i for i, length in enumerate(LENGTHS) if length >= LONG]
        of_rows = np.log(np.array(LENGTHS)[fitted])
        slope = np.polyfit(of_rows, np.log(seconds[fitted]), 1)[0]
        cells = (f"{1e3 * s:.0f} / {mb:.0f}" for s, mb in zip(seconds, memory, strict=True))
        table.append([name, *cells, f"{slope:.2f}"])
    heads = ["method", *(f"{length:,}" for length in LENGTHS), "exponent"]
    print_table(heads, table, f"A query of {QUERY} rows in one target of so many: CPU ms / own MB")


def main() -> None:
    """Run what was asked for."""
    torch.set_num_threads(1)
    parts = {"many": many, "long": long}
    if len(sys.argv) < 2 or sys.argv[1] not in parts:
        sys.exit(f"Say what to measure: {' or '.join(parts)}, and methods if not all.")
    parts[sys.argv[1]](sys.argv[2:])


if __name__ == "__main__":
    main()
