"""Data sets of one's own moments: faults by row, splits, targets, pairs, videos."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from coded_video import constant_rate, write_video
from hypothesis import given, settings
from hypothesis import strategies as st

from builders.custom.pairs import MOST_PAIRS, custom_pairs, split_groups, target_windows
from builders.custom.table import read_moments
from builders.rows import MomentError
from vid2vidmr.data.availability import read_manifest
from vid2vidmr.data.builder import build_dataset
from vid2vidmr.data.dataset import load_dataset
from vid2vidmr.downloads import DownloadOptions
from vid2vidmr.errors import DataError, UserError

QUICK = DownloadOptions(pause_s=0.0, parallel=4, attempts=1, timeout_s=20.0)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three videos of 60 s, one in a folder below."""
    folder = tmp_path_factory.mktemp("videos")
    (folder / "cup").mkdir()
    for name in ("a.mp4", "b.mkv", "cup/c.mp4"):
        write_video(folder / name, constant_rate(2, 60), rate=2)
    return folder


def moments_csv(path: Path, lines: list[str], head: str = "video,label,start,end") -> Path:
    path.write_text("\n".join([head, *lines]) + "\n")
    return path


def good(path: Path) -> Path:
    """Three classes, two moments of each in every video."""
    return moments_csv(
        path,
        [
            f"{video},{label},{start},{start + 5}"
            for video in ("a", "b.mkv", "cup/c")
            for label, first in (("jump", 2), ("kick", 10), ("wave", 18))
            for start in (first, first + 30)
        ],
    )


def test_a_folder_of_videos_becomes_a_data_set(videos: Path, tmp_path: Path) -> None:
    path = good(tmp_path / "m.csv")
    built = build_dataset("custom", tmp_path / "out", {"moments": path, "videos": str(videos)})
    assert built.name == "out"
    assert built.counts["videos"] == 3 and built.counts["moments"] == 18
    assert built.counts["classes"] == {"test": 1, "train": 1, "val": 1}
    assert built.counts["pairs"] == dict.fromkeys(("train", "val", "test"), 6 * 5)
    assert built.video_path("cup/c.mp4") == videos / "cup" / "c.mp4"
    assert set(built.videos["video_id"]) == {"a.mp4", "b.mkv", "cup/c.mp4"}
    table = built.moments.set_index("moment_id")
    first, second = table.loc["m02"], table.loc["m03"]
    assert (first["clip_start_s"], first["clip_end_s"]) == (0.0, 32.0)  # to the next of its class
    assert (second["clip_start_s"], second["clip_end_s"]) == (7.0, 60.0)
    assert (second["start_s"], second["end_s"]) == (25.0, 30.0)  # at 32 s of the video
    assert read_manifest(tmp_path / "out" / "availability.json", built).available == {
        "a.mp4", "b.mkv", "cup/c.mp4"
    }  # fmt: skip
    options = {"moments": path, "videos": str(videos)}
    again = build_dataset("custom", tmp_path / "2", {**options, "name": "out"})
    assert again.fingerprint == built.fingerprint


def test_exhaustive_moments_can_be_asked_openly(videos: Path, tmp_path: Path) -> None:
    """Whole videos are targets; the truth is every moment of the class in them."""
    options = {"moments": good(tmp_path / "m.csv"), "videos": str(videos), "exhaustive": True}
    built = build_dataset("custom", tmp_path / "out", options)
    assert built.counts["targets"] == 9  # each video has moments of each split's class
    pairs = built.pairs("test").under("open")
    assert pairs.truth.shape == (30, 2, 2) and not np.isnan(pairs.truth).any()
    plain = build_dataset("custom", tmp_path / "plain", {**options, "exhaustive": False})
    assert plain.pairs("test").table["pair_id"].tolist() == pairs.table["pair_id"].tolist()
    with pytest.raises(DataError, match="no open targets"):
        plain.pairs("test").under("open")


def test_videos_inside_the_data_set_folder_have_relative_paths(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "a.mp4", constant_rate(2, 60), rate=2)
    path = moments_csv(tmp_path / "m.csv", ["a,x,1,5", "a,x,20,25"])
    options = {"moments": path, "videos": str(tmp_path / "videos")}
    assert build_dataset("custom", tmp_path, options).videos["path"].tolist() == ["videos/a.mp4"]


