"""Whether a device computes what a CPU does: alignments, and a step of every trained method."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vid2vidmr.alignment import batched_ends, drop_dtw, paths, soft_dtw, subsequence_soft_dtw
from vid2vidmr.contract import STEP_S, FeatureContract
from vid2vidmr.methods.load import method_class, method_names
from vid2vidmr.methods.neural import NeuralMethod
from vid2vidmr.progress import progress
from vid2vidmr.train.batch import Batch

DIM, M, N, BATCH = 64, 75, 8, 16
CONTRACT = FeatureContract(
    encoder="random", weights_sha256="0", dim=DIM, sampling="none", preprocessing="none",
    decoder="none", dtype="float32", simulated=True,
)  # fmt: skip
MOST = {"alignment": 1e-3, "step": 1e-2}
"""Largest difference that is rounding, as a share of the largest entry of a gradient."""


@dataclass(frozen=True)
class Finding:
    """What was seen of an alignment or of a method.

    Attributes
    ----------
    cpu_ms, device_ms : float
        Wall time of a step; nan where there is no other device.
    difference : float
        Between the gradients, as a share of the largest entry; on a machine with a CPU only,
        between its kernels and the plain form in torch (nan for methods).
    problem : str
        What is wrong; empty if nothing is.
    """

    what: str
    cpu_ms: float
    device_ms: float
    difference: float
    problem: str


class DrawnOnCpu(TorchFunctionMode):
    """Random draws are those of the CPU on every device."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Draw on the CPU and copy."""
        kwargs = kwargs or {}
        if func is torch.rand:
            device = kwargs.pop("device", None)
            return func(*args, **kwargs).to(device)
        if func is Tensor.exponential_:
            return args[0].copy_(torch.empty(args[0].shape).exponential_(*args[1:], **kwargs))
        return func(*args, **kwargs)


