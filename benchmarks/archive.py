"""Searching simulated archives of 10 to 10,000 hours: time, memory and disk of a query.

::

    OMP_NUM_THREADS=1 python benchmarks/archive.py data/archives --hours 10,100,1000

A row every 2 s, 512 numbers (``--dim``), matches of two hours; a query has 10 rows. The rows of a
match are shots about a common mean, and the store is made once. Of 50 kinds of moments each match
shows 20, more or less changed: those are asked for, and found. (What only chance makes alike, no
index finds: the first windows of an archive of independent rows are as far from the query as a
million others.) Each size runs in a process of its own: ``scan`` is the exact scan, ``approximate``
looks through an index first. Own memory is what the process has more than before it opened the
archive, without pages of files that are mapped.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from measure import cpu_s, in_process, peak_mb, print_table, reset_peak

from vid2vidmr.archive.scan import scan
from vid2vidmr.archive.sketch import write_sketch
from vid2vidmr.archive.store import open_archive
from vid2vidmr.archive.videos import ArchivedVideo, write_videos
from vid2vidmr.contract import FeatureContract
from vid2vidmr.features.store import FeatureStore

DIM, ROWS, QUERY, QUERIES = 512, 3600, 10, 8
WIDTH, KINDS, SHOWN = 60, 50, 20
"""Directions in which rows differ; kinds of moments, and how many of them a match shows."""


def contract(dim: int) -> FeatureContract:
    """Of simulated features."""
    return FeatureContract(
        encoder="clip-vit-b32", weights_sha256="0" * 64, dim=dim, sampling="t = 0, 2, 4, ... s",
        preprocessing="none", decoder="none", dtype="float16", simulated=True,
    )  # fmt: skip


def moments() -> np.ndarray:
    """Every kind of moment, (KINDS, QUERY, WIDTH): two shots."""
    rng = np.random.default_rng(2)
    shots = np.repeat(rng.normal(size=(KINDS, 2, WIDTH)), QUERY // 2, axis=1)
    return shots + 0.5 * rng.normal(size=shots.shape)


def rows_of(directions: np.ndarray, dim: int) -> np.ndarray:
    """Features (n, dim) float16 of what is shown, (n, WIDTH)."""
    world = np.random.default_rng(0)
    axes = world.normal(size=(WIDTH, dim)) * np.linspace(1, 0.1, WIDTH)[:, None]
    return (world.normal(size=dim) + 0.1 * directions @ axes).astype(np.float16)


def match(number: int, dim: int = DIM) -> np.ndarray:
    """Rows of a match, (ROWS, dim) float16: shots of ten seconds, and moments in their midst."""
    rng, kinds = np.random.default_rng(number), moments()
    shots = np.repeat(rng.normal(size=(ROWS // 5, WIDTH)), 5, axis=0)
    rows = shots + 0.5 * rng.normal(size=shots.shape)
    places = QUERY * rng.permutation(ROWS // QUERY)[:SHOWN]
    for first, kind in zip(places, rng.permutation(KINDS)[:SHOWN], strict=True):
        first += int(rng.integers(QUERY)) if first < ROWS - 2 * QUERY else 0
        changed = rng.uniform(0.3, 1.0) * rng.normal(size=(QUERY, WIDTH))
        rows[first : first + QUERY] = kinds[kind] + changed
    return rows_of(rows, dim)


def make(folder: Path, hours: int, dim: int) -> None:
    """Write the archive of so many hours, if it is not there."""
    if (folder / "scan" / "sketch.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "contract.json").write_text(contract(dim).model_dump_json())
    matches = max(1, hours // 2)
    with (folder / "features.bin").open("wb") as data, (folder / "index.jsonl").open("w") as index:
        for number in range(matches):
            data.write(match(number, dim).tobytes())
            index.write(json.dumps({"video_id": f"{number:064x}", "rows": ROWS}) + "\n")
    keys = {f"match{number:05}.mp4": f"{number:064x}" for number in range(matches)}
    write_videos(
        folder,
        [
            ArchivedVideo(
                video_id=name, path=f"/nowhere/{name}", sha256=key, size=0, mtime_us=0,
                duration_s=2.0 * ROWS, status="vanished",
            )
            for name, key in keys.items()
        ],
    )  # fmt: skip
    store = FeatureStore(folder)
    write_sketch(folder, keys, lambda v: store.stored(keys[v]), dict.fromkeys(keys, ROWS), 2.0)


def own_mb() -> float:
    """Memory of this process without pages of files, MB (Linux)."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) / 1024


