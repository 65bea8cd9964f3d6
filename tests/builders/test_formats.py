"""Annotations in the forms of others: made-up files of each, faults, real counts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from coded_video import constant_rate, write_video
from conftest import Ran
from hypothesis import given
from hypothesis import strategies as st

from builders.formats.moments import Margins, merge_overlaps, read_foreign
from builders.rows import MomentError
from vid2vidmr.data.builder import build_dataset
from vid2vidmr.data.dataset import load_dataset
from vid2vidmr.errors import DataError, UserError

REAL = Path(__file__).parents[3] / "shared" / "data"


def _json(path: Path, value: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def activitynet(folder: Path, wrong: bool = False) -> Path:
    video = {
        "duration": 60.0, "subset": "training", "fps": 30.0, "frame": 1800,
        "annotations": [
            {"segment": [2.0, 8.0], "label": "jump", "label_id": 3},
            {"segment": [30.0, "x" if wrong else 36.0], "label": "jump", "label_id": 3},
        ],
    }  # fmt: skip
    return _json(folder / "a.json", {"version": "1", "database": {"v_a1": video, "a2": video}})


def soccernet(folder: Path, wrong: bool = False) -> Path:
    actions = [
        {"gameTime": "1 - 00:05", "label": "Goal", "position": "5000", "team": "home",
         "visibility": "visible"},
        {"gameTime": "2 - 00:30", "label": "Goal", "position": "30500", "team": "away",
         "visibility": "visible"},
        {"gameTime": "2 - 00:40", "label": "Corner", "position": "40000", "team": "away",
         "visibility": "not shown"},
        {"gameTime": "halftime" if wrong else "1 - 00:50", "label": "Corner", "position": "50000",
         "team": "away", "visibility": "visible"},
    ]  # fmt: skip
    folder = folder / "labels"
    for match in ("A - B", "C - D"):
        _json(folder / "epl" / match / "Labels-v2.json", {"annotations": actions})
    _json(folder / "epl" / "A - B" / "Labels-cameras.json", {"annotations": [{"label": "x"}]})
    return folder


def spot(folder: Path, wrong: bool = False) -> Path:
    events = [{"frame": 50, "label": "serve", "comment": ""}, {"frame": 90, "label": "serve"}]
    frames = 80 if wrong else 250
    clips = [
        {
            "video": f"match_{k}",
            "fps": 25.0,
            "num_frames": frames,
            "num_events": 2,
            "events": events,
        }
        for k in range(2)
    ]
    return _json(folder / "labels" / "train.json", clips).parent


def qvhighlights(folder: Path, wrong: bool = False) -> Path:
    lines = [
        {"qid": k, "query": "a goal", "vid": f"v{k}", "duration": -1 if wrong and k else 60,
         "relevant_windows": [[2, 8], [30, 36]], "relevant_clip_ids": [1], "saliency_scores": []}
        for k in range(2)
    ]  # fmt: skip
    lines.append({"qid": 3, "query": "of test", "vid": "v3", "duration": 60})
    (folder / "q.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder / "q.jsonl"


SPORTSCODE = """<?xml version="1.0" encoding="UTF-8"?>
<file><ALL_INSTANCES>
<instance><ID>1</ID><start>2.0</start><end>8</end><code>Shot</code>
<label><group>Team</group><text>A &amp; B</text></label></instance>
<instance><ID>2</ID><start>30</start>{end}<code> Shot </code></instance>
</ALL_INSTANCES><ROWS><row><code>Shot</code></row></ROWS></file>
"""


def sportscode(folder: Path, wrong: bool = False) -> Path:
    text = SPORTSCODE.format(end="" if wrong else "<end>36.5</end>")
    (folder / "xml" / "cup").mkdir(parents=True)
    for name in ("final.xml", "cup/half.xml"):
        (folder / "xml" / name).write_text(text)
    return folder / "xml"


VTT = """\ufeffWEBVTT - of a match

NOTE nothing

1
00:02.000 --> 00:08.000 align:start
<v Ann>a shot</v>
again

