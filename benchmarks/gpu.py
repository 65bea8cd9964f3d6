"""What a GPU makes of all this: one command of at most 7 minutes, one JSON file and one table.

``python benchmarks/gpu.py [--parts correctness,alignment,...] [--out gpu.json] [--dry]``. Parts are
added to the file, so that they may be run one by one; what does not fit into the time is left out
and named. ``--dry`` takes tiny sizes and whatever device there is. Wall time between two
synchronisations, the median of several; peers are pysdtw and ddtw, where they are installed.
"""

from __future__ import annotations

import argparse
import json
import math
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

from vid2vidmr.alignment import batched_ends, paths, soft_dtw
from vid2vidmr.devices import pick_device
from vid2vidmr.experiments.doctor import examine, missing, ragged_batch, trained_methods
from vid2vidmr.methods.load import method_class
from vid2vidmr.tables.files import markdown_table

GAMMA = 0.1
SHAPES = ((32, 75, 8), (1200, 75, 8), (32, 512, 512), (8, 2048, 2048))
DIM, EPOCHS, PAIRS = 512, 200, 472_704
"""Of CLIP ViT-B/32; epochs of MATR's `paper`, and train pairs of ActivityNet-VRL as built here."""
DEVICE = pick_device()
Row = dict[str, Any]


def wait() -> None:
    """Let the device finish."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def median_ms(call: Callable[[], object], repeat: int = 7) -> float:
    """Median wall time of a call, after one to compile; a call of seconds is not repeated."""
    times: list[float] = []
    call()
    while len(times) < repeat and sum(times) < 4000:
        wait()
        start = time.perf_counter()
        call()
        wait()
        times.append(1e3 * (time.perf_counter() - start))
    return median(times)


def peak_mb(call: Callable[[], object]) -> float | None:
    """Most device memory while a call runs, beyond what was held before; None on a CPU."""
    if DEVICE.type != "cuda":
        return None
    wait()
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    call()
    wait()
    return (torch.cuda.max_memory_allocated() - before) / 2**20


@contextmanager
def plainly() -> Iterator[None]:
    """Anti-diagonals in torch in place of the kernels."""
    way, paths.way = paths.way, lambda cost: "torch"
    try:
        yield
    finally:
        paths.way = way


def both(value: Callable[[Tensor], Tensor], cost: Tensor) -> Callable[[], Tensor]:
    """Give a call for value and gradient."""
    leaf = cost.clone().requires_grad_()

    def call() -> Tensor:
        [gradient] = torch.autograd.grad(value(leaf).sum(), [leaf])
        return gradient

    return call


def plain_soft_dtw(cost: Tensor) -> Tensor:
    """Our form for devices without kernels."""
    with plainly():
        return soft_dtw(cost, GAMMA)


def peers(shape: tuple[int, int, int]) -> Iterator[tuple[str, Callable[[Tensor], Tensor]]]:
    """Yield soft-DTW of others as functions of the costs."""
    B, _, N = shape
    yield "torch anti-diagonals", plain_soft_dtw
    from pysdtw import SoftDTW

    theirs = SoftDTW(gamma=GAMMA, dist_func=lambda x, y: x, use_cuda=DEVICE.type == "cuda")
    y = torch.zeros(B, N, N, device=DEVICE)
    yield "pysdtw", lambda cost: theirs(cost, y)
    from ddtw import SDTW

    layer = SDTW(gamma=GAMMA, normalization="none")
    # Its loss is a mean over the batch, and its device code is compiled where there is nvcc.
    yield f"ddtw ({layer.backend})", lambda cost: B * layer(C=cost)


def correctness(dry: bool) -> Iterator[Row]:
    """`vid2vidmr doctor`, and gradients of large batches against the plain form in float64."""
    for seen in examine(DEVICE):
        facts = asdict(seen)
        yield {"of": facts.pop("what"), **facts}
    for shape in ((2, 9, 4),) if dry else SHAPES:
        cost = 2 * torch.rand(shape, device=DEVICE)
        got = both(lambda x: soft_dtw(x, GAMMA), cost)()
        expected = both(plain_soft_dtw, cost.double() if DEVICE.type != "mps" else cost)()
        yield {"of": " x ".join(map(str, shape)), "difference": float((got - expected).abs().max())}


def alignment(dry: bool) -> Iterator[Row]:
    """Soft-DTW with gradient, beside peers."""
    for shape in ((2, 9, 4),) if dry else SHAPES:
        name = " x ".join(map(str, shape))
        cost = torch.rand(shape, device=DEVICE)
        call = both(lambda x: soft_dtw(x, GAMMA), cost)
        expected = call()
        yield {"of": name, "by": "ours", "ms": median_ms(call), "MB": peak_mb(call)}
        m = torch.full((shape[0],), shape[1], device=DEVICE)
        n = torch.full((shape[0],), shape[2], device=DEVICE)
        yield {
            "of": name,
            "by": "ours, hard path",
            "ms": median_ms(lambda cost=cost, m=m, n=n: batched_ends(cost, m, n)),  # type: ignore[misc]
        }
        others = peers(shape)
        while True:
            try:
                who, value = next(others)
                call = both(value, cost)
                off = float((call() - expected).abs().max())
                yield {
                    "of": name, "by": who, "ms": median_ms(call), "MB": peak_mb(call),
                    "difference": off,
                }  # fmt: skip
            except StopIteration:
                break
            except Exception as error:  # a peer that fails is a row, too
                yield {"of": name, "by": "peer", "failed": f"{type(error).__name__}: {error}"[:200]}


class Step:
    """A step of training, as the loop does it."""

    def __init__(self, name: str, dry: bool, **changes: Any) -> None:
        cls = method_class(name)
        preset = "small" if dry else "paper" if "paper" in cls.presets else "best"
        self.method: Any = cls(replace(cls.presets[preset], **changes))
        torch.manual_seed(0)
        dim = 16 if dry else DIM
        self.model = self.method.build_model(dim).train().to(DEVICE)
        fused = DEVICE.type == "cuda"
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-5, fused=fused)
        size = 4 if dry else self.method.config.batch_size
        rows, columns = (12, 3) if dry else (75, 8)
        self.batch = ragged_batch(size, dim, rows, columns).to(DEVICE)

    def __call__(self) -> None:
        """Forward, losses, backward, clipped update."""
        self.optimizer.zero_grad()
        bf16 = self.method.config.precision == "bf16"
        with torch.autocast(DEVICE.type, torch.bfloat16, enabled=bf16):
            outputs = self.model(self.batch)
        outputs = {name: x.float() if x.is_floating_point() else x for name, x in outputs.items()}
        self.method.losses(outputs, self.batch)["loss"].backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()


def steps(dry: bool) -> Iterator[Row]:
    """Take a step of every method at its paper's size; MATR has a part of its own."""
    for name in trained_methods():
        for precision in ("fp32", "bf16"):
            if name != "matr":
                step = Step(name, dry, precision=precision)
                size = len(step.batch)
                yield {
                    "of": name, "by": f"{precision}, batch {size}", "ms": median_ms(step),
                    "MB": peak_mb(step),
                }  # fmt: skip


