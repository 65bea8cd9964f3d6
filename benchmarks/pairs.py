"""Building and opening the table of 750,000 pairs: CPU time and memory.

Run by hand: ``OMP_NUM_THREADS=1 python benchmarks/pairs.py``. The construction is the paper's: all
ordered pairs of different moments of one class. Peers are loops that write the columns of the
released CSV file as JSON Lines, and a pandas merge that writes the same columns as Parquet. Ours
makes the ids, checks and fingerprints them, and writes the data set folder; then opens it as
training does, joined. Every side runs in a process of its own, in turn; medians. Memory is the
peak over what the imports take.
"""

from __future__ import annotations

import itertools
import json
import tempfile
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
import pyarrow.compute
import pyarrow.parquet  # noqa: F401  (imports are no part of what is measured)
from measure import ROUNDS, cpu_s, in_process, peak_mb, print_table

from builders.custom.pairs import custom_pairs
from vid2vidmr.data.dataset import load_dataset
from vid2vidmr.data.info import DatasetInfo
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.data.write import write_dataset

CLASSES, EACH, MATCHES = 16, 217, 80
INFO = DatasetInfo(
    name="bench", title="bench", version="1", source="none", licence="none", citation="none",
    synthetic=True, default_encoder="none",
)  # fmt: skip


def moments(each: int = EACH) -> pd.DataFrame:
    """Moments of `CLASSES` classes in `MATCHES` matches, ids like those of SportsMoments."""
    number = np.arange(CLASSES * each)
    label = number % CLASSES
    start = np.random.default_rng(0).uniform(40, 60, len(number)).round(1)
    ids = [f"abcdefghi{i % MATCHES:02d}__{c}_{i}" for i, c in zip(number, label, strict=True)]
    return pd.DataFrame(
        {
            "moment_id": ids,
            "video_id": ids,
            "label": [f"class {c}" for c in label],
            "split": "train",
            "clip_start_s": 0.0,
            "clip_end_s": 100.0,
            "start_s": start,
            "end_s": start + 9.5,
        }
    )


def loops(folder: Path) -> int:
    """Permutations, dictionaries, JSON Lines."""
    table = moments()
    rows = []
    for label, group in table.groupby("label"):
        members = group.to_dict("records")
        for query, target in itertools.permutations(members, 2):
            rows.append(
                {
                    "query_id": query["moment_id"],
                    "reference_id": target["moment_id"],
                    "reference_segment_start": target["start_s"],
                    "reference_segment_end": target["end_s"],
                    "action_class": label,
                    "reference_duration": target["clip_end_s"],
                }
            )
    with (folder / "train.jsonl").open("w") as file:
        for row in rows:
            file.write(json.dumps(row) + "\n")
    return len(rows)


def merge(folder: Path) -> int:
    """Join with pandas, write Parquet."""
    table = moments()
    columns = ["moment_id", "label", "start_s", "end_s", "clip_end_s"]
    both = table[["moment_id", "label"]].merge(table[columns], on="label")
    both = both[both["moment_id_x"] != both["moment_id_y"]]
    both.to_parquet(folder / "train.parquet", compression="zstd", index=False)
    return len(both)


def write(folder: Path, each: int, limit: int | None) -> int:
    table = moments(each)
    videos = pd.DataFrame(
        {
            "video_id": table["video_id"],
            "source_id": table["video_id"].str[:11],
            "path": None,
            "duration_s": 100.0,
            "sha256": None,
            "status": "missing",
        }
    )
    pairs = custom_pairs(table, False, 0, limit)
    return int(write_dataset(folder, INFO, table, pairs, videos).counts["pairs"]["train"])


def ours(folder: Path) -> int:
    """All pairs."""
    return write(folder, EACH, None)


def limited(folder: Path) -> int:
    """Drawn: a million candidates, at most 45,000 pairs a class."""
    return write(folder, 250, 45_000)


def opened(folder: Path) -> int:
    """Open the folder as training does: joined, with the columns that samples are read by."""
    pairs: PairSet = load_dataset(folder / "kept").pairs("train")
    pairs._columns  # noqa: B018
    return len(pairs)


SIDES = {side.__name__: side for side in (loops, merge, ours, limited, opened)}


def run(side: str, folder: Path) -> tuple[int, float, float, float]:
    """Pairs, CPU seconds, memory over the imports and in all, MB."""
    before, counted = peak_mb(), list[int]()
    seconds = cpu_s(lambda: counted.append(SIDES[side](folder)))
    return counted[0], seconds, peak_mb() - before, peak_mb()


def main() -> None:
    files = {"loops": "train.jsonl", "merge": "train.parquet"}
    rows, found = [], {side: list[tuple[int, float, float, float]]() for side in SIDES}
    with tempfile.TemporaryDirectory() as root:
        ours(Path(root) / "kept")
        for number in range(ROUNDS):
            for side in SIDES:
                folder = Path(root) if side == "opened" else Path(root) / f"{side}{number}"
                folder.mkdir(exist_ok=True)
                found[side].append(in_process(run, side, folder))
        for side, runs in found.items():
            pairs, cpu, mb, all_mb = (median(values) for values in zip(*runs, strict=True))
            folder = Path(root) / ("kept" if side == "opened" else f"{side}0")
            disk = (folder / files.get(side, "pairs/train.parquet")).stat().st_size / 1e6
            ratio = median(seconds for _, seconds, *_ in found["loops"]) / cpu
            numbers = f"{pairs:,}", f"{cpu:.2f}", f"{ratio:.1f}", f"{mb:.0f}", f"{all_mb:.0f}"
            rows.append((side, *numbers, f"{disk:.1f}"))
    heads = ["pairs", "CPU s", "loops / this", "MB over the imports", "MB in all", "MB on disk"]
    print_table(["", *heads], rows)


if __name__ == "__main__":
    main()
