"""ActivityNet-VRL: the released items, their derivation, the pairs, and the built folder."""

import json
from contextlib import redirect_stdout
from dataclasses import replace
from io import StringIO

import numpy as np
import pandas as pd
import pytest

from builders.activitynet_vrl import ActivityNetVRL
from builders.activitynet_vrl.derive import Segment, derive_video, merge
from builders.activitynet_vrl.pairs import candidates, draw_targets
from builders.activitynet_vrl.repack import repack
from builders.activitynet_vrl.tables import NOMINAL_FPS, read_released
from builders.activitynet_vrl.verify import facts
from vid2vidmr.data.builder import build_dataset, dataset_builder
from vid2vidmr.errors import DataError, UserError


@pytest.fixture(scope="module")
def released():
    return read_released()


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """The built data set and what the build printed."""
    with redirect_stdout(StringIO()) as out:
        dataset = ActivityNetVRL().build(tmp_path_factory.mktemp("activitynet-vrl"))
    return dataset, " ".join(out.getvalue().split())


@pytest.fixture(scope="module")
def built(build):
    return build[0]


@pytest.fixture(scope="module")
def found(released):
    pairs = {s: candidates(table) for s, table in released.items.groupby("split")}
    for split in ("val", "test"):
        ids = released.moments.loc[released.moments["split"] == split, "moment_id"].to_numpy()
        pairs[split] = draw_targets(*pairs[split], ids, seed=0)
    return {fact.name: fact.found for fact in facts(released, pairs)}


def test_it_is_registered():
    assert isinstance(dataset_builder("activitynet-vrl"), ActivityNetVRL)


def test_items_of_the_release(found):
    splits = ("train", "val", "test")
    assert [found[f"{s}: items"] for s in splits] == [7_593, 829, 978]
    assert [found[f"{s}: videos"] for s in splits] == [3_791, 444, 494]
    assert [found[f"{s}: classes"] for s in splits] == [160, 20, 20]
    assert found["names found for the classes"] == 200
    assert found["classes in another split than the permutation says"] == 0


def test_pairs_of_the_release(found):
    assert found["train: pairs"] == 472_704
    assert found["train: pairs of two videos"] == 452_512
    assert (found["val: pairs, one a query"], found["test: pairs, one a query"]) == (829, 978)


def test_derivation_from_the_raw_annotations_gives_the_release(found):
    assert found["raw: videos with a duration"] == 19_228
    derived = [found[f"{s}: items derived from raw"] for s in ("train", "val", "test")]
    assert derived == [7_296, 775, 948]
    assert sum(derived) + found["items without a duration"] == 7_593 + 829 + 978
    assert found["derived, not published"] == found["published, not derived"] == 0
    assert found["derived target differs, not cropped"] == 0
    assert found["targets cropped to 300"] == 136
    assert found["crops that are not of the derived target"] == 0


