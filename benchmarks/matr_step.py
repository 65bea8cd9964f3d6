"""CPU time of a training step of MATR: share of alignment, profile, memory, loading of data.

Run by hand: ``OMP_NUM_THREADS=1 python benchmarks/matr_step.py [DATASET]``. With a built data set
that has simulated features it also measures what comes before the steps. Sides in turn in one
process, medians of CPU time.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from steps import (
    DIM,
    SQUARE,
    M,
    N,
    Stepper,
    cpu_s,
    large_product,
    medians,
    product_rate,
    profiled,
    random_batch,
)
from torch import Tensor
from torch.profiler import record_function

from baselines.matr import Matr
from baselines.matr import losses as matr_losses
from baselines.matr import model as matr_model
from vid2vidmr.alignment import prob_dtw
from vid2vidmr.data.dataset import Dataset, load_dataset
from vid2vidmr.features.store import open_features
from vid2vidmr.nn.clips import clips_centred_in
from vid2vidmr.train.augment import TrainingSamples
from vid2vidmr.train.batch import collate
from vid2vidmr.train.projection import principal_components
from vid2vidmr.train.sampling import epoch_batches
from vid2vidmr.train.trainer import fit

ALIGNMENTS = ("soft-dtw", "drop-dtw", "tcc", "subsequence", "posterior")


def plain_alignment(cost: Tensor, gamma: float = 0.1) -> Tensor:
    """Compute the "prob" recursion cell by cell in torch, as the published code does, (B,).

    The columns are repeated to the target's length, autograd differentiates.
    """
    cost = cost.repeat_interleave(-(-cost.shape[1] // cost.shape[2]), 2)
    far = torch.full_like(cost[:, 0, 0], 1e9)
    above = [torch.zeros_like(far), *[far] * cost.shape[2]]
    for i in range(cost.shape[1]):
        row = [far]
        for j in range(cost.shape[2]):
            x = torch.stack([above[j], row[j], above[j + 1]], -1)
            row.append(cost[:, i, j] + ((-x / gamma).softmax(-1) * x).sum(-1))
        above = row
    return above[-1] / cost.shape[2]


def alignment_share(console: Console) -> None:
    """Print (a): steps at d 256 with and without alignment, and alignment by itself."""
    batch = random_batch(40)
    base = replace(Matr.presets["paper"], d=256, alignment="none")
    bare = Stepper(Matr(base))
    steppers = {name: Stepper(Matr(replace(base, alignment=name))) for name in ALIGNMENTS}
    sides: dict[str, Callable[[], Any]] = {"none": lambda: bare.step(batch)}
    for name, stepper in steppers.items():
        sides[name] = lambda stepper=stepper: stepper.step(batch)
    inside = clips_centred_in(batch.windows_s, batch.target_mask)
    costs = [bare.model(batch)[f"{name}_cost"].detach() for name in ("pre", "post")]

    def alone(stepper: Stepper, outputs: dict[str, Tensor]) -> None:
        """Both losses with their gradients, from costs (and what else they need) on."""
        for name in ("pre", "post"):
            cost, rows = (outputs.get(f"{name}_{what}") for what in ("cost", "rows"))
            assert cost is not None
            matr_losses.alignment_loss(
                cost.requires_grad_(), inside, batch, stepper.method.config,
                None if rows is None else rows.requires_grad_(),
            ).backward()  # fmt: skip

    for name, stepper in steppers.items():
        outputs = {k: v.detach() for k, v in stepper.model(batch).items()}
        sides[f"{name} alone"] = lambda stepper=stepper, x=outputs: alone(stepper, x)
    sides["hard path"] = lambda: matr_model.aligned_segment(
        costs[1], batch.target_mask, batch.query_mask
    )
    ms = medians(sides)

    def both(outputs: dict[str, Tensor]) -> Tensor:
        pre, post = (plain_alignment(outputs[f"{name}_cost"]).mean() for name in ("pre", "post"))
        return pre + post

    torch.testing.assert_close(plain_alignment(costs[0]), prob_dtw(costs[0]), rtol=1e-4, atol=1e-5)

    plain = medians({"plain": lambda: bare.step(batch, both)}, rounds=3)["plain"]
    table = Table(title=f"(a) d 256, 4 + 4 layers, M {M}, N {N}, batch 40", title_justify="left")
    for name in ("two losses", "step, ms", "alignment alone, ms", "share of the step, %"):
        table.add_column(name, justify="left" if name == "two losses" else "right")
    table.add_row("none", f"{ms['none']:.0f}", "", "")
    for name in ALIGNMENTS:
        own = ms[f"{name} alone"]
        share = 100 * own / ms[name]
        table.add_row(name, f"{ms[name]:.0f}", f"{own:.1f}", f"{share:.1f}")
    table.add_row(
        "plain, cell by cell", f"{plain:.0f}", f"{plain - ms['none']:.0f} (difference)",
        f"{100 * (1 - ms['none'] / plain):.0f}",
    )  # fmt: skip
    table.add_row("hard path (in all)", "", f"{ms['hard path']:.1f}",
                  f"{100 * ms['hard path'] / ms['none']:.1f}")  # fmt: skip
    console.print(table)


@contextmanager
def marked() -> Iterator[None]:
    """Mark what aligns, for the profile."""
    homes = ((matr_losses, "alignment_loss"), (matr_model, "aligned_segment"))
    kept = [getattr(home, name) for home, name in homes]

    def marking(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            with record_function("alignment"):
                return function(*args)

        return call

    for (home, name), function in zip(homes, kept, strict=True):
        setattr(home, name, marking(function))
    try:
        yield
    finally:
        for (home, name), function in zip(homes, kept, strict=True):
            setattr(home, name, function)


GROUPS = (
    ("optimizer", ("Optimizer.",)),
    ("clipping", ("clip",)),
    ("alignment", ("alignment",)),
    ("attention", ("scaled_dot_product",)),
    ("convolution", ("conv",)),
    ("matrix products", ("::linear", "mm", "matmul", "Linear")),
    ("normalisation", ("layer_norm", "LayerNorm")),
    ("dropout", ("dropout", "Dropout", "bernoulli")),
)


def peak_mb() -> float:
    """Most memory since `reset_peak`, MB (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def reset_peak() -> None:
    """Start measuring the most memory anew (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def large_step(console: Console) -> None:
    """Print (b): a step at d 1024, its time, memory and profile."""
    reset_peak()
    before = peak_mb()
    batch, stepper = random_batch(32), Stepper(Matr(Matr.presets["paper"]))
    ms = medians({"step": lambda: stepper.step(batch)}, rounds=3)
    peak = peak_mb() - before
    ms |= medians({"product": large_product()}, rounds=3)
    gflop = stepper.gflop(batch)
    with marked():
        times = profiled(stepper, batch, GROUPS)
    total = sum(times.values())
    console.print(
        f"(b) d 1024, 4 + 4 layers, M {M}, N {N}, batch 32, {stepper.parameters / 1e6:.1f} M "
        f"parameters: {ms['step']:.0f} ms a step, {peak:.0f} MB beside the libraries; "
        f"{gflop:.0f} GFLOP, {1e3 * gflop / ms['step']:.0f} a second (one product of "
        f"{SQUARE} x {SQUARE} matrices: {product_rate(ms['product']):.0f})"
    )
    table = Table()
    table.add_column("where the time goes")
    table.add_column("%", justify="right")
    for name, value in times.most_common():
        table.add_row(name, f"{100 * value / total:.1f}")
    console.print(table)


LOADING = {
    "paper": Matr.presets["paper"],
    "d 256, batch 40": replace(Matr.presets["paper"], d=256, batch_size=40, micro_batch=None),
    "best": Matr.presets["best"],
}


def loading_share(console: Console, dataset: Dataset) -> None:
    """Print (c): reading and padding of a batch beside the step that it is for."""
    store = open_features(dataset, "simulated")
    train = dataset.pairs("train", store)
    table = Table(title=f"(c) {dataset.name}, {len(train):,} train pairs", title_justify="left")
    for name in ("config", "batch", "read, ms", "pad, ms", "step, ms", "loading, %"):
        table.add_column(name, justify="left" if name == "config" else "right")
    basis = (np.zeros(DIM, np.float32), np.eye(DIM, 128, dtype=np.float32))
    for name, config in LOADING.items():
        micro = config.micro_batch or config.batch_size
        method = Matr(config)
        stepper = Stepper(method, store.contract, basis if config.components else None)
        samples = TrainingSamples(method.accepted(train), config, 0, 0)
        batches = epoch_batches(samples.durations, len(train), config.batch_size, 0, 0, False)
        for i in np.random.default_rng(0).integers(0, len(samples), 20_000):
            samples[int(i)]  # an epoch reads each video many times: the first one is not typical
        read, pad, step = [], [], []
        for rows in batches[:20] if config.batch_size < 1000 else batches[:3]:
            items: list[Any] = []
            read.append(cpu_s(lambda: items.extend(samples[int(i)] for i in rows)))  # noqa: B023
            pad.append(cpu_s(lambda: collate(items)))  # noqa: B023
            some = items[: 2 * micro]  # of a batch of 1200: the rest takes as long
            parts = [collate(some[i : i + micro]) for i in range(0, len(some), micro)]
            seconds = cpu_s(lambda: [stepper.step(part) for part in parts])  # noqa: B023
            step.append(seconds * len(items) / len(some))
        read_ms, pad_ms, step_ms = (1e3 * median(x) for x in (read, pad, step))
        share = 100 * (read_ms + pad_ms) / (read_ms + pad_ms + step_ms)
        row = [config.batch_size, f"{read_ms:.1f}", f"{pad_ms:.1f}", f"{step_ms:.0f}"]
        table.add_row(name, *map(str, row), f"{share:.2f}")
    console.print(table)


def start(console: Console, dataset: Dataset) -> None:
    """Print (d): what a training costs before its first step, CPU seconds and memory."""
    reset_peak()
    table = Table(title=f"(d) {dataset.name}: start of a training", title_justify="left")
    for name in ("", "CPU s", "peak MB"):
        table.add_column(name, justify="right" if name else "left")
    table.add_row("imports", "", f"{peak_mb():.0f}")

    def row(name: str, work: Callable[[], Any]) -> Any:
        made: list[Any] = []
        reset_peak()
        seconds = cpu_s(lambda: made.append(work()))
        table.add_row(name, f"{seconds:.2f}", f"{peak_mb():.0f}")
        return made[0]

    store = open_features(dataset, "simulated")
    train = row("train pairs", lambda: dataset.pairs("train", store))
    val = row("val pairs, recropped", lambda: dataset.pairs("val", store).under("recropped"))
    row("128 principal components", lambda: principal_components(train, 128))
    config = replace(Matr.presets["best"], epochs=1, pairs_per_epoch=640)
    samples = row("samples", lambda: TrainingSamples(train, config, 0, 0))
    row(
        "batches of an epoch", lambda: epoch_batches(samples.durations, len(train), 32, 0, 0, False)
    )
    with tempfile.TemporaryDirectory() as folder:
        few = val.take(np.arange(100))
        name = "fit, preset best, 640 pairs and 200 of val"
        row(name, lambda: fit(Matr(config), train, few, Path(folder)))
    console.print(table)


def section(name: str, *arguments: str) -> None:
    """Print a section; in a process of its own, as memory that was freed still counts."""
    torch.set_num_threads(1)
    globals()[name](Console(width=100), *map(load_dataset, arguments))


def main() -> None:
    """Print the tables."""
    sections = [("alignment_share",), ("large_step",)]
    sections += [(part, name) for name in sys.argv[1:] for part in ("loading_share", "start")]
    for arguments in sections:
        process = get_context("spawn").Process(target=section, args=arguments)
        process.start()
        process.join()
        if process.exitcode:
            sys.exit(process.exitcode)


if __name__ == "__main__":
    main()