def matr(dry: bool) -> Iterator[Row]:
    """MATR `paper`, batch 1200 at once: a step, what alignment is of it, hours for all epochs."""
    for precision in ("fp32", "bf16"):
        without = median_ms(Step("matr", dry, precision=precision, alignment="none"))
        step = Step("matr", dry, precision=precision)
        ms = median_ms(step)
        yield {
            "of": "matr", "by": f"{precision}, batch {len(step.batch)}", "ms": ms,
            "MB": peak_mb(step), "alignment, %": 100 * (ms - without) / ms,
            "hours": EPOCHS * PAIRS / len(step.batch) * ms / 3.6e6,
        }  # fmt: skip


def features(dry: bool) -> Iterator[Row]:
    """CLIP ViT-B/32 of random weights: frames a second of encoding alone, and of decoding alone."""
    import open_clip

    torch.manual_seed(0)
    model = open_clip.create_model("ViT-B-32").eval().to(DEVICE)
    for size in (2,) if dry else (64, 256, 1024):
        for dtype in (torch.float32, torch.bfloat16):
            frames = torch.rand(size, 3, 224, 224, device=DEVICE)

            def encode(frames: Tensor = frames, dtype: torch.dtype = dtype) -> None:
                with (
                    torch.inference_mode(),
                    torch.autocast(DEVICE.type, dtype, enabled=dtype != torch.float32),
                ):
                    model.encode_image(frames)

            ms = median_ms(encode, 1 if dry else 7)
            kind = str(dtype).removeprefix("torch.")
            yield {
                "of": "encode",
                "by": f"{kind}, batch {size}",
                "ms": ms,
                "a second": 1e3 * size / ms,
            }
    if dry:
        return
    import tempfile

    from frames import render

    from vid2vidmr.video.sample import sample_frames

    with tempfile.TemporaryDirectory() as folder:
        for gop in (250, 50):
            path = render(Path(folder) / f"{gop}.mp4", gop)
            count = len(list(sample_frames(path)))
            ms = median_ms(lambda path=path: list(sample_frames(path)), 3)  # type: ignore[misc]
            yield {"of": "decode", "by": f"720p, GOP {gop}", "ms": ms, "a second": 1e3 * count / ms}