def ragged_batch(size: int, dim: int, rows: int = M, columns: int = N, seed: int = 0) -> Batch:
    """Random features of targets and queries of different lengths, with a moment in each."""
    rng = torch.Generator().manual_seed(seed)
    m = torch.randint(rows // 2, rows + 1, (size,), generator=rng)
    n = torch.randint(1, columns + 1, (size,), generator=rng)
    m[0], n[0] = rows, columns
    target_mask = torch.arange(rows) < m[:, None]
    query_mask = torch.arange(columns) < n[:, None]
    start_s = STEP_S * torch.rand(size, generator=rng) * (m - rows // 4)
    return Batch(
        target=torch.randn(size, rows, dim, generator=rng) * target_mask[..., None],
        target_mask=target_mask,
        query=torch.randn(size, columns, dim, generator=rng) * query_mask[..., None],
        query_mask=query_mask,
        durations_s=STEP_S * m.float(),
        windows_s=torch.stack([start_s, start_s + STEP_S * (rows // 5)], 1)[:, None],
        group=torch.arange(size) % 5,
    )


def trained_methods() -> list[str]:
    """Names of the registered methods that the training loop trains."""
    return [name for name in method_names() if issubclass(method_class(name), NeuralMethod)]


def examine(device: torch.device) -> Iterator[Finding]:
    """Yield what is seen of the alignments and of every trained method on a device."""
    methods = trained_methods()
    with progress(f"examine {device}", 4 + len(methods)) as bar:
        for found in _alignments(device):
            bar.advance()
            yield found
        for name in methods:
            yield _of_method(name, device)
            bar.advance()


def missing(device: torch.device) -> list[str]:
    """Say what keeps a GPU of this machine from its work, a sentence each."""
    found = []
    if device.type == "cpu" and Path("/dev/nvidia0").exists():
        why = (
            "was built for CPUs: install a build for CUDA"
            if torch.version.cuda is None
            else f"needs CUDA {torch.version.cuda}: update the driver, or install an older build"
        )
        found.append(f"There is an NVIDIA device, but torch {torch.__version__} {why}.")
    if device.type == "cuda" and find_spec("triton") is None:
        found.append(
            "There is no triton, so alignments take hundreds of launches each: install it "
            "(it comes with torch for CUDA on Linux)."
        )
    return found


def _timed(call: Callable[[], Any], device: torch.device, repeat: int = 3) -> tuple[Any, float]:
    """Give what a call returns, and the least of its times in ms, compilation left out."""
    found, best = call(), math.inf
    for _ in range(repeat if device.type != "cpu" else 1):
        _wait(device)
        start = time.perf_counter()
        call()
        _wait(device)
        best = min(best, 1e3 * (time.perf_counter() - start))
    return found, best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def _share(found: list[Tensor], expected: list[Tensor]) -> float:
    """Largest difference, as a share of the largest entry that was expected."""
    pairs = zip(found, expected, strict=True)
    worst = max(float((a.cpu().double() - b.cpu().double()).abs().max()) for a, b in pairs)
    return worst / max(float(b.abs().max()) for b in expected)


def _alignments(device: torch.device) -> Iterator[Finding]:
    rng = torch.Generator().manual_seed(0)
    cost = 2 * torch.rand(32, M, N, generator=rng)
    m = torch.randint(1, M + 1, (32,), generator=rng)
    n = torch.randint(1, N + 1, (32,), generator=rng)

    def gradient(form: Callable[..., Tensor], where: torch.device, *more: Tensor) -> list[Tensor]:
        leaf = cost.to(where).requires_grad_()
        drops = [drop.to(where) for drop in more]
        value = form(leaf, *drops, target_lengths=m.to(where), query_lengths=n.to(where))
        return list(torch.autograd.grad(value.sum(), [leaf]))

    forms: dict[str, Callable[[torch.device], list[Tensor]]] = {
        "soft-DTW": lambda where: gradient(soft_dtw, where),
        "subsequence soft-DTW": lambda where: gradient(subsequence_soft_dtw, where),
        "Drop-DTW": lambda where: gradient(drop_dtw, where, torch.full((32, 1), 0.3)),
        "hard path": lambda where: [
            batched_ends(cost.to(where), m.to(where), n.to(where))[0].nan_to_num(posinf=0.0)
        ],
    }
    cpu = torch.device("cpu")
    for name, form in forms.items():
        expected, cpu_ms = _timed(lambda form=form: form(cpu), cpu)  # type: ignore[misc]
        if device.type == "cpu":
            found, device_ms = _plainly(form), math.nan
        else:
            found, device_ms = _timed(lambda form=form: form(device), device)  # type: ignore[misc]
        difference = _share(found, expected)
        wrong = f"gradients differ by {difference:.0e}" if difference > MOST["alignment"] else ""
        yield Finding(name, cpu_ms, device_ms, difference, wrong)


def _plainly(form: Callable[[torch.device], list[Tensor]]) -> list[Tensor]:
    """Do the same by the form for devices without kernels."""
    way, paths.way = paths.way, lambda cost: "torch"
    try:
        return form(torch.device("cpu"))
    finally:
        paths.way = way


def _of_method(name: str, device: torch.device) -> Finding:
    batch = ragged_batch(BATCH, DIM)
    try:
        expected, cpu_ms = _step(name, batch, torch.device("cpu"))
        if not all(part.isfinite().all() for part in expected):
            return Finding(name, cpu_ms, math.nan, math.nan, "loss or gradient is not finite")
        if device.type == "cpu":
            return Finding(name, cpu_ms, math.nan, math.nan, "")
        found, device_ms = _step(name, batch, device)
    except Exception as error:  # whatever is wrong with one, the others are looked at
        first = str(error).strip().partition("\n")[0]
        return Finding(name, math.nan, math.nan, math.nan, f"{type(error).__name__}: {first}")
    difference = max(_share(found[:1], expected[:1]), _share(found[1:], expected[1:]))
    wrong = f"loss or gradient differ by {difference:.0e}" if not difference < MOST["step"] else ""
    return Finding(name, cpu_ms, device_ms, difference, wrong)


def _step(name: str, batch: Batch, device: torch.device) -> tuple[list[Tensor], float]:
    """Loss and gradients of the smallest preset without dropout, and the ms of such a step."""
    torch.manual_seed(0)
    cls = method_class(name)
    method: Any = cls(cls.presets.get("small"))
    method.prepare(CONTRACT, None)
    model: nn.Module = method.model.train().to(device)
    for module in model.modules():  # a network without dropout, but in training
        for rate in ("p", "rate", "dropout"):
            if isinstance(getattr(module, rate, None), float):
                setattr(module, rate, 0.0)
    here = batch.to(device)

    def step() -> list[Tensor]:
        torch.manual_seed(0)
        model.zero_grad()
        with DrawnOnCpu():
            loss: Tensor = method.losses(model(here), here)["loss"]
        loss.backward()  # type: ignore[no-untyped-call]
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        return [loss.detach(), *gradients]

    exact = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    try:
        found, ms = _timed(step, device)
    finally:
        torch.backends.cudnn.allow_tf32 = exact
    return [part.cpu() for part in found], ms
