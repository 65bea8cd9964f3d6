"""CPU time of a training step of each model at the published sizes, and what it is spent on.

Run by hand: ``OMP_NUM_THREADS=1 python benchmarks/models.py [METHOD...]``. Random features, full
targets and queries; sides in turn in one process, medians of CPU time.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from measure import medians, print_table
from steps import SQUARE, M, N, Stepper, large_product, product_rate, profiled, random_batch

from baselines.cg_detr import CgDetr
from baselines.cgbm import Cgbm
from baselines.matr import Matr
from baselines.moment_detr import MomentDetr
from baselines.qd_detr import QdDetr
from baselines.univtg import UniVtg

METHODS = {m.info.name: m for m in (MomentDetr, QdDetr, UniVtg, CgDetr, Cgbm, Matr)}
PUBLISHED_MS = {"moment_detr": 683, "qd_detr": 1876, "univtg": 950, "cg_detr": 3581}
"""The published code at the same sizes, on another machine."""
D, BATCH = 256, 32

INSIDE = frozenset({
    "aten::mm", "aten::addmm", "aten::bmm", "aten::baddbmm",
    "aten::mkldnn_convolution", "aten::convolution_backward",
    "aten::mkldnn_rnn_layer", "aten::mkldnn_rnn_layer_backward",
    "aten::_scaled_dot_product_flash_attention_for_cpu",
    "aten::_scaled_dot_product_flash_attention_for_cpu_backward",
})  # fmt: skip
"""Matrix products (those of attention too), convolutions and LSTMs: their own time counts as such.

Copies before a product, softmax, masks and dropout of attention do not.
"""
GROUPS = (
    ("optimizer", ("Optimizer.",)),
    ("clipping", ("clip",)),
    ("losses", ("losses",)),
    ("dropout", ("dropout", "Dropout", "bernoulli")),
    ("normalisation", ("layer_norm", "LayerNorm")),
    ("softmax", ("softmax", "Softmax")),
    ("attention besides", ("scaled_dot_product",)),
    ("linear besides", ("::linear", "mm", "matmul")),
    ("convolution besides", ("conv",)),
    ("activations", ("relu", "gelu", "tanh", "sigmoid", "clamp_min")),
    ("gradients added up", ("AccumulateGrad",)),
    ("joins and copies", ("cat", "copy_", "clone", "stack")),
    ("sums and products", ("add", "sub", "mul", "div", "sum", "mean")),
)
"""Of the rest, for `profiled`; "besides" is what goes with products: copies, biases, masks."""


def share(stepper: Stepper, rounds: int = 5) -> tuple[float, float, list[tuple[str, float]]]:
    """Percent of time outside of `INSIDE`: median and half range; the largest groups, (name, %)."""
    batch = random_batch(BATCH)
    shares, times = [], Counter[str]()
    for _ in range(rounds):
        found = profiled(stepper, batch, GROUPS, INSIDE, steps=1)
        total = sum(found.values())
        shares.append(100 * sum(t for name, t in found.items() if name not in INSIDE) / total)
        times.update({name: 100 * t / total / rounds for name, t in found.items()})
    largest = [(name, t) for name, t in times.most_common() if name not in INSIDE]
    shares.sort()
    return shares[rounds // 2], (shares[-1] - shares[0]) / 2, largest


def main() -> None:
    """Print the tables."""
    batch = random_batch(BATCH)
    steppers = {
        name: Stepper(METHODS[name](replace(METHODS[name].presets["paper"], d=D)))
        for name in sys.argv[1:] or METHODS
    }
    sides: dict[str, Callable[[], Any]] = {
        name: lambda stepper=stepper: stepper.step(batch) for name, stepper in steppers.items()
    }
    ms = medians({"product": large_product(), **sides})
    rows = []
    for name, stepper in steppers.items():
        gflop = stepper.gflop(batch)
        outside, spread, largest = share(stepper)
        rows.append(
            (
                name,
                f"{stepper.parameters / 1e6:.1f}",
                f"{gflop:.0f}",
                f"{ms[name]:.0f}",
                PUBLISHED_MS.get(name, ""),
                f"{1e3 * gflop / ms[name]:.0f}",
                f"{outside:.0f} ± {spread:.0f}",
                ", ".join(f"{title} {percent:.1f}" for title, percent in largest[:3]),
            )
        )
    print_table(
        ["", "M weights", "GFLOP", "CPU ms", "published", "GFLOP/s", "outside, %", "of it"],
        rows,
        f"preset paper, d {D}, batch {BATCH}, M {M}, N {N}; one product of {SQUARE} x {SQUARE} "
        f"matrices: {product_rate(ms['product']):.0f} GFLOP/s",
    )


if __name__ == "__main__":
    main()
