"""CPU time of a training step of MATR: share of alignment, profile, memory, loading of data.

Run by hand: ``OMP_NUM_THREADS=1 python benchmarks/matr_step.py [DATASET]``. With a built data set
that has simulated features it also measures what comes before the steps. Sides in turn in one
process, medians of CPU time.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from measure import cpu_s, in_process, medians, peak_mb, print_table, reset_peak
from steps import DIM, SQUARE, M, N, Stepper, large_product, product_rate, profiled, random_batch
from torch import Tensor
from torch.profiler import record_function

from baselines.matr import Matr
from baselines.matr import losses as matr_losses
from baselines.matr import model as matr_model
from vid2vidmr.alignment import prob_dtw
from vid2vidmr.data.dataset import load_dataset
from vid2vidmr.features.store import open_features
from vid2vidmr.nn.centred import clips_centred_in
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


def alignment_share() -> None:
    """Print (a): steps at d 256 with and without alignment, and alignment by itself."""
    batch = random_batch(40)
    base = replace(Matr.presets["paper"], d=256, alignment="none")
    bare = Stepper(Matr(base))
    steppers = {name: Stepper(Matr(replace(base, alignment=name))) for name in ALIGNMENTS}
    sides: dict[str, Callable[[], Any]] = {"none": lambda: bare.step(batch)}
    for name, stepper in steppers.items():
        sides[name] = lambda stepper=stepper: stepper.step(batch)
    inside = clips_centred_in(batch.windows_s, batch.target_mask, batch.step_s)
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
    alone_ms = {name: ms[f"{name} alone"] for name in ALIGNMENTS}
    rows = [("none", f"{ms['none']:.0f}", "", "")]
    for name, own in alone_ms.items():
        rows.append((name, f"{ms[name]:.0f}", f"{own:.1f}", f"{100 * own / ms[name]:.1f}"))
    difference, share = plain - ms["none"], 100 * (1 - ms["none"] / plain)
    rows.append(
        ("plain, cell by cell", f"{plain:.0f}", f"{difference:.0f} (difference)", f"{share:.0f}")
    )
    path = ms["hard path"]
    rows.append(("hard path (in all)", "", f"{path:.1f}", f"{100 * path / ms['none']:.1f}"))
    print_table(
        ["two losses", "step, CPU ms", "alignment alone, ms", "share of the step, %"],
        rows,
        f"(a) d 256, 4 + 4 layers, M {M}, N {N}, batch 40",
    )


def mark() -> None:
    """Mark what aligns, for the profile; for good, as each section has a process of its own."""

    def marking(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            with record_function("alignment"):
                return function(*args)

        return call

    for home, name in ((matr_losses, "alignment_loss"), (matr_model, "aligned_segment")):
        setattr(home, name, marking(getattr(home, name)))


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


def large_step() -> None:
    """Print (b): a step at d 1024, its time, memory and profile."""
    reset_peak()
    before = peak_mb()
    batch, stepper = random_batch(32), Stepper(Matr(Matr.presets["paper"]))
    ms = medians({"step": lambda: stepper.step(batch)}, rounds=3)
    peak = peak_mb() - before
    ms |= medians({"product": large_product()}, rounds=3)
    gflop = stepper.gflop(batch)
    mark()
    times = profiled(stepper, batch, GROUPS)
    print_table(
        ["where the time goes", "%"],
        [(name, f"{100 * value / times.total():.1f}") for name, value in times.most_common()],
        f"(b) d 1024, 4 + 4 layers, M {M}, N {N}, batch 32, {stepper.parameters / 1e6:.1f} M "
        f"parameters: {ms['step']:.0f} ms a step, {peak:.0f} MB beside the libraries; "
        f"{gflop:.0f} GFLOP, {1e3 * gflop / ms['step']:.0f} a second (one product of "
        f"{SQUARE} x {SQUARE} matrices: {product_rate(ms['product']):.0f})",
    )


LOADING = {
    "paper": Matr.presets["paper"],
    "d 256, batch 40": replace(Matr.presets["paper"], d=256, batch_size=40, micro_batch=None),
    "small": Matr.presets["small"],
}


def loading_share(name: str) -> None:
    """Print (c): reading and padding of a batch beside the step that it is for."""
    dataset = load_dataset(name)
    store = open_features(dataset, "simulated")
    train, rows = dataset.pairs("train", store), []
    basis = (np.zeros(DIM, np.float32), np.eye(DIM, 128, dtype=np.float32))
    for what, config in LOADING.items():
        micro = config.micro_batch or config.batch_size
        method = Matr(config)
        stepper = Stepper(method, store.contract, basis if config.components else None)
        samples = TrainingSamples(method.accepted(train), config, 0, 0)
        batches = epoch_batches(samples.durations, len(train), config.batch_size, 0, 0, False)
        for i in np.random.default_rng(0).integers(0, len(samples), 20_000):
            samples[int(i)]  # an epoch reads each video many times: the first one is not typical
        read, pad, step = [], [], []
        for batch in batches[:20] if config.batch_size < 1000 else batches[:3]:
            items: list[Any] = []
            read.append(cpu_s(lambda: items.extend(samples[int(i)] for i in batch)))  # noqa: B023
            pad.append(cpu_s(lambda: collate(items)))  # noqa: B023
            some = items[: 2 * micro]  # of a batch of 1200: the rest takes as long
            parts = [collate(some[i : i + micro]) for i in range(0, len(some), micro)]
            seconds = cpu_s(lambda: [stepper.step(part) for part in parts])  # noqa: B023
            step.append(seconds * len(items) / len(some))
        read_ms, pad_ms, step_ms = (1e3 * median(x) for x in (read, pad, step))
        share = 100 * (read_ms + pad_ms) / (read_ms + pad_ms + step_ms)
        numbers = f"{read_ms:.1f}", f"{pad_ms:.1f}", f"{step_ms:.0f}", f"{share:.2f}"
        rows.append((what, config.batch_size, *numbers))
    print_table(
        ["config", "batch", "read, ms", "pad, ms", "step, ms", "loading, %"],
        rows,
        f"(c) {dataset.name}, {len(train):,} train pairs",
    )


def start(name: str) -> None:
    """Print (d): what a training costs before its first step, CPU seconds and memory."""
    reset_peak()
    dataset, rows = load_dataset(name), [("imports", "", f"{peak_mb():.0f}")]

    def row(what: str, work: Callable[[], Any]) -> Any:
        made: list[Any] = []
        reset_peak()
        seconds = cpu_s(lambda: made.append(work()))
        rows.append((what, f"{seconds:.2f}", f"{peak_mb():.0f}"))
        return made[0]

    store = open_features(dataset, "simulated")
    train = row("train pairs", lambda: dataset.pairs("train", store))
    val = row("val pairs, recropped", lambda: dataset.pairs("val", store).under("recropped"))
    row("128 principal components", lambda: principal_components(train, 128))
    config = replace(Matr.presets["small"], epochs=1)
    samples = row("samples", lambda: TrainingSamples(train, config, 0, 0))
    row(
        "batches of an epoch", lambda: epoch_batches(samples.durations, len(train), 32, 0, 0, False)
    )
    with tempfile.TemporaryDirectory() as folder:
        few = val.take(np.arange(100))
        what = "fit, preset small, 640 pairs and 200 of val"
        row(what, lambda: fit(Matr(config), train, few, Path(folder)))
    print_table(["", "CPU s", "peak MB"], rows, f"(d) {dataset.name}: start of a training")


def main() -> None:
    """Print the tables."""
    in_process(alignment_share)
    in_process(large_step)
    for name in sys.argv[1:]:
        in_process(loading_share, name)
        in_process(start, name)


if __name__ == "__main__":
    main()