def search(dry: bool) -> Iterator[Row]:
    """Look for 8 rows in 10,000 h (18 million rows) that lie on the device in 16 bits."""
    videos, rows, dim = (3, 20, 16) if dry else (5000, 3600, DIM)
    store = torch.randn(videos, rows, dim, device=DEVICE, dtype=torch.bfloat16)
    query = torch.randn(8, dim, device=DEVICE, dtype=torch.bfloat16)
    n = torch.full((videos,), 8, device=DEVICE)
    m = torch.full((videos,), rows, device=DEVICE)

    def similarities() -> Tensor:
        return store @ query.T

    def whole() -> Tensor:
        values, _ = batched_ends(1 - similarities() / dim, m, n)
        return values.amin(1).topk(min(10, videos), largest=False).indices

    hours = videos * rows * 2 / 3600
    yield {"of": f"{hours:.0f} h", "by": "similarities", "ms": median_ms(similarities)}
    yield {"of": f"{hours:.0f} h", "by": "paths", "ms": median_ms(whole), "MB": peak_mb(whole)}


PARTS: dict[str, Callable[[bool], Iterator[Row]]] = {
    "correctness": correctness, "alignment": alignment, "steps": steps, "matr": matr,
    "features": features, "search": search,
}  # fmt: skip


def machine() -> Row:
    """Tell what the figures are of."""
    cuda = DEVICE.type == "cuda"
    return {
        "device": torch.cuda.get_device_name() if cuda else f"{DEVICE.type} ({platform.machine()})",
        "versions": {name: version(name) for name in ("torch", "vid2vidmr")},
        "missing": missing(DEVICE),
    }


def run(parts: list[str], out: Path, minutes: float, dry: bool) -> Row:
    """Run parts one after the other, and add each to the file when it has ended."""
    found: Row = json.loads(out.read_text()) if out.exists() else {}
    if found.get("machine") != machine() or found.get("dry") != dry:
        found = {"machine": machine(), "dry": dry, "parts": {}, "left_out": []}
    end = time.monotonic() + 60 * minutes
    found["left_out"] = []
    for part in parts:
        rows: list[Row] = []
        try:
            for row in PARTS[part](dry):
                rows.append(row)
                print(part, row, flush=True)
                if time.monotonic() > end:
                    found["left_out"].append(f"{part} after {row['of']}")
                    break
        except Exception as error:  # the other parts still have something to say
            rows.append({"of": part, "failed": f"{type(error).__name__}: {error}"[:500]})
        found["parts"][part] = rows
        out.write_text(json.dumps(found, indent=1))
        if DEVICE.type == "cuda":
            torch.cuda.empty_cache()
    return found


def table(found: Row) -> str:
    """Markdown of all parts, and of what was left out."""
    lines = [f"{found['machine']['device']}, torch {found['machine']['versions']['torch']}"]
    for part, rows in found["parts"].items():
        heads = list(dict.fromkeys(key for row in rows for key in row))
        cells = [["" if row.get(h) is None else _cell(row[h]) for h in heads] for row in rows]
        lines += ["", f"### {part}", "", *markdown_table(heads, cells, texts=2)]
    if found["left_out"]:
        lines += ["", "Left out for want of time: " + ", ".join(found["left_out"]) + "."]
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.3g}"
    return str(value)


def main() -> None:
    """Read the command line, run, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default=",".join(PARTS), help="comma-separated")
    parser.add_argument("--out", type=Path, default=Path("gpu.json"))
    parser.add_argument("--minutes", type=float, default=7.0)
    parser.add_argument("--dry", action="store_true", help="tiny sizes, on any device")
    given = parser.parse_args()
    if unknown := set(given.parts.split(",")) - set(PARTS):
        parser.error(f"there is no part {sorted(unknown)[0]!r}, only {', '.join(PARTS)}")
    if DEVICE.type != "cuda" and not given.dry:
        parser.error("there is no GPU here: --dry takes tiny sizes on the CPU")
    found = run(given.parts.split(","), given.out, given.minutes, given.dry)
    given.out.with_suffix(".md").write_text(table(found))
    print(table(found))


if __name__ == "__main__":
    main()