def test_every_fact_is_checked_at_build_time(released, monkeypatch, tmp_path):
    items = released.items.copy()
    items.loc[1, "location_start"] -= 1
    monkeypatch.setattr(
        "builders.activitynet_vrl.tables.read_released", lambda: replace(released, items=items)
    )
    with pytest.raises(DataError, match=r"derived from raw should be 7,296, found 7,295"):
        ActivityNetVRL().build(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_merge():
    a, b = "a", "b"
    overlapping = [Segment(4, 6, a), Segment(0, 5, a), Segment(8, 9, b)]
    assert merge(overlapping) == [Segment(0, 6, a), Segment(8, 9, b)]
    assert merge([Segment(0, 9, a), Segment(2, 3, a)]) == [Segment(0, 9, a)]
    assert merge([Segment(0, 2, a), Segment(2, 3, a)]) == [Segment(0, 3, a)]
    assert merge([Segment(0, 5, a), Segment(4, 6, b), Segment(8, 9, a)]) == []


def test_a_video_is_derived_as_described():
    """160 s at 16 frames a second: a feature a second, 160 features."""
    segments = [
        Segment(10.5, 20.5, "a"),
        Segment(30.2, 40.0, "b"),
        Segment(50.0, 59.9, "a"),
        Segment(70.0, 120.0, "a"),  # 51 features: no moment, but still a neighbour
        Segment(150.0, 160.0, "b"),
    ]
    moments = list(derive_video("v", segments, n_frames=2560, n_feat=160, duration_s=160.0))
    assert [(m.label, m.start, m.end) for m in moments] == [
        ("a", 10, 21), ("b", 30, 41), ("a", 50, 60), ("b", 150, 160),
    ]  # fmt: skip
    assert [(m.location_start, m.location_end) for m in moments] == [
        (0, 51), (0, 151), (20, 71), (40, 160),
    ]  # fmt: skip


def test_seconds_of_an_item(built, released):
    item = released.items.iloc[1]
    assert item["video_id"] == "yUSo_xjyGhM"
    video = released.lengths.set_index("video_id").loc["yUSo_xjyGhM"]
    feature_s = 16 * video["duration_s"] / video["n_frames"]
    moment = built.moments.set_index("moment_id").loc["yUSo_xjyGhM__100_111"]
    assert moment["label"] == "Washing dishes"
    seconds = moment[["clip_start_s", "clip_end_s", "start_s", "end_s"]].astype(float)
    np.testing.assert_allclose(seconds, np.array([79, 112, 21, 32]) * feature_s)


def test_moments_lie_in_their_targets_and_targets_in_their_videos(built):
    moments = built.moments.merge(built.videos, on="video_id")
    assert len(moments) == 9_400
    assert (moments["start_s"] >= 0).all() and (moments["start_s"] < moments["end_s"]).all()
    length = moments["clip_end_s"] - moments["clip_start_s"]
    assert (moments["end_s"] <= length + 1e-9).all()
    # The last feature can end after the video does, by less than its own length.
    over = moments["clip_end_s"] - moments["duration_s"]
    assert over.max() < 0.11


def test_videos_without_duration_are_marked(built, released):
    unknown = built.videos.loc[built.videos["duration_s"].isna(), "video_id"]
    assert len(unknown) == 191
    moments = built.moments[built.moments["video_id"].isin(unknown)]
    assert len(moments) == 381
    features = moments["moment_id"].str.extract(r"__(\d+)_(\d+)$").astype(int)
    seconds = moments["clip_start_s"] + moments["start_s"]
    np.testing.assert_allclose(seconds, features[0] * 16 / NOMINAL_FPS)


def test_nominal_frame_rate_is_the_commonest(released):
    known = released.lengths.dropna()
    rates = (known["n_frames"] / known["duration_s"]).round()
    assert rates.mode().tolist() == [NOMINAL_FPS]
    assert round(float((rates == NOMINAL_FPS).mean()), 2) == 0.64


def test_labels_agree_with_the_raw_annotations(built, released):
    labels = released.segments.groupby("video_id")["label"].agg(set)
    raw = built.moments["video_id"].map(labels)
    known = raw.notna()
    agree = [label in of_video for label, of_video in zip(
        built.moments.loc[known, "label"], raw[known], strict=True)]  # fmt: skip
    assert len(agree) == 9_019 and all(agree)


def test_train_pairs_follow_the_rule(built):
    table = built.pairs("train").table
    assert len(table) == 472_704
    assert not table.duplicated(["query_id", "target_id"]).any()
    assert (table["query_id"] != table["target_id"]).all()
    assert (table["query_source"] != table["target_source"]).sum() == 452_512
    label = built.moments.set_index("moment_id")["label"]
    assert (table["query_id"].map(label).to_numpy() == table["label"].to_numpy()).all()


def test_candidates_by_hand():
    items = pd.DataFrame(
        {
            "node": [7, 7, 8, 7, 8],
            "location_start": [0, 10, 0, 0, 0],
            "location_end": [20, 14, 30, 5, 30],
            "groundtruth_start": [0, 0, 3, 1, 0],
            "groundtruth_end": [5, 4, 9, 3, 30],
        }
    )
    query, target = candidates(items)
    # Query 0 (5 features) fits into target 3 (5) but not into target 1 (4).
    assert list(zip(query.tolist(), target.tolist(), strict=True)) == [
        (0, 3), (1, 0), (1, 3), (2, 4), (3, 0), (3, 1), (4, 2),
    ]  # fmt: skip


def test_one_target_a_query_by_seed(built, released, tmp_path):
    test = built.pairs("test").table
    assert test["query_id"].tolist() == (
        built.moments.loc[built.moments["split"] == "test", "moment_id"].tolist()
    )
    other = ActivityNetVRL().build(tmp_path, seed=1)
    assert json.loads((tmp_path / "dataset.json").read_text())["options"] == {"seed": 1}
    assert other.fingerprint != built.fingerprint
    drawn = other.pairs("test").table
    assert drawn["query_id"].tolist() == test["query_id"].tolist()
    assert (drawn["target_id"] != test["target_id"]).mean() > 0.9
    pd.testing.assert_frame_equal(other.pairs("train").table, built.pairs("train").table)


def test_a_limit_on_the_train_pairs_of_a_class(built, released, tmp_path):
    limited = build_dataset("activitynet-vrl", tmp_path, {"max_pairs_per_class": 500})
    before, after = (x.pairs("train").table["label"].value_counts() for x in (built, limited))
    assert after.to_dict() == before.clip(upper=500).to_dict()
    for split in ("val", "test"):
        assert limited.pairs(split).table.equals(built.pairs(split).table)
    assert limited.fingerprint != built.fingerprint


def test_draws_are_uniform_and_do_not_depend_on_other_queries():
    ids = np.array([f"m{i}" for i in range(6_000)])
    query, target = np.repeat(np.arange(6_000), 3), np.tile([0, 1, 2], 6_000)
    queries, targets = draw_targets(query, target, ids, seed=0)
    assert queries.tolist() == list(range(6_000))
    # Standard deviation of a count: sqrt(6000 x 1/3 x 2/3) = 37.
    assert np.abs(np.bincount(targets) - 2_000).max() < 5 * 37
    half = query >= 3_000
    assert draw_targets(query[half], target[half], ids, seed=0)[1].tolist() == (
        targets[3_000:].tolist()
    )


def test_fingerprint_is_that_of_the_release(built):
    """Changes only with the released annotations, with how they are read, or with the draw."""
    assert built.fingerprint == "94a558631d99eba3"
    assert built.counts["pairs"] == {"train": 472_704, "val": 829, "test": 978}
    assert (built.path / "pairs" / "train.parquet").stat().st_size < 1_000_000


def test_a_build_says_what_is_missing(build):
    built, printed = build
    assert "4,729 of 4,729" in printed
    assert "191 of 4,729" in printed
    assert set(built.videos["status"]) == {"missing"}


def test_the_number_of_videos_is_fixed(tmp_path):
    with pytest.raises(UserError, match="--videos 5 does not apply to activitynet-vrl"):
        build_dataset("activitynet-vrl", tmp_path, {"videos": "5"})


def test_repack_keeps_the_values(tmp_path):
    item = {"id": "a", "label": 69, "location": [3, 9], "groundtruth": [1, 4]}
    contents = {
        "train": [item], "val": [], "test": [{**item, "id": "b"}],
        "length": {"a": {"n_feat": 9, "n_frames": 150}, "b": {"n_feat": 8, "n_frames": 130}},
        "class_permutation": [1, 0],
        "activitynet_v1-3_annotations": {
            "v_a": {"duration_second": 5.5, "duration_frame": 150, "feature_frame": 144,
                    "annotations": [{"segment": [1.25, 2.5], "label": "Tumbling"}]},
        },
    }  # fmt: skip
    for name, content in contents.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    repack(tmp_path, tmp_path / "out")
    read = {path.stem: pd.read_parquet(path) for path in (tmp_path / "out").glob("*.parquet")}
    assert read["items"].to_numpy().tolist() == [
        ["train", "a", 69, 3, 9, 1, 4], ["test", "b", 69, 3, 9, 1, 4],
    ]  # fmt: skip
    assert read["segments"].to_numpy().tolist() == [["a", 1.25, 2.5, "Tumbling"]]
    assert read["videos"].iloc[0].tolist() == ["a", 9, 150, 5.5]
    assert np.isnan(read["videos"]["duration_s"][1])
    assert read["permutation"]["position"].tolist() == [1, 0]
