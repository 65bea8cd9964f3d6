import csv
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import Ran
from test_extract import files_of

from vid2vidmr.alignment import subsequence_ends
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.info import DatasetInfo
from vid2vidmr.data.write import write_dataset
from vid2vidmr.errors import FeatureError
from vid2vidmr.evaluation.results import read_result
from vid2vidmr.features.extract import extract_features
from vid2vidmr.features.simulated import Simulation
from vid2vidmr.features.store import FeatureStore, open_features

INFO = DatasetInfo(
    name="fields", title="Fields", version="1", source="the test", licence="MIT", citation="none",
    synthetic=False, default_encoder="clip-vit-b32",
)  # fmt: skip
CLEAN = Simulation(share_jitter=0, distractors=0, offset=0, bias=0, drift=0, noise=0)


def fields(folder: Path, videos: int = 12) -> Dataset:
    """Videos of 60 s, one moment each: two classes of train, two of test; nothing was filmed."""
    ids = [f"v{i}" for i in range(videos)]
    moments = pd.DataFrame(
        {
            "moment_id": [f"m-{video}" for video in ids],
            "video_id": ids,
            "label": [f"class {i % 4}" for i in range(videos)],
            "split": ["train" if i % 4 < 2 else "test" for i in range(videos)],
            "clip_start_s": 4.0,
            "clip_end_s": 60.0,
            "start_s": [6.0 + i % 30 for i in range(videos)],
            "end_s": [22.0 + i % 30 for i in range(videos)],
        }
    )
    both = moments.merge(moments, on=["label", "split"], suffixes=("_query", "_target"))
    both = both[both["video_id_query"] != both["video_id_target"]]
    pairs = {
        str(split): pd.DataFrame(
            {
                "pair_id": [f"{split}-{i}" for i in range(len(rows))],
                "query_id": rows["moment_id_query"].to_numpy(),
                "target_id": rows["moment_id_target"].to_numpy(),
            }
        )
        for split, rows in both.groupby("split")
    }
    table = pd.DataFrame(
        {"video_id": ids, "source_id": ids, "path": None, "duration_s": 60.0, "sha256": None,
         "status": "missing"}
    )  # fmt: skip
    return write_dataset(folder, INFO, moments, pairs, table)


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def shown(label: str, start_s: float = 10, end_s: float = 50, name: str = "v") -> np.ndarray:
    """Rows of a moment in a video without jitter and noise."""
    rows = CLEAN.features(name, 60, [(start_s, end_s, label)])
    return rows[int(start_s) // 2 : int(end_s) // 2]


def test_the_same_seed_gives_the_same_bytes_whatever_else_is_made(tmp_path: Path) -> None:
    simulation = Simulation()
    twice = [simulation.features("v", 47.5, [(3, 17, "run"), (20, 31, "jump")]) for _ in range(2)]
    assert np.array_equal(*twice)
    assert twice[0].shape == (24, 512)
    assert twice[0].dtype == np.float32
    other = replace(simulation, seed=1).features("v", 47.5, [(3, 17, "run"), (20, 31, "jump")])
    assert not np.allclose(twice[0], other)
    few = Simulation().extract(fields(tmp_path / "few", 3))
    many = Simulation().extract(fields(tmp_path / "many", 12))
    for video in few.video_ids:
        assert np.array_equal(few.rows(video), many.rows(video))


def test_the_contract_says_that_no_video_was_looked_at(tmp_path: Path) -> None:
    dataset = fields(tmp_path)
    store = extract_features(dataset, "simulated")
    assert store.contract == open_features(dataset, "simulated").contract
    assert store.contract.simulated
    assert store.contract.encoder == "simulated"
    assert len(store.rows("v0")) == 30
    with pytest.raises(FeatureError, match="weights_sha256"):
        Simulation(noise=0.5).extract(dataset)


@pytest.mark.parametrize("field", ["seed", "pool", "noise", "script_shots"])
def test_every_number_is_in_the_contract(field: str) -> None:
    changed = {"seed": 3, "pool": 40, "noise": 0.1, "script_shots": (2, 3)}[field]
    other = replace(Simulation(), **{field: changed})
    assert other.contract.weights_sha256 != Simulation().contract.weights_sha256


def test_a_class_is_one_script_in_every_video_and_classes_share_shots() -> None:
    scripts = {}
    for label in [f"class {i}" for i in range(40)]:
        rows = shown(label).round(3)
        changes = np.flatnonzero(np.abs(np.diff(rows, axis=0)).sum(axis=1) > 0.1)
        shots = rows[[0, *(changes + 1)]]
        assert 3 <= len(shots) <= 5
        scripts[label] = [tuple(np.round(shot, 1)) for shot in shots]
        np.testing.assert_allclose(shown(label, name="w"), shown(label), atol=1e-4)
    distinct = {shot for script in scripts.values() for shot in script}
    assert len(distinct) <= CLEAN.pool < sum(map(len, scripts.values()))
    assert len({tuple(script) for script in scripts.values()}) == len(scripts)


def test_where_moments_overlap_the_later_one_is_seen() -> None:
    both = CLEAN.features("v", 60, [(20, 40, "b"), (10, 30, "a")])
    assert np.array_equal(both, CLEAN.features("v", 60, [(10, 30, "a"), (20, 40, "b")]))
    alone_a = CLEAN.features("v", 60, [(10, 30, "a")])
    alone_b = CLEAN.features("v", 60, [(20, 40, "b")])
    assert np.array_equal(both[5:10], alone_a[5:10])
    assert np.array_equal(both[10:20], alone_b[10:20])


def test_order_matters() -> None:
    """A query whose shots come in reverse aligns worse than the query, in most of 60 classes."""
    simulation = Simulation()
    wins = 0
    for i in range(60):
        label = f"class {i}"
        query, target = (
            simulation.features(f"{name}{i}", 90, [(30, end_s, label)])
            for name, end_s in (("q", 50), ("t", 56))
        )
        target = unit(target - target.mean(axis=0))
        query = unit(query[15:25] - query.mean(axis=0))
        right, reversed_ = (
            subsequence_ends(1 - target @ rows.T)[0].min() for rows in (query, query[::-1])
        )
        wins += right < reversed_
    assert wins >= 50


def test_files_without_a_window_or_a_length_are_the_moment(tmp_path: Path) -> None:
    dataset = fields(tmp_path)
    moments, videos = dataset.moments, dataset.videos
    pairs = pd.read_parquet(tmp_path / "pairs" / "test.parquet")
    query = pairs["query_id"].iloc[0]
    video = query.removeprefix("m-")
    moments.loc[moments["moment_id"] == query, ["start_s", "end_s", "clip_end_s"]] = np.nan
    moments.loc[moments["moment_id"] == query, "clip_start_s"] = 0.0
    videos.loc[videos["video_id"] == video, "duration_s"] = np.nan
    pairs = pairs[pairs["target_id"] != query]
    changed = write_dataset(tmp_path / "changed", INFO, moments, {"test": pairs}, videos)
    store = CLEAN.extract(changed)
    rows = store.rows(video)
    assert 2 <= len(rows) <= 6
    label = moments.set_index("moment_id").loc[query, "label"]
    np.testing.assert_allclose(rows[0], shown(label)[0], atol=0.02)  # float16
    with_features = changed.pairs("test", store)
    assert len(with_features.query_features(0)) == len(rows)


KILLED = """
import sys
sys.path[:0] = ["tests"]
from pathlib import Path
from vid2vidmr.data.dataset import load_dataset
from vid2vidmr.features.simulated import Simulation
dataset = load_dataset(sys.argv[1])
print("go", flush=True)
Simulation().extract(dataset, Path(sys.argv[2]))
"""


def test_a_query_is_simulated_from_its_own_start(tmp_path: Path) -> None:
    dataset = fields(tmp_path)
    store = CLEAN.extract(dataset)
    pairs = dataset.pairs("test", store)
    (i,) = np.flatnonzero(pairs.table["query_id"] == "m-v7")[:1]
    moment = dataset.moments.set_index("moment_id").loc["m-v7"]
    start_s = float(moment["clip_start_s"] + moment["start_s"])
    assert start_s % 2 == 1  # between two rows of the grid
    rows = pairs.query_features(int(i))
    shots = unique_runs(unit(rows))
    assert len(rows) == 8 and shots == unique_runs(
        unit(store.rows("v7", start_s + 1, start_s + 15))
    )
    grid = CLEAN.features("v7", 60, [(start_s, start_s + 16, moment["label"])])
    np.testing.assert_allclose(store.rows("v7"), grid, atol=0.02)  # other times change no row


def unique_runs(rows: np.ndarray) -> int:
    """How many shots follow one another."""
    return 1 + int(((rows[1:] * rows[:-1]).sum(1) < 0.999).sum())


def test_killed_at_any_moment_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    dataset = fields(tmp_path, 120)
    whole = Simulation().extract(dataset, tmp_path / "whole")
    rng = random.Random(5)
    sizes = set()
    for _ in range(4):
        run = subprocess.Popen(
            [sys.executable, "-c", KILLED, tmp_path, tmp_path / "killed"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert run.stdout is not None
        assert run.stdout.readline() == b"go\n"
        time.sleep(rng.uniform(0.0, 0.15))
        os.kill(run.pid, signal.SIGKILL)
        run.communicate()
        if (tmp_path / "killed" / "contract.json").exists():
            sizes.add(len(FeatureStore(tmp_path / "killed")))
    assert sizes - {120}, "no run was killed while it worked"
    resumed = Simulation().extract(dataset, tmp_path / "killed")
    assert files_of(resumed) == files_of(whole)


def test_what_is_made_from_simulated_features_says_so(
    tmp_path: Path, cli: Callable[..., Ran]
) -> None:
    folder, runs = tmp_path / "fields", tmp_path / "runs"
    fields(folder)
    ran = cli("features", folder, "--encoder", "simulated")
    assert ran.code == 0, ran.err
    ran = cli(
        "bench", "--dataset", folder, "--methods", "dtw-match", "--encoder", "simulated",
        "--out", runs,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "fields (simulated features), test split, 12 pairs" in ran.out
    for name in ("table.md", "table.tex"):
        text = (runs / name).read_text()
        assert "simulated features" in text
        assert "stand on no leaderboard" in text
    with (runs / "table.csv").open() as file:
        assert {row["simulated"] for row in csv.DictReader(file)} == {"True"}
    results = [read_result(path) for path in runs.rglob("result.json")]
    # Bias rows look at no features: their numbers are those of the real annotations.
    assert all(result.header.simulated == (result.kind != "bias") for result in results)
    (header, *_) = next(runs.rglob("dtw-match/**/predictions.jsonl")).read_text().splitlines()
    assert json.loads(header)["header"]["simulated"] is True


def test_real_features_are_not_marked(tiny: Path, tmp_path: Path, cli: Callable[..., Ran]) -> None:
    ran = cli("bench", "--dataset", "minimatch", "--methods", "dtw-match", "--out", tmp_path / "r")
    assert ran.code == 0, ran.err
    assert "simulated" not in ran.out
    assert not any(read_result(p).header.simulated for p in (tmp_path / "r").rglob("result.json"))
