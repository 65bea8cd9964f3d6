"""Exported folders, read back as the tools' documentation describes them."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vid2vidmr import load_dataset
from vid2vidmr.cli.publishing import LayoutName
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.write import write_dataset
from vid2vidmr.errors import FeatureError, UserError
from vid2vidmr.features.store import FeatureStore, open_features
from vid2vidmr.features.writer import FeatureWriter
from vid2vidmr.publish.export import LAYOUTS, export_layout

ENCODER, CLIP_S = "efficientnet-lite0", 2
DOCUMENTED = {
    # README.md and data/README.md of jayleicn/moment_detr; the names of its feature archive
    "moment-detr": (
        "data/highlight_{split}_release.jsonl",
        "features/clip_features",
        "features/clip_text_features",
    ),
    # install.md of showlab/UniVTG
    "univtg": (
        "data/minimatch/metadata/minimatch_{split}.jsonl",
        "data/minimatch/vid_clip",
        "data/minimatch/txt_clip",
    ),
    # README.md of line/lighthouse
    "lighthouse": (
        "data/minimatch/minimatch_{split}_release.jsonl",
        "features/minimatch/clip",
        "features/minimatch/clip_text",
    ),
}


def read_item(row: dict, videos: Path, texts: Path) -> dict[str, np.ndarray]:
    """One item as the DETRs are fed, written from their documentation alone."""
    with np.load(videos / f"{row['vid']}.npz") as file:
        video = file["features"].astype(np.float32)
    with np.load(texts / f"qid{row['qid']}.npz") as file:
        query = file["last_hidden_state"].astype(np.float32)
    raw = video
    video, query = (x / (np.linalg.norm(x, axis=1, keepdims=True) + 1e-5) for x in (video, query))
    length = len(video)
    tef = np.arange(length, dtype=np.float32)[:, None] / length
    video = np.concatenate([video, tef, tef + 1 / length], axis=1)
    spans = np.array(row["relevant_windows"]) / (length * CLIP_S)
    spans = np.stack([spans.mean(1), np.diff(spans)[:, 0]], axis=1)
    relevant = np.zeros(length, bool)
    relevant[row["relevant_clip_ids"]] = True
    return {"raw": raw, "video": video, "query": query, "spans": spans, "relevant": relevant}


@pytest.fixture
def dataset(tiny: Path) -> Dataset:
    return load_dataset(tiny)


@pytest.fixture
def store(dataset: Dataset) -> FeatureStore:
    return open_features(dataset, ENCODER)


def rows_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("layout", DOCUMENTED)
def test_it_reads_as_documented(
    layout: str, dataset: Dataset, store: FeatureStore, tmp_path: Path
) -> None:
    exported = export_layout(dataset, layout, store, tmp_path)
    annotations, videos, texts = DOCUMENTED[layout]
    qids: list[int] = []
    dim = store.contract.dim
    for split in dataset.splits:
        rows = rows_of(tmp_path / annotations.format(split=split))
        pairs = dataset.pairs(split, store)
        assert exported.written[split] == len(rows) == len(pairs)
        for i, (row, pair) in enumerate(zip(rows, pairs, strict=True)):
            qids.append(row["qid"])
            assert isinstance(row["qid"], int) and isinstance(row["query"], str)
            assert row["pair_id"] == pair.pair_id
            video_id, start_s, end_s = row["vid"].rsplit("_", 2)  # {video}_{start}_{end}
            assert video_id == pair.target_video_id
            assert float(end_s) - float(start_s) == pytest.approx(row["duration"], abs=2e-3)
            item = read_item(row, tmp_path / videos, tmp_path / texts)
            length = len(item["video"])
            assert length == -(-row["duration"] // CLIP_S)
            assert item["video"].shape == (length, dim + 2)
            assert item["query"].shape[1] == dim
            np.testing.assert_allclose(np.linalg.norm(item["video"][:, :dim], axis=1), 1, atol=1e-3)
            np.testing.assert_array_equal(item["raw"], pairs.target_features(i))
            assert item["video"][-1, -1] == pytest.approx(1)
            [(start, end)] = row["relevant_windows"]
            assert 0 <= start < end <= row["duration"] <= length * CLIP_S
            assert (item["spans"] > 0).all() and (item["spans"] <= 1).all()
            # Clips that lie in the window whole are relevant, those outside of it are not.
            clip = np.arange(length) * CLIP_S
            assert item["relevant"][(clip >= start) & (clip + CLIP_S <= end)].all()
            assert not item["relevant"][(clip + CLIP_S <= start) | (clip >= end)].any()
            assert len(row["saliency_scores"]) == len(row["relevant_clip_ids"]) > 0
            assert all(len(s) == 3 and set(s) <= set(range(5)) for s in row["saliency_scores"])
    assert len(set(qids)) == len(qids) == sum(dataset.counts["pairs"].values())
    assert {path.name for path in (tmp_path / texts).iterdir()} == {f"qid{q}.npz" for q in qids}


@pytest.fixture
def crossed(dataset: Dataset, tmp_path: Path) -> Dataset:
    """The same moments, every query of test asked twice, and a train pair before them."""
    test, train = (dataset.pairs(split).table for split in ("test", "train"))
    columns = ["pair_id", "query_id", "target_id"]
    twice = pd.concat([test[columns], test[columns].assign(pair_id=test["pair_id"] + "-again")])
    pairs = {"train": train[columns].head(1), "test": twice}
    return write_dataset(tmp_path / "crossed", dataset.info, dataset.moments, pairs, dataset.videos)


def test_queries_are_written_once_and_numbered_the_same_alone(
    crossed: Dataset, store: FeatureStore, tmp_path: Path
) -> None:
    whole = export_layout(crossed, "univtg", store, tmp_path / "all")
    alone = export_layout(crossed, "univtg", store, tmp_path / "test", ["test"])
    rows = rows_of(whole.files["test"])
    assert rows == rows_of(alone.files["test"])
    assert [row["qid"] for row in rows] == list(range(1, 1 + len(rows)))
    files = list((tmp_path / "test" / "data/minimatch/txt_clip").iterdir())
    queries = crossed.pairs("test").table["query_id"].nunique()
    assert len({path.stat().st_ino for path in files}) == queries <= len(files) // 2


def test_captions_are_the_query(crossed: Dataset, store: FeatureStore, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    texts = {m: rng.standard_normal((5, 8)).astype("f4") for m in crossed.moments["moment_id"]}
    contract = store.contract.model_copy(update={"dim": 8, "dtype": "float32"})
    with FeatureWriter(tmp_path / "texts", contract) as writer:
        for moment, rows in texts.items():
            writer.append(moment, rows)
    captions = FeatureStore(tmp_path / "texts")
    found = export_layout(crossed, "lighthouse", store, tmp_path / "out", ["test"], captions)
    pairs = crossed.pairs("test")
    for row, pair in zip(rows_of(found.files["test"]), pairs, strict=True):
        item = np.load(tmp_path / f"out/features/minimatch/clip_text/qid{row['qid']}.npz")
        np.testing.assert_array_equal(item["last_hidden_state"], texts[pair.query_id])


def test_a_killed_export_continues_and_others_are_refused(
    dataset: Dataset, store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = export_layout(dataset, "lighthouse", store, tmp_path / "whole", ["test"])
    real, saved = np.savez, []

    def stopping(path: Path, **arrays: np.ndarray) -> None:
        saved.append(path)
        if len(saved) == 4:
            raise KeyboardInterrupt
        real(path, **arrays)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(np, "savez", stopping)
        export_layout(dataset, "lighthouse", store, tmp_path / "cut", ["test"])
    assert not (tmp_path / "cut" / "data").exists()
    again = export_layout(dataset, "lighthouse", store, tmp_path / "cut", ["test"])
    assert rows_of(again.files["test"]) == rows_of(whole.files["test"])
    for path in (tmp_path / "whole").rglob("*.npz"):
        other = tmp_path / "cut" / path.relative_to(tmp_path / "whole")
        assert other.read_bytes() == path.read_bytes()
    assert not list((tmp_path / "cut").rglob(".tmp-*"))
    with pytest.raises(UserError, match="holds another export"):
        export_layout(dataset, "univtg", store, tmp_path / "cut", ["test"])


def test_pairs_without_features_are_left_out_and_counted(
    dataset: Dataset, store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = dataset.moments.drop_duplicates("video_id")["moment_id"]  # each asks for itself
    table = pd.DataFrame({"pair_id": moments, "query_id": moments, "target_id": moments})
    on_grid = dataset.moments.assign(split="val", start_s=dataset.moments["start_s"] // 2 * 2)
    built = write_dataset(tmp_path / "own", dataset.info, on_grid, {"val": table}, dataset.videos)
    off_grid = built.moments.assign(start_s=built.moments["start_s"] + 0.03)
    other = write_dataset(tmp_path / "no", dataset.info, off_grid, {"val": table}, dataset.videos)
    with pytest.raises(FeatureError, match="No val pair of minimatch has features"):
        export_layout(other, "moment-detr", store, tmp_path / "none")  # of no query
    known = built.videos["video_id"].tolist()[1:]
    monkeypatch.setattr(FeatureStore, "video_ids", property(lambda self: known))
    found = export_layout(built, "moment-detr", store, tmp_path / "out")
    assert (found.written, found.left_out) == ({"val": len(known)}, {"val": 1})
    rows = rows_of(found.files["val"])
    assert {row["vid"].rsplit("_", 2)[0] for row in rows} == set(known)
    assert all(table["pair_id"].iloc[row["qid"]] == row["pair_id"] for row in rows)
    monkeypatch.setattr(FeatureStore, "video_ids", property(lambda self: []))
    with pytest.raises(FeatureError, match="No val pair of minimatch has features"):
        export_layout(built, "moment-detr", store, tmp_path / "out")


def test_the_command(tiny: Path, cli, tmp_path: Path) -> None:
    out = tmp_path / "out"
    args = ("export", "minimatch", "--layout", "lighthouse", "--features", ENCODER, "--out", out)
    ran = cli(*args, "--json")
    assert ran.code == 0
    assert set(json.loads(ran.out)["annotations"]) == {"train", "val", "test"}
    assert "test pairs written to" in " ".join(cli(*args, "--split", "test").out.split())
    ran = cli("export", "--dataset", "minimatch", "--out", out / "x.jsonl", "--encoder", ENCODER)
    assert ran.code == 2 and "--layout" in ran.err
    ran = cli("export", "minimatch", "--out", tmp_path / "test.jsonl")
    assert ran.code == 0 and (tmp_path / "test.jsonl").exists()
    assert [name.value for name in LayoutName] == list(LAYOUTS)