def test_difficulty(videos: Path, tmp_path: Path) -> None:
    options = {"moments": good(tmp_path / "m.csv"), "videos": str(videos)}
    built = build_dataset("custom", tmp_path / "1", {**options, "cross_video_only": True})
    assert built.counts["pairs"]["test"] == 6 * 4
    pairs = built.pairs("test").table
    assert (pairs["query_source"] != pairs["target_source"]).all()
    whole = build_dataset("custom", tmp_path / "2", {**options, "distractors": True})
    assert set(whole.moments["clip_end_s"]) == {60.0}
    near = build_dataset("custom", tmp_path / "3", {**options, "margin": 3.0})
    lengths = near.moments["clip_end_s"] - near.moments["clip_start_s"]
    assert set(lengths) == {10.0, 11.0}  # the first moment begins at 2 s
    assert len({built.fingerprint, whole.fingerprint, near.fingerprint}) == 3


def test_a_limit_on_the_pairs_of_a_class(videos: Path, tmp_path: Path) -> None:
    options = {"moments": good(tmp_path / "m.csv"), "videos": str(videos)}
    built, limited, again, other = (
        build_dataset("custom", tmp_path / str(i), {**options, "name": "one", **more})
        for i, more in enumerate(
            [{}, *[{"max_pairs_per_class": 8}] * 2, {"max_pairs_per_class": 8, "seed": 1}]
        )
    )
    assert limited.counts["pairs"] == dict.fromkeys(("train", "val", "test"), 8)
    table = limited.pairs("train").table
    assert set(table["query_id"].value_counts()[lambda n: n > 0]) == {1, 2}
    assert limited.fingerprint == again.fingerprint
    assert len({x.fingerprint for x in (built, limited, other)}) == 3
    described = json.loads((limited.path / "dataset.json").read_text())
    assert described["options"]["max_pairs_per_class"] == 8


