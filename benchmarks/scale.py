"""A simulated full build of SportsMoments: time, memory and disk of every step.

Run by hand, again to continue::

    OMP_NUM_THREADS=1 nice -n 19 python benchmarks/scale.py data/scale

80 matches of 132 min are rendered small (128 x 72, 2 frames/s) and served on 127.0.0.1, as YouTube
would serve them. Then the real commands run, each as a process of its own: ``vid2vidmr build
sportsmoments moments.csv --download``, ``vid2vidmr features`` by shards and once more with
simulated features, which are there for all matches however few were encoded. Lastly an epoch of
batches is drawn. A step that ended is not run again.

``steps.jsonl`` gets a line each time a step runs, ``memory.csv`` the memory of its processes every
second. ``--report`` prints what was measured so far.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from builders.sportsmoments.tables import read_released
from builders.sportsmoments.verify import SOCCER
from vid2vidmr.files import replacing

ENCODER = "efficientnet-lite0"
SHORTEST_S, LONGEST_S = 2, 61
BATCHES, BATCH = 1000, 32


def match_ids(count: int) -> list[str]:
    """Ids of the first matches; "_" stands in for the character that nothing tells."""
    matches = read_released().matches
    return [*matches.ids, *(name.replace(" ", "_") for name in matches.unresolved)][:count]


def render(folder: Path, ids: list[str], minutes: int) -> None:
    """Render the matches that are not there yet: a test pattern, each in its own hue."""
    import imageio_ffmpeg

    def one(number: int) -> None:
        path = folder / "youtube" / f"{ids[number]}.mp4"
        if path.exists():
            return
        source = f"testsrc2=size=128x72:rate=2:duration={60 * minutes}"
        codec = "-c:v libx264 -preset ultrafast -crf 35 -threads 1 -g 20 -pix_fmt yuv420p"
        with replacing(path) as beside:
            subprocess.run(
                [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", "-f", "lavfi", "-i", source,
                 "-vf", f"hue=h={360 * number / len(ids):.1f}", *codec.split(), str(beside)],
                check=True,
            )  # fmt: skip

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, range(len(ids))))


def write_moments(path: Path, ids: list[str], minutes: int, count: int) -> None:
    """Draw moments: as many in each match, of one sport's classes; none overlaps its own class."""
    rng = np.random.default_rng(0)
    labels = sorted(read_released().labels)
    rows: list[tuple[str, int, int, int]] = []
    for number, match in enumerate(ids):
        classes = [label for label in labels if (label in SOCCER) == (number % 2 == 0)]
        taken: list[tuple[int, int, int]] = []
        while len(taken) < count // len(ids):
            label, length = int(rng.choice(classes)), int(rng.integers(SHORTEST_S, LONGEST_S + 1))
            start = int(rng.integers(60 * minutes - length)) if 60 * minutes > length else 0
            end = min(start + length, 60 * minutes)
            if not any(c == label and start < e and s < end for c, s, e in taken):
                taken.append((label, start, end))
        rows += [(match, *moment) for moment in taken]
    with replacing(path) as beside:
        pd.DataFrame(rows, columns=["youtube_id", "class", "start", "end"]).to_csv(
            beside, index=False
        )


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on 127.0.0.1; give its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Say nothing: yt-dlp leaves after the first bytes, to come again for the file."""

    handler = partial(Quiet, directory=str(folder))
    with Server(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def draw(folder: Path, encoder: str) -> None:
    """Open the data set as training does, and draw an epoch of batches; prints pairs/s."""
    from vid2vidmr.data.dataset import load_dataset
    from vid2vidmr.features.store import open_features
    from vid2vidmr.train.batch import PairSamples, collate
    from vid2vidmr.train.sampling import epoch_batches

    dataset = load_dataset(folder / "data")
    pairs = dataset.pairs("train", features=open_features(dataset, encoder))
    samples = PairSamples(pairs)
    count = min(BATCHES * BATCH, len(pairs))
    batches = epoch_batches(pairs.durations_s, count, BATCH, 0, 0, buckets=False)
    cpu, read = time.process_time(), 0
    for number, batch in enumerate(batches, 1):
        read += len(collate([samples[i] for i in batch]))
        if number % max(1, len(batches) // 10) == 0:
            anon, mapped = memory_mb(psutil.Process().pid)
            print(f"{number} batches: {anon:.0f} MB, and {mapped:.0f} MB of mapped files")
    print(f"{read} of {len(pairs)} pairs, {read / (time.process_time() - cpu):.0f} a CPU second")


def memory_mb(pid: int) -> tuple[float, float]:
    """Memory of a process: its own, and pages of mapped files, which the system takes back."""
    status = Path(f"/proc/{pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    own, mapped = (int(fields.get(f, "0 kB").split()[0]) / 1024 for f in ("RssAnon", "RssFile"))
    return own, mapped


def encoded(folder: Path) -> int:
    """Count the matches that have features, in shards or in the whole store."""
    indexes = (folder / "data" / "features").glob(f"{ENCODER}*/**/index.jsonl")
    return len({line for index in indexes for line in index.read_text().splitlines()})


def sizes_mb(folder: Path) -> dict[str, float]:
    """Disk of each part of the folder."""
    parts = [folder / "youtube", folder / "moments.csv", *(folder / "data").glob("*"),
             *(folder / "data" / "features").glob("*")]  # fmt: skip
    sizes = {}
    for part in parts:
        files = [part] if part.is_file() else [f for f in part.rglob("*") if f.is_file()]
        sizes[str(part.relative_to(folder))] = sum(f.stat().st_size for f in files) / 1e6
    return sizes


def read_steps(folder: Path) -> pd.DataFrame:
    path = folder / "steps.jsonl"
    return pd.read_json(path, lines=True) if path.exists() else pd.DataFrame()


def run(folder: Path, step: str, command: list[str]) -> None:
    """Run a command to its end, measured, unless it has ended in an earlier run."""
    steps = read_steps(folder)
    if len(steps) and (steps["ended"] & (steps["step"] == step)).any():
        return
    print(step, *command[1:], flush=True)
    before, start, code = _cpu_s(), time.monotonic(), None
    with (folder / f"{step}.log").open("a") as log, (folder / "memory.csv").open("a") as samples:
        process = psutil.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            while (code := process.poll()) is None:
                own = mapped = 0.0
                # A process may end while it is looked at.
                with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError):
                    for each in (process, *process.children(recursive=True)):
                        more = memory_mb(each.pid)
                        own, mapped = own + more[0], mapped + more[1]
                now = time.monotonic() - start
                samples.write(f"{step},{now:.1f},{own:.0f},{mapped:.0f},{encoded(folder)}\n")
                samples.flush()
                time.sleep(1)
        finally:
            if code is None:
                process.terminate()
                process.wait()
            row = {
                "step": step, "ended": code == 0, "wall_s": time.monotonic() - start,
                "cpu_s": _cpu_s() - before, "matches": encoded(folder),
            }  # fmt: skip
            with (folder / "steps.jsonl").open("a") as file:
                file.write(json.dumps(row) + "\n")
    if code != 0:
        sys.exit(f"{step} failed: see {folder / f'{step}.log'}.")


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def report(folder: Path) -> None:
    """Print steps, memory while matches were encoded, and disk."""
    names = ["step", "t_s", "own_mb", "mapped_mb", "matches"]
    memory = pd.read_csv(folder / "memory.csv", names=names)
    print("| step | ended | wall s | CPU s | own memory, MB, at most | mapped files, MB |")
    print("|---|---|---:|---:|---:|---:|")
    for step, rows in read_steps(folder).groupby("step", sort=False):
        peak = memory[memory["step"] == step][["own_mb", "mapped_mb"]].max()
        print(
            f"| {step} | {'yes' if rows['ended'].any() else 'no'} | {rows['wall_s'].sum():.0f} | "
            f"{rows['cpu_s'].sum():.0f} | {peak['own_mb']:.0f} | {peak['mapped_mb']:.0f} |"
        )
    shards = memory[memory["step"].str.startswith("features")]
    print("\nMatches encoded: own memory, MB, median and most since ten matches before")
    for ten, rows in shards.groupby(-(-shards["matches"] // 10)):
        print(f"  {10 * ten}: {rows['own_mb'].median():.0f}, {rows['own_mb'].max():.0f}")
    print("\nDisk, MB:")
    for part, size in sorted(sizes_mb(folder).items(), key=lambda item: -item[1]):
        print(f"  {part}: {size:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--matches", type=int, default=80)
    parser.add_argument("--minutes", type=int, default=132)
    parser.add_argument("--moments", type=int, default=4000)
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--report", action="store_true")
    parser.add_argument(
        "--inside", choices=("render", "simulated", ENCODER), help=argparse.SUPPRESS
    )
    options = parser.parse_args()
    folder, ids = options.folder, match_ids(options.matches)
    if options.inside == "render":
        render(folder, ids, options.minutes)
    elif options.inside:
        draw(folder, options.inside)
    elif options.report:
        report(folder)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        steps(options, ids)
        report(folder)


def steps(options: argparse.Namespace, ids: list[str]) -> None:
    """Run what has not ended yet, in order."""
    folder, minutes = options.folder, options.minutes
    ours = [sys.executable, "-m", "vid2vidmr"]
    itself = [sys.executable, *sys.argv, "--inside"]
    data, moments = str(folder / "data"), folder / "moments.csv"
    run(folder, "render", [*itself, "render"])
    write_moments(moments, ids, minutes, options.moments)
    with served(folder / "youtube") as address:
        build = ["build", "sportsmoments", str(moments), "--out", data]
        mirror = ["--download", "--mirror", f"{address}/{{id}}.mp4", "--pause", "0"]
        run(folder, "download-build", [*ours, *build, *mirror])
    run(folder, "build", [*ours, *build])
    run(folder, "simulated", [*ours, "features", data, "--encoder", "simulated"])
    run(folder, "epoch-simulated", [*itself, "simulated"])
    features = [*ours, "features", data, "--encoder", ENCODER]
    for number in range(1, options.shards + 1):
        part = f"{number}/{options.shards}"
        run(folder, f"features-{number}-of-{options.shards}", [*features, "--shard", part])
    run(folder, "epoch", [*itself, ENCODER])


if __name__ == "__main__":
    main()
