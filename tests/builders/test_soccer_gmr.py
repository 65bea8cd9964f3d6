"""Soccer-GMR from labels of its form: known absence, pairs, and counts of the real labels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from coded_video import constant_rate, write_video

from builders.soccer_gmr.labels import read_labels
from vid2vidmr.data.builder import build_dataset
from vid2vidmr.errors import DataError, UserError

REAL = Path(__file__).parents[3] / "shared" / "data" / "soccer_gmr"


def _label(clip: str, query: str, *windows: list[float], action: str = "shot") -> dict[str, Any]:
    return {
        "qid": 1, "vid": clip, "query": query, "duration": 100, "action_type": action,
        "match_info": {"teams": "Ghana vs Japan", "date": "2022-12-02"},
        "moment": {"type": "clips", "value": list(windows)}, "relevant_windows": list(windows),
    }  # fmt: skip


def _teams(clip: str, ghana: list[list[float]], japan: list[list[float]]) -> list[dict[str, Any]]:
    return [
        _label(clip, "Find all shot moments performed by players from Ghana.", *ghana),
        _label(clip, "Locate shot moments by players from Japan.", *japan),
    ]


LABELS = [
    *_teams("WC2022_1_1_0s_100s", [[10.0, 14.0]], []),
    *_teams("WC2022_1_1_100s_200s", [], []),
    *_teams("WC2022_2_1_0s_100s", [[10.0, 14.0]], [[10.0, 14.0], [50.0, 99.0]]),
    _label("WC2022_3_1_0s_100s", "Find shot moments by players from Ghana."),
    _label("WC2022_3_2_0s_100s", "Find shot moments by players from Ghana.", [5.0, 9.0]),
    _label("abcdefghijk__1_1", "Find a header moment.", [1.0, 3.0], action="header"),
    _label("abcdefghijk__1_2", "Locate header moments.", [2.0, 4.0], action="header"),
    _label("abcdefghijl__1_3", "Locate header moments.", [2.0, 4.0], action="header"),
]


def _write(folder: Path, labels: list[dict[str, Any]]) -> Path:
    folder.mkdir(exist_ok=True)
    for split in ("train", "val", "test"):
        text = "".join(json.dumps(label) + "\n" for label in labels)
        # Clips of each split are its own.
        text = text.replace("WC2022_", f"WC2022_{len(split)}")
        text = text.replace("abcdefghij", f"abcdefghi{len(split)}")
        (folder / f"{split}.jsonl").write_text(text)
    return folder


def test_absence_is_known_where_both_teams_were_asked_for(tmp_path: Path) -> None:
    """A null of one team, or of an action that is never null, is no open target."""
    built = build_dataset(
        "soccer-gmr", tmp_path / "out", {"labels": _write(tmp_path / "labels", LABELS)}
    )
    targets = built.targets("test")
    assert targets is not None
    windows = [targets.windows(k, "shot").tolist() for k in range(len(targets.clips))]
    assert windows == [[[10, 14]], [], [[10, 14], [50, 99]]]
    pairs = built.pairs("test")
    assert set(pairs.table["label"]) == {"shot", "header"}
    assert (pairs.table["query_source"] != pairs.table["target_source"]).all()
    singles = pairs.table.loc[pairs.table["label"] == "shot", "target_video"]
    assert {video[-9:] for video in singles} == {"1_0s_100s"}
    assert set(pairs.under("open").table["label"]) == {"shot"}


def test_captions_name_no_team(tmp_path: Path) -> None:
    """Its own words where they are for anybody, else the action."""
    captions = read_labels(_write(tmp_path, LABELS)).captions
    texts = {each["moment_id"]: each["caption"] for each in captions}
    assert texts["abcdefghi4k__1_1__header_0"] == "Find a header moment."
    assert "Find all shot moments." in texts.values()
    assert not any("Ghana" in text for text in texts.values())


def test_videos_of_the_user_are_found_by_their_ids(tmp_path: Path) -> None:
    """Clips that are here have a file, the others are missing."""
    (tmp_path / "clips").mkdir()
    write_video(tmp_path / "clips" / "abcdefghi4k__1_1.mp4", constant_rate(2, 100), rate=2)
    options = {"labels": _write(tmp_path / "labels", LABELS), "videos": tmp_path / "clips"}
    built = build_dataset("soccer-gmr", tmp_path / "out", options)
    assert built.videos["path"].notna().sum() == 1
    assert built.video_path("abcdefghi4k__1_1") is not None


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ([{"vid": 1}], "line 1"),
        ([LABELS[0], _label("x", "Find a goal.", [5.0, 3.0])], "line 2: .*5 to 3"),
        ([_label("x", "Find a goal.", [95.0, 120.0])], "not inside the clip"),
        ([_label("x", "Find a goal.", [9.0, 12.0])], "x is in train and in val"),
        ([LABELS[0], LABELS[1] | {"duration": 90}], "has more than one duration"),
        ([LABELS[0], LABELS[0] | {"duration": 90, "action_type": "b"}], "more than one duration"),
    ],
)
def test_faults_have_their_place(tmp_path: Path, labels: list[Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_labels(_write(tmp_path, labels))


def test_without_labels_the_line_says_where_they_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="--labels"):
        build_dataset("soccer-gmr", tmp_path / "out")
    with pytest.raises(DataError, match=r"train\.jsonl is not there"):
        build_dataset("soccer-gmr", tmp_path / "out", {"labels": tmp_path})


@pytest.mark.skipif(not REAL.exists(), reason="the real labels lie beside the project only")
def test_counts_of_the_real_labels() -> None:
    """As counted from the labels by hand."""
    labels = read_labels(REAL)
    assert labels.clips["video_id"].nunique() == 1957
    of_split = labels.targets.groupby("split").size()
    assert of_split.to_dict() == {"train": 575, "val": 83, "test": 110}
    windows = labels.moments.groupby(["split", "video_id", "label"]).size()
    several = labels.targets.merge(windows.rename("n").reset_index(), how="left").fillna({"n": 0})
    counts = {split: np.bincount(of["n"].astype(int)) for split, of in several.groupby("split")}
    assert counts["train"].tolist() == [170, 145, 167, 69, 15, 6, 3]
    assert counts["val"].tolist() == [21, 25, 22, 8, 6, 1]
    assert counts["test"].tolist() == [29, 28, 38, 13, 1, 1]
