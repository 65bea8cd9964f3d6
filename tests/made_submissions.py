"""Making submissions for tests: predictions of known quality, taken in by `submit`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from leaderboard.submit import submit
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.info import TARGET_COLUMNS, DatasetInfo
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.data.protocols import WRONG_QUERIES
from vid2vidmr.data.write import write_dataset
from vid2vidmr.errors import UserError
from vid2vidmr.methods.load import load_method


def made_dataset(
    home: Path,
    pairs: int = 40,
    *,
    name: str = "made",
    label: str = "a class",
    exhaustive: bool = False,
    options: Mapping[str, object] | None = None,
    synthetic: bool = True,
) -> Dataset:
    """Write a data set of `pairs` pairs, a target video each, without files.

    If it is exhaustive, it has open targets, of which every third holds two moments.
    """
    ids = [f"v{i}" for i in range(pairs)]
    moments = pd.DataFrame(
        {
            "moment_id": [f"m{i}" for i in range(pairs)], "video_id": ids,
            "label": [label if i % 2 else "another" for i in range(pairs)], "split": "test",
            "clip_start_s": 0.0, "clip_end_s": 60.0,
            "start_s": [float(5 + i % 20) for i in range(pairs)],
            "end_s": [float(10 + i % 20 + i % 7) for i in range(pairs)],
        }
    )  # fmt: skip
    table = pd.DataFrame(
        {
            "pair_id": [f"pair-{i}" for i in range(pairs)],
            "query_id": moments["moment_id"].to_numpy(),
            "target_id": [f"m{(i + 2) % pairs}" for i in range(pairs)],
        }
    )
    videos = pd.DataFrame(
        {
            "video_id": ids, "source_id": ids, "path": None, "duration_s": 60.0, "sha256": None,
            "status": "missing",
        }
    )  # fmt: skip
    info = DatasetInfo(
        name=name, title=f"{label} & co", version="1", source="a test", licence="MIT",
        citation="none", synthetic=synthetic, default_encoder="none",
    )  # fmt: skip
    if not exhaustive:
        return write_dataset(home / name, info, moments, {"test": table}, videos, options)
    more = moments[::3].assign(start_s=40.0, end_s=52.0)
    more["moment_id"] += "-again"
    targets = moments.assign(label="")[list(TARGET_COLUMNS)]
    moments = pd.concat([moments, more], ignore_index=True)
    return write_dataset(home / name, info, moments, {"test": table}, videos, options, targets)


def windows_of(pairs: PairSet, shift: float, seed: int) -> list[list[list[float]]]:
    """The truth, moved at random by up to `shift` of its length, and a second window."""
    moved = np.random.default_rng(seed).uniform(-shift, shift, len(pairs))
    start, end = np.nan_to_num(pairs.truth[:, 0], nan=20.0).T  # somewhere, where there is none
    start, end = start + moved * (end - start), end + moved * (end - start)
    last = pairs.durations_s
    return [
        [[max(s, 0), min(e, d), 0.9], [0, d, 0.1]] for s, e, d in zip(start, end, last, strict=True)
    ]


def exists_of(pairs: PairSet, shift: float, seed: int) -> list[float]:
    """How sure a made up method is of each target: rightly, but for up to `shift`."""
    wrong = np.random.default_rng(seed).uniform(0, shift, len(pairs))
    present = ~np.isnan(pairs.truth[:, 0, 0])
    return np.round(np.clip(np.where(present, 0.9 - wrong, 0.1 + wrong), 0, 1), 6).tolist()


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
    method: str | None = None,
    header: dict[str, object] | None = None,
    **card: object,
) -> Path:
    """Submit predictions for the test pairs of a data set: made up, or those of a `method`."""
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
                config: dict[str, object] = {"shift": shift}
                if method is None:
                    found = windows_of(pairs, shift + 2 * number, seed)
                else:
                    row = load_method(method)
                    row.seed, config = seed, asdict(row.config)
                    found = [list(map(list, p.windows)) for p in row.predict(pairs)]
                lines: list[dict[str, object]] = [
                    {"pair_id": pair_id, "windows": windows}
                    for pair_id, windows in zip(pairs.table["pair_id"], found, strict=True)
                ]
                files.append(work / f"{protocol}-{seed}-{number}.jsonl")
                said: dict[str, object] = {
                    "method": method or name,
                    "seed": seed,
                    "dataset": dataset.name,
                    "split": "test",
                    "dataset_fingerprint": dataset.fingerprint,
                    "protocol": str(pairs.protocol),
                    "config": config,
                }
                if pairs.protocol.is_open:
                    assert pairs.targets is not None
                    said["targets"] = pairs.targets.key
                    sure = [float(bool(windows)) for windows in found]
                    if method is None:
                        sure = exists_of(pairs, shift, seed)
                    lines = [line | {"exists": s} for line, s in zip(lines, sure, strict=True)]
                lines.insert(0, {"header": said | (header or {})})
                files[-1].write_text("".join(json.dumps(line) + "\n" for line in lines))
    path = work / "card.yaml"
    path.write_text(json.dumps({"name": name, "title": f"The {name} method", "kind": kind} | card))
    return submit(files, path, root=root)