01:00:30.000 --> {end}
header
"""


def vtt(folder: Path, wrong: bool = False) -> Path:
    (folder / "final.vtt").write_text(VTT.format(end="36s" if wrong else "01:00:36.500"))
    return folder / "final.vtt"


@pytest.mark.parametrize(
    ("write", "expected", "fault"),
    [
        (
            activitynet,
            [(v, "jump", a, a + 6, 60) for v in ("a1", "a2") for a in (2, 30)],
            r"v_a1: annotations\.1\.segment",
        ),
        (
            soccernet,
            [
                (f"epl/{match}/{half}", label, at - 2, at + 2, np.nan)
                for match in ("A - B", "C - D")
                for half, label, at in ((1, "Goal", 5), (2, "Goal", 30.5), (1, "Corner", 50))
            ],
            r"epl/A - B/Labels-v2\.json, annotation 4: gameTime: .*'halftime'",
        ),
        # Two points of a class share the 1.6 s between them.
        (
            spot,
            [(f"match_{k}", "serve", *w, 10) for k in (0, 1) for w in ((0, 2.8), (2.8, 5.6))],
            r"train\.json, clip 1: .*frame 90 is behind the last of 80",
        ),
        (
            qvhighlights,
            [(f"v{k}", "a goal", a, a + 6, 60) for k in (0, 1) for a in (2, 30)],
            "line 2: duration",
        ),
        (
            sportscode,
            [(v, "Shot", *w, np.nan) for v in ("cup/half", "final") for w in ((2, 8), (30, 36.5))],
            r"cup/half\.xml, instance 2: expected a code",
        ),
        (
            vtt,
            [("final", "a shot again", 2, 8, np.nan), ("final", "header", 3630, 3636.5, np.nan)],
            "line 10: .* is no time",
        ),
    ],
)
def test_each_form_becomes_moments_and_tells_the_place_of_a_fault(
    tmp_path: Path, write: Callable[..., Path], expected: list[Any], fault: str
) -> None:
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()
    table, _ = read_foreign(write(tmp_path / "good"), write.__name__)
    columns = ["video", "label", "start_s", "end_s", "duration_s"]
    found = pd.DataFrame(expected, columns=columns)
    pd.testing.assert_frame_equal(table[columns], found, check_dtype=False)
    with pytest.raises(MomentError) as error:
        read_foreign(write(tmp_path / "bad", wrong=True), write.__name__)
    assert re.search(fault, "\n".join(error.value.faults))


def test_what_the_broadcast_does_not_show_is_left_out(tmp_path: Path) -> None:
    _, notes = read_foreign(soccernet(tmp_path), "soccernet")
    assert notes == [("2 left out", "moments that the broadcast does not show")]


def test_a_class_has_its_own_lead_and_lag(tmp_path: Path) -> None:
    table, _ = read_foreign(soccernet(tmp_path), "soccernet", "1,Goal=10", "0.5,Goal=4")
    windows = table.set_index("label")[["start_s", "end_s"]].drop_duplicates()
    assert windows.loc["Goal"].to_numpy().tolist() == [[0, 9], [20.5, 34.5]]
    assert windows.loc["Corner"].tolist() == [49, 50.5]
    with pytest.raises(UserError, match="no class 'Gaol'"):
        read_foreign(soccernet(tmp_path), "soccernet", "1,Gaol=10")
    with pytest.raises(UserError, match="--lead x"):
        read_foreign(soccernet(tmp_path), "soccernet", "x")
    with pytest.raises(UserError, match="vtt has windows"):
        read_foreign(vtt(tmp_path), "vtt", lag="3")


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 40)), unique=True, min_size=1))
def test_windows_of_points_hold_them_and_do_not_overlap(points: list[tuple[str, int]]) -> None:
    table = pd.DataFrame(points, columns=["label", "start_s"]).assign(video="v", duration_s=41.0)
    start, end = Margins(3, 1.5, {"b": 9}).windows(table)
    assert ((start <= table["start_s"]) & (table["start_s"] <= end) & (start >= 0)).all()
    ends = table.assign(start_s=start, end_s=end)
    assert merge_overlaps(ends)[1] == 0


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 30), st.integers(1, 8)), min_size=1)
)
def test_merged_moments_cover_the_same_seconds_once(rows: list[tuple[str, int, int]]) -> None:
    table = pd.DataFrame(rows, columns=["label", "start_s", "end_s"]).assign(video="v")
    table["end_s"] += table["start_s"]
    merged, gone = merge_overlaps(table)
    assert len(merged) + gone == len(table)
    for label, of in table.groupby("label"):
        kept = merged[merged["label"] == label]
        whole = [
            s for a, b in zip(kept["start_s"], kept["end_s"], strict=True) for s in range(a, b)
        ]
        seen = {s for a, b in zip(of["start_s"], of["end_s"], strict=True) for s in range(a, b)}
        assert sorted(whole) == sorted(seen)


def test_moments_of_others_that_cannot_be_used_are_told_and_left_out(
    tmp_path: Path, cli: Callable[..., Ran]
) -> None:
    """Their files cannot be mended; videos that are not here are missing, and keep their ids."""
    videos = tmp_path / "videos"
    videos.mkdir()
    write_video(videos / "v_a1.mp4", constant_rate(2, 30), rate=2)  # shorter than they say
    path = activitynet(tmp_path)
    value = json.loads(path.read_text())
    value["database"]["a2"]["annotations"] += [
        {"segment": [5, 5], "label": "kick"},
        {"segment": [50, 70], "label": "kick"},
        {"segment": [7, 9], "label": "jump"},
    ]
    _json(path, value)
    out = tmp_path / "out"
    ran = cli("build", "custom", path, "--format", "activitynet", "--videos", videos, "--out", out)
    assert ran.code == 0, ran.err
    assert "a2, annotation 3: 5 to 5 s, left out: moments that do not end after" in ran.err
    assert "a2, annotation 4: 50 to 70 s, left out: moments that end behind" in ran.err
    built = load_dataset(out)
    assert built.counts["moments"] == 3  # of a1 the one within its file, of a2 two
    assert built.moments.loc[built.moments["video_id"] == "a2", "end_s"].tolist() == [9, 27]
    assert built.video_path("a1") == videos / "v_a1.mp4"
    assert built.video_path("a2") is None


def test_halves_of_a_match_are_found_by_their_files(tmp_path: Path) -> None:
    for half in (1, 2):
        file = tmp_path / "videos" / "epl" / "A - B" / f"{half}_224p.mkv"
        file.parent.mkdir(parents=True, exist_ok=True)
        write_video(file, constant_rate(2, 60), rate=2)
    options = {"format": "soccernet", "videos": tmp_path / "videos", "margin": 20}
    built = build_dataset("custom", tmp_path / "out", {"moments": soccernet(tmp_path), **options})
    assert built.videos.set_index("video_id")["path"].notna().to_dict() == {
        "epl/A - B/1": True, "epl/A - B/2": True, "epl/C - D/1": False, "epl/C - D/2": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("form", "name", "text", "said"),
    [
        ("activitynet", "a.json", "[]", "not as ActivityNet has it"),
        ("activitynet", "a.json", '{"database": {}}', "no moments"),
        ("soccernet", "a.json", "{}", "not as SoccerNet has it"),
        ("spot", "a.json", "{}", "not as E2E-Spot has it"),
        ("sportscode", "a.xml", "<file/>", "no ALL_INSTANCES"),
        ("sportscode", "a.xml", "<file>", "not XML"),
        (
            "sportscode",
            "a.xml",
            '<!DOCTYPE f [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><file>&b;</file>',
            "document type",
        ),
        ("vtt", "a.vtt", "1\n00:01.000 --> 00:02.000\nx", "not WebVTT"),
        ("vtt", "a.txt", "", r"has no \.vtt"),
    ],
)
def test_other_files_are_refused(
    tmp_path: Path, form: str, name: str, text: str, said: str
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_text(text)
    with pytest.raises(UserError, match=said):
        read_foreign(tmp_path / "in", form)
    with pytest.raises(DataError, match="does not exist"):
        read_foreign(tmp_path / "none", form)


@pytest.mark.skipif(not REAL.exists(), reason="the real labels lie beside the project only")
@pytest.mark.parametrize(
    ("path", "form", "moments", "videos", "classes", "notes"),
    [
        ("activitynet_vrl/activitynet_v1-3_annotations.json", "activitynet", 21_818, 14_366, 200,
         {"12 left out", "1 left out", "321 merged"}),
        ("spot/tennis", "spot", 33_791, 3_445, 6, set()),
        ("spot/fs_comp", "spot", 3_674, 371, 4, set()),
    ],
)  # fmt: skip
def test_counts_of_real_labels(
    path: str, form: str, moments: int, videos: int, classes: int, notes: set[str]
) -> None:
    """22,152 segments of 14,366 videos in ActivityNet 1.3; 33,791 and 3,674 events in E2E-Spot."""
    table, found = read_foreign(REAL / path, form)
    assert (len(table), table["video"].nunique(), table["label"].nunique()) == (
        moments, videos, classes,
    )  # fmt: skip
    assert {count for count, _ in found} == notes
