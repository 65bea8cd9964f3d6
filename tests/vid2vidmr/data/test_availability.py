"""The availability manifest, and scores restricted to what it lists."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import Ran
from mini_dataset import INFO

from vid2vidmr.data.availability import read_manifest
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.protocols import Protocol
from vid2vidmr.data.write import write_dataset, write_videos
from vid2vidmr.downloads.dataset import write_manifest
from vid2vidmr.errors import DataError
from vid2vidmr.evaluation.predictions import PredictionHeader, write_predictions
from vid2vidmr.evaluation.results import evaluate_file
from vid2vidmr.files import read_json, write_json
from vid2vidmr.records import Prediction


def small_dataset(folder: Path, here: int = 10) -> Dataset:
    """Four videos of train and of val, twelve of test; the first `here` of test have files."""
    numbers = {"train": 4, "val": 4, "test": 12}
    ids = [f"{split}{i}" for split, n in numbers.items() for i in range(n)]
    rng = np.random.default_rng(0)
    moments = pd.DataFrame(
        {
            "moment_id": [f"m-{video}" for video in ids],
            "video_id": ids,
            "label": [f"{video[:-1]}-{i % 2}" for i, video in enumerate(ids)],
            "split": [video.rstrip("0123456789") for video in ids],
            "clip_start_s": 0.0,
            "clip_end_s": 60.0,
            "start_s": rng.uniform(5, 30, len(ids)).round(1),
        }
    ).assign(end_s=lambda t: t["start_s"] + 10)
    pairs = {
        split: pd.DataFrame(
            {
                "pair_id": [f"{split}-{i}" for i in range(n)],
                "query_id": [f"m-{split}{i}" for i in range(n)],
                "target_id": [f"m-{split}{(i + 2) % n}" for i in range(n)],
            }
        )
        for split, n in numbers.items()
    }
    test = [int(video[4:]) if video.startswith("test") else 0 for video in ids]
    path = [f"videos/{v}.mp4" if i < here else None for v, i in zip(ids, test, strict=True)]
    videos = pd.DataFrame(
        {
            "video_id": ids,
            "source_id": ids,
            "path": path,
            "duration_s": 60.0,
            "sha256": "0" * 64,
            "status": ["missing" if p is None else "ok" for p in path],
        }
    )
    return write_dataset(folder, INFO, moments, pairs, videos)


def test_a_manifest_says_what_is_here(tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path)
    path = write_manifest(dataset)
    manifest = read_manifest(path, dataset)
    assert len(manifest.videos) == 20 and len(manifest.available) == 18
    assert {v.video_id for v in manifest.videos if v.status == "missing"} == {"test10", "test11"}
    assert all((v.sha256 is None) == (v.status == "missing") for v in manifest.videos)
    assert manifest.date.startswith("20") and manifest.date.endswith("+00:00")


def test_the_subset_is_named_by_its_videos_alone(tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path)
    first = read_manifest(write_manifest(dataset), dataset)
    write_videos(tmp_path, dataset.videos.assign(sha256="1" * 64))
    second = read_manifest(write_manifest(Dataset(tmp_path)), dataset)
    assert first.sha256 != second.sha256 and first.subset == second.subset
    assert Dataset(tmp_path).fingerprint == dataset.fingerprint
    write_videos(tmp_path, dataset.videos.assign(path=None))
    assert read_manifest(write_manifest(Dataset(tmp_path)), dataset).subset != first.subset


def test_manifests_that_are_refused(tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path / "a")
    path = write_manifest(dataset)
    value = read_json(path)
    value["videos"][0]["status"] = "missing"
    write_json(path, value)
    with pytest.raises(DataError, match="was changed after it was written"):
        read_manifest(path, dataset)
    write_json(path, {"videos": []})
    with pytest.raises(DataError, match="is not an availability manifest"):
        read_manifest(path, dataset)
    other = small_dataset(tmp_path / "b")
    moments = other.moments.assign(start_s=1.0)
    pairs = {s: pd.read_parquet(tmp_path / f"b/pairs/{s}.parquet") for s in other.splits}
    other = write_dataset(tmp_path / "b", INFO, moments, pairs, other.videos)
    with pytest.raises(DataError, match="built from the same annotations"):
        read_manifest(write_manifest(other), dataset)


def test_pairs_need_both_videos(tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path)
    manifest = read_manifest(write_manifest(dataset), dataset)
    kept = dataset.pairs("test").under("official", only=manifest)
    gone = {"test8": "target", "test9": "target", "test10": "query", "test11": "query"}
    assert set(dataset.pairs("test").table["query_video"]) - set(kept.table["query_video"]) == set(
        gone
    )
    assert str(kept.protocol) == f"official, only {manifest.subset}"
    few = small_dataset(tmp_path / "few", here=1)
    manifest = read_manifest(write_manifest(few), few)
    with pytest.raises(DataError, match="None of the 12 test pairs has both videos"):
        few.pairs("test").under("official", only=manifest)


def predictions(dataset: Dataset, path: Path, protocol: str = "official") -> Path:
    header = PredictionHeader(
        method="centre", dataset=dataset.name, dataset_fingerprint=dataset.fingerprint,
        split="test", protocol=Protocol.parse(protocol),
    )  # fmt: skip
    made = [
        Prediction(pair_id=pair.pair_id, windows=((10.0, 10.0 + 5 * (i + 1), 1.0),))
        for i, pair in enumerate(dataset.pairs("test"))
    ]
    write_predictions(path, header, made)
    return path


@pytest.mark.parametrize("protocol", ["official", "recropped", "official, wrong queries"])
def test_predictions_of_all_pairs_are_scored_on_the_subset(tmp_path: Path, protocol: str) -> None:
    dataset = small_dataset(tmp_path)
    manifest = read_manifest(write_manifest(dataset), dataset)
    path = predictions(dataset, tmp_path / "p.jsonl", protocol)
    whole = evaluate_file(path, dataset)[-1]
    header, _, part = evaluate_file(path, dataset, only=manifest)
    assert header is not None and str(header.protocol) == f"{protocol}, only {manifest.subset}"
    assert len(whole.per_pair) == 12 and 1 <= len(part.per_pair) < 12
    assert part.per_pair.equals(whole.per_pair.loc[part.per_pair.index])
    assert part.coverage == 1.0


def test_predictions_of_unknown_pairs_are_still_refused(tmp_path: Path) -> None:
    dataset = small_dataset(tmp_path)
    manifest = read_manifest(write_manifest(dataset), dataset)
    path = predictions(dataset, tmp_path / "p.jsonl")
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, '{"pair_id": "test-99", "windows": []}']) + "\n")
    with pytest.raises(DataError, match="test-99"):
        evaluate_file(path, dataset, only=manifest)


def test_bench_and_evaluate_say_which_subset(cli, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    dataset = small_dataset(tmp_path / "data")
    manifest = read_manifest(write_manifest(dataset), dataset)
    bench = [
        "bench", "--dataset", dataset.path, "--methods", "centre", "--out", tmp_path / "runs"
    ]  # fmt: skip
    whole: Ran = cli(*bench, "--json")
    assert whole.code == 0, whole.err
    only = ["--only-available", dataset.path / "availability.json"]
    ran = cli(*bench, *only, "--json")
    assert ran.code == 0, ran.err
    results = json.loads(ran.out)["results"]
    named = {f"{p}, only {manifest.subset}" for p in ("official", "recropped")}
    assert {r["header"]["protocol"] for r in results} == named
    assert {r["pairs"] for r in results} == {8}
    assert {r["pairs"] for r in json.loads(whole.out)["results"]} == {12}  # runs stay apart
    assert json.loads(cli(*bench, "--json").out)["results"] == json.loads(whole.out)["results"]

    shown = cli(*bench, *only).out
    assert f"only {manifest.subset} " in shown and "centre" in shown
    assert max(map(len, shown.splitlines()[:14])) <= 80

    made = next((tmp_path / "runs" / "centre").rglob(f"official-only-{manifest.subset}"))
    lone = cli("evaluate", made / "predictions.jsonl", "--dataset", dataset.path)
    assert lone.code == 2 and "pass that manifest with --only-available" in lone.err
    scored = cli("evaluate", made / "predictions.jsonl", "--dataset", dataset.path, *only, "--json")
    assert scored.code == 0, scored.err
    assert json.loads(scored.out)["pairs"] == 8

    full = next((tmp_path / "runs" / "centre").rglob("official")) / "predictions.jsonl"
    scored = cli("evaluate", full, "--dataset", dataset.path, *only)
    assert scored.code == 0, scored.err
    assert f"centre, official, only {manifest.subset}: 8 pairs" in scored.out
    result = read_json(full.with_suffix(f".{manifest.subset}.result.json"))
    assert result["header"]["protocol"] == f"official, only {manifest.subset}"
    assert result["pairs"] == 8
    assert read_json(full.parent / "result.json")["header"]["protocol"] == "official"