def test_limits_of_many_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large classes are cut, small ones keep all; blocks decide nothing but the memory."""
    labels = np.repeat(["big", "mid", "small"], [300, 40, 5])
    moments = pd.DataFrame(
        {
            "moment_id": [f"m{i}" for i in range(len(labels))],
            "video_id": [f"v{i % 7}" for i in range(len(labels))],
            "label": labels,
            "split": "train",
        }
    )
    found = custom_pairs(moments, True, 0, 1000)["train"]
    label = moments.set_index("moment_id")["label"]
    counts = found["query_id"].astype(str).map(label).value_counts()
    small = sum(a != b for a in range(5) for b in range(5))
    assert counts.to_dict() == {"big": 1000, "mid": 1000, "small": small}
    assert (found["query_id"].astype(str) != found["target_id"].astype(str)).all()
    assert not found[["query_id", "target_id"]].astype(str).duplicated().any()
    monkeypatch.setattr("builders.custom.pairs.BLOCK", 1000)
    assert custom_pairs(moments, True, 0, 1000)["train"].equals(found)


def test_splits_by_video_and_as_given(videos: Path, tmp_path: Path) -> None:
    options = {"moments": good(tmp_path / "m.csv"), "videos": str(videos)}
    built = build_dataset("custom", tmp_path / "1", {**options, "split_by": "video"})
    assert built.counts["classes"] == {"test": 3, "train": 3, "val": 3}
    assert (built.moments.groupby("video_id")["split"].nunique() == 1).all()
    path = moments_csv(
        tmp_path / "s.csv",
        ["a,x,1,5,train", "a,x,20,25,train", "b,y,1,5,Test", "b,y,20,25,test"],
        "video,label,start,end,split",
    )
    built = build_dataset("custom", tmp_path / "2", {"moments": path, "videos": str(videos)})
    assert built.splits == ["train", "test"]
    shared = moments_csv(
        tmp_path / "t.csv",
        ["a,x,1,5,train", "a,x,20,25,train", "b,x,1,5,test", "b,x,20,25,test"],
        "video,label,start,end,split",
    )
    options = {"moments": shared, "videos": str(videos)}
    with pytest.raises(MomentError, match="row 4: the class 'x' is in train and in test: choose"):
        build_dataset("custom", tmp_path / "3", options)
    built = build_dataset("custom", tmp_path / "3", {**options, "split_by": "video"})
    assert built.splits == ["train", "test"]


FAULTS = [
    ("a,jump,x,5", "row 2: start is 'x', expected seconds"),
    ("a,jump,1,inf", "row 2: end is 'inf', expected seconds"),
    ("a,jump,1,", "row 2: end is '', expected seconds"),
    ("a,jump,1:30,100", "row 2: start is '1:30', expected seconds"),
    ("a,jump,-1,5", "row 2: start is -1, expected 0 or later"),
    ("a,jump,5,5", "row 2: it ends at 5 s, not after its start at 5 s"),
    ("a,,1,5", "row 2: label is empty"),
    (",jump,1,5", "row 2: video is empty"),
    ("z,jump,1,5", "row 2: there is no video 'z'"),
    ("a,jump,50,61", "row 2: 50 to 61 s is outside a.mp4, which lasts 60.0 s"),
]


@pytest.mark.parametrize(("line", "fault"), FAULTS)
def test_every_fault_is_one_line_with_its_row(
    videos: Path, tmp_path: Path, line: str, fault: str
) -> None:
    path = moments_csv(tmp_path / "m.csv", [line, "a,jump,20,25"])
    with pytest.raises(MomentError) as error:
        build_dataset("custom", tmp_path / "out", {"moments": path, "videos": str(videos)})
    assert error.value.faults == (fault,)
    assert str(error.value).startswith(f"{path}: {fault}; nothing was built")
    assert not (tmp_path / "out" / "dataset.json").exists()


def test_overlaps_of_one_class_are_faults_also_under_two_names(
    videos: Path, tmp_path: Path
) -> None:
    path = moments_csv(
        tmp_path / "m.csv",
        ["a,jump,1,30", "a,kick,2,6", "a.mp4,jump,10,12", "a,jump,29,31", "a,jump,31,33"],
    )
    with pytest.raises(MomentError) as error:
        build_dataset("custom", tmp_path / "out", {"moments": path, "videos": str(videos)})
    assert error.value.faults == (
        "row 4: 'jump' overlaps the moment of row 2 in its video",
        "row 5: 'jump' overlaps the moment of row 2 in its video",
    )


def test_all_faults_are_told_and_the_command_exits_2(cli, videos: Path, tmp_path: Path) -> None:
    path = moments_csv(tmp_path / "m.csv", ["a,jump,x,5", "a,jump,5,1"] + ["a,,1,2"] * 30)
    ran = cli("build", "custom", path, "--videos", videos, "--out", tmp_path / "out")
    assert ran.code == 2
    lines = ran.err.splitlines()
    assert lines[0] == f"{path}: row 2: start is 'x', expected seconds"
    assert len(lines) == 22 and lines[20].startswith("and ")
    assert lines[21].startswith(f"error: {path}: 32 faults, told above; nothing was built")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video,label,start\na,b,1\n", "has no column 'end'; it has video, label, start"),
        ("video,label,start,end\n", "has no moments"),
        ("", "is not a CSV file"),
        ('video,label,start,end\n"a,b,1,2\n', "is not a CSV file"),
    ],
)
def test_files_that_are_no_table_of_moments(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "m.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message):
        read_moments(path)
    with pytest.raises(DataError, match="does not exist"):
        read_moments(tmp_path / "none.csv")


def test_other_names_of_columns_spaces_and_quotes(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text('Youtube_ID, class, start_s, end_s, note\nabc, "run, out", 1.5, 2, x\n')
    row = read_moments(path).iloc[0]
    assert (row["video"], row["label"], row["start_s"]) == ("abc", "run, out", 1.5)
    assert row["split"] is None or pd.isna(row["split"])


def test_what_custom_needs(videos: Path, tmp_path: Path) -> None:
    path = good(tmp_path / "m.csv")
    with pytest.raises(UserError, match="custom needs a CSV file of moments, and videos"):
        build_dataset("custom", tmp_path / "out", {"videos": str(videos)})
    both = {"moments": path, "videos": str(videos), "download": QUICK}
    with pytest.raises(UserError, match="two places for one thing"):
        build_dataset("custom", tmp_path / "out", both)
    with pytest.raises(DataError, match="is no folder"):
        build_dataset("custom", tmp_path / "out", {"moments": path, "videos": "nowhere"})
    alone = moments_csv(tmp_path / "2.csv", ["a,goal,1,3", "b,goal,2,4"])
    with pytest.raises(DataError, match="How long the videos are is not known"):
        build_dataset("custom", tmp_path / "out", {"moments": alone})
    two = moments_csv(tmp_path / "3.csv", ["a,goal,1,3", "a,goal,5,7"])  # the first one's is known
    with pytest.raises(DataError, match="How long the videos are is not known"):
        build_dataset("custom", tmp_path / "out", {"moments": two})
    none = moments_csv(tmp_path / "4.csv", ["a,goal,1,3,0"], "video,label,start,end,duration")
    with pytest.raises(MomentError, match="row 2: duration is 0, expected above 0"):
        build_dataset("custom", tmp_path / "out", {"moments": none})
    lonely = moments_csv(tmp_path / "1.csv", ["a,jump,1,5", "b,kick,1,5"])
    with pytest.raises(DataError, match="There are no pairs: no class has two moments"):
        build_dataset("custom", tmp_path / "out", {"moments": lonely, "videos": str(videos)})


def test_another_data_sets_folder_is_left_alone(videos: Path, tmp_path: Path) -> None:
    options = {"moments": good(tmp_path / "m.csv"), "videos": str(videos)}
    built = build_dataset("custom", tmp_path / "out", options)
    with pytest.raises(UserError, match="holds the data set out: choose another folder"):
        build_dataset("sportsmoments", tmp_path / "out")
    assert load_dataset(tmp_path / "out").fingerprint == built.fingerprint


def test_a_data_set_has_a_name_of_its_own(videos: Path, tmp_path: Path) -> None:
    options = {"moments": good(tmp_path / "m.csv"), "videos": str(videos)}
    assert build_dataset("custom", tmp_path / "my goals!", options).name == "my-goals"
    named = {**options, "name": "goals.v2"}
    assert build_dataset("custom", tmp_path / "out", named).name == "goals.v2"
    assert build_dataset("custom", tmp_path / "out", options).name == "goals.v2"  # once more
    for name in ("../x", "/abs", "a b", ".x", "x" * 101, "a\x1b[31m"):
        with pytest.raises(UserError, match="cannot be the name of a data set"):
            build_dataset("custom", tmp_path / "bad", {**options, "name": name})
    with pytest.raises(UserError, match="minimatch is the name of another data set"):
        build_dataset("custom", tmp_path / "minimatch", options)
    with pytest.raises(UserError, match=r"holds the data set goals\.v2"):
        build_dataset("custom", tmp_path / "out", {**options, "name": "other"})
    assert not (tmp_path / "bad").exists()


@settings(max_examples=50)
@given(st.integers(1, 40), st.integers(0, 99))
def test_every_group_has_one_split_and_no_split_is_forgotten(number: int, seed: int) -> None:
    found = split_groups([f"c{i}" for i in range(number)], seed)
    assert len(found) == number
    splits = list(found.values())
    assert "test" in splits
    assert number < 2 or "train" in splits
    assert number < 3 or "val" in splits
    assert splits.count("train") >= splits.count("test") or number < 3


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.sampled_from("xy"), st.integers(0, 50)), min_size=1, unique=True),
    st.one_of(st.none(), st.floats(0, 60)),
)
def test_a_target_holds_its_moment_and_no_other_of_its_class(
    moments: list[tuple[str, int]], margin: float | None
) -> None:
    table = pd.DataFrame(
        {
            "video": "v",
            "label": [label for label, _ in moments],
            "start_s": [2.0 * start for _, start in moments],
            "end_s": [2.0 * start + 2 for _, start in moments],
        }
    )
    found = target_windows(table, pd.Series(102.0, table.index), margin, whole=False)
    assert (found["clip_start_s"] <= table["start_s"]).all()
    assert (found["clip_end_s"] >= table["end_s"]).all()
    assert found["clip_start_s"].min() >= 0 and found["clip_end_s"].max() <= 102
    for i in table.index:
        others = table[(table["label"] == table["label"][i]) & (table.index != i)]
        start, end = found.loc[i]
        assert ((others["end_s"] <= start) | (others["start_s"] >= end)).all()
        if margin is not None:
            assert table["start_s"][i] - start <= margin + 1e-9


def test_pairs_are_limited_evenly_and_seeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(MOST_PAIRS, "test", 60)
    moments = pd.DataFrame(
        {
            "moment_id": [f"m{i}" for i in range(30)],
            "video_id": [f"v{i % 7}" for i in range(30)],
            "label": ["a"] * 20 + ["b"] * 10,
            "split": "test",
        }
    )
    found = custom_pairs(moments, True, 0)["test"]
    assert len(found) == 60
    assert set(found["query_id"].value_counts()) == {2}
    assert not found.duplicated(["query_id", "target_id"]).any()
    assert found.equals(custom_pairs(moments, True, 0)["test"])
    assert not found.equals(custom_pairs(moments, True, 1)["test"])
