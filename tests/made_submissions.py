"""Making submissions for tests: predictions of known quality, taken in by `submit`."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import numpy as np

from leaderboard.submit import submit
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.data.protocols import WRONG_QUERIES
from vid2vidmr.errors import UserError


def windows_of(pairs: PairSet, shift: float, seed: int) -> list[list[list[float]]]:
    """The truth, moved at random by up to `shift` of its length, and a second window."""
    moved = np.random.default_rng(seed).uniform(-shift, shift, len(pairs))
    start, end = (pairs.table[name].to_numpy("float64") for name in ("start_s", "end_s"))
    start, end = start + moved * (end - start), end + moved * (end - start)
    last = pairs.durations_s
    return [
        [[max(s, 0), min(e, d), 0.9], [0, d, 0.1]] for s, e, d in zip(start, end, last, strict=True)
    ]


def add_submission(
    root: Path,
    dataset: Dataset,
    name: str,
    *,
    kind: str = "trained",
    shift: float = 0.2,
    seeds: tuple[int, ...] = (0,),
    protocols: tuple[str, ...] = ("official", "recropped"),
    wrong: bool = False,
    **card: object,
) -> Path:
    """Submit predictions for the test pairs of a data set."""
    work = root.parent / f"{name}-files"
    work.mkdir(parents=True)
    files = []
    for protocol in protocols:
        for seed in seeds:
            right = dataset.pairs("test").under(protocol)
            sets = [right]
            if wrong:
                with suppress(UserError):  # one class
                    sets.append(right.under(WRONG_QUERIES))
            for number, pairs in enumerate(sets):
                found = windows_of(pairs, shift + 2 * number, seed)
                files.append(work / f"{protocol}-{seed}-{number}.jsonl")
                header = {
                    "method": name, "seed": seed, "dataset": dataset.name, "split": "test",
                    "dataset_fingerprint": dataset.fingerprint, "protocol": str(pairs.protocol),
                    "config": {"shift": shift},
                }  # fmt: skip
                lines = [{"header": header}] + [
                    {"pair_id": pair_id, "windows": windows}
                    for pair_id, windows in zip(pairs.table["pair_id"], found, strict=True)
                ]
                files[-1].write_text("".join(json.dumps(line) + "\n" for line in lines))
    path = work / "card.yaml"
    path.write_text(json.dumps({"name": name, "title": f"The {name} method", "kind": kind} | card))
    return submit(files, path, root=root)