def measure(folder: Path, approximate: bool) -> dict[str, Any]:
    """Ask an archive for kinds of moments that its matches show."""
    from vid2vidmr.archive.approximate import near_rows

    before = own_mb()
    start = time.perf_counter()
    archive = open_archive(folder)
    opened = time.perf_counter() - start
    sketch, rng = archive.sketch, np.random.default_rng(1)
    asked = moments()[rng.permutation(KINDS)[:QUERIES]]
    asked = asked + 0.3 * rng.normal(size=asked.shape)
    queries = [sketch.seen(rows_of(shown, archive.contract.dim)) for shown in asked]
    names = list(archive.durations_s)
    scan(sketch, queries[:1], places=[(names[0], 0, ROWS)])  # compiled
    if approximate:
        near_rows(archive, queries[:1])  # made, or read
    wall, cpu, tops, twentieth, memory = [], [], [], [], 0.0

    def ask(query: np.ndarray) -> None:
        places = near_rows(archive, [query]) if approximate else None
        found = scan(sketch, [query], places=places)
        tops.append(list(zip(found.videos[:20], found.windows[:20, 0].tolist(), strict=True)))
        twentieth.append(float(found.scores[19]))

    for query in queries:
        reset_peak()
        start = time.perf_counter()
        cpu.append(cpu_s(lambda query=query: ask(query)))
        wall.append(time.perf_counter() - start)
        memory = max(memory, own_mb() - before)
    disk = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    scanned = sum(path.stat().st_size for path in (folder / "scan").glob("rows-*"))
    return {
        "cpu_s": median(cpu), "wall_s": median(wall), "own_mb": memory, "peak_mb": peak_mb(),
        "disk_gb": disk / 1e9, "scanned_mb": scanned / 1e6, "open_s": opened, "tops": tops,
        "twentieth": median(twentieth),
    }  # fmt: skip


def recall(exact: list[Any], found: list[Any], top: int) -> float:
    """Part of the exact first `top` windows that the other search has among its first 20."""
    shares = [len(set(a[:top]) & set(b)) / len(a[:top]) for a, b in zip(exact, found, strict=True)]
    return float(np.mean(shares))


def main() -> None:
    """Run what was asked for, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hours", default="10,100,1000")
    parser.add_argument("--dim", type=int, default=DIM, help="numbers a row")
    options = parser.parse_args()
    table, measured = [], []
    for hours in map(int, options.hours.split(",")):
        folder = options.folder / f"{hours}-{options.dim}"
        in_process(make, folder, hours, options.dim)
        exact = in_process(measure, folder, False)
        near = in_process(measure, folder, True)
        measured.append((hours, exact["cpu_s"]))
        for name, run in (("scan", exact), ("approximate", near)):
            table.append([
                f"{hours:,} h, {name}", f"{run['cpu_s']:.3f}", f"{run['wall_s']:.3f}",
                f"{run['own_mb']:.0f}", f"{run['scanned_mb']:.0f}", f"{run['disk_gb']:.2f}",
                f"{run['open_s']:.2f}", f"{recall(exact['tops'], run['tops'], 1):.2f}",
                f"{recall(exact['tops'], run['tops'], 20):.3f}", f"{exact['twentieth']:.2f}",
            ])  # fmt: skip
    heads = [
        "archive",
        "CPU s",
        "wall s",
        "own MB",
        "scanned MB",
        "disk GB",
        "open s",
        "of first",
        "of 20",
        "20th",
    ]
    print_table(heads, table, f"A query of {QUERY} rows, median of {QUERIES}")
    if len(measured) > 1:
        hours, cpu = np.log(np.array(measured)).T
        slope = np.polyfit(hours, cpu, 1)[0]
        print(f"\nSlope of CPU time over hours, both as logarithms: {slope:.2f}")


if __name__ == "__main__":
    main()
