"""Tennis, skating and diving from labels as E2E-Spot has them: made-up ones and the real ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from coded_video import constant_rate, write_video
from conftest import Ran

import builders.diving
import builders.figure_skating
import builders.tennis
from builders.clips import joined, read_labels
from builders.diving import read_dives
from builders.rows import MomentError
from vid2vidmr.data.builder import build_dataset
from vid2vidmr.data.dataset import load_dataset
from vid2vidmr.errors import DataError, UserError

REAL = Path(__file__).parents[3] / "shared" / "data" / "spot"
Event = tuple[int, str, str]


def clip(video: str, frames: int, *events: Event, fps: float = 10.0) -> dict[str, Any]:
    return {
        "video": video, "fps": fps, "num_frames": frames, "num_events": len(events),
        "width": 1920, "height": 1080,
        "events": [{"frame": f, "label": label, "comment": text} for f, label, text in events],
    }  # fmt: skip


def write(folder: Path, splits: dict[str, list[dict[str, Any]]], sources: list[str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for split in ("train", "val", "test"):
        (folder / f"{split}.json").write_text(json.dumps(splits.get(split, [])))
    rows = "".join(f"{name},1920x1080,10.0,id{i:09d}\n" for i, name in enumerate(sources))
    (folder / "videos.csv").write_text("name,resolution,fps,yt_id\n" + rows)
    return folder


MATCHES = [f"open_{year}_final" for year in range(2010, 2016)]
RALLY: list[Event] = [
    (20, "near_court_serve", ""), (30, "far_court_bounce", ""), (40, "far_court_swing", ""),
    (60, "near_court_bounce", ""), (70, "near_court_swing", ""), (75, "far_court_bounce", ""),
    (90, "far_court_serve", ""),
]  # fmt: skip


@pytest.fixture
def tennis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two rallies in each of five matches of train and val, and in one of test; an overlap."""
    rallies = {
        match: [clip(f"{match}_{a}_{a + 100}", 100, *RALLY) for a in (1000, 2000)]
        for match in MATCHES
    }
    again = [(frame - 50, label, "") for frame, label, _ in RALLY if frame >= 55]
    rallies[MATCHES[5]].append(clip(f"{MATCHES[5]}_1050_1130", 80, *again, (70, "x", "")))
    rallies[MATCHES[5]][-1]["events"][-1]["label"] = "near_court_serve"
    splits = {
        "train": [rallies[match][0] for match in MATCHES[:5]],
        "val": [rallies[match][1] for match in MATCHES[:5]],
        "test": rallies[MATCHES[5]],
    }
    monkeypatch.setattr(
        builders.tennis, "COUNTS",
        {
            "clips": {"train": 5, "val": 5, "test": 3},
            "events": {"train": 35, "val": 35, "test": 19},
            "videos": {"train": 5, "val": 5, "test": 1},
        },
    )  # fmt: skip
    monkeypatch.setattr(builders.tennis, "OVERLAPPING", 1)
    monkeypatch.setattr(builders.tennis, "TWICE", 4)
    return write(tmp_path / "tennis", splits, MATCHES)


def test_tennis_is_cut_from_whole_matches(tennis: Path, tmp_path: Path) -> None:
    """Seconds of the match; no two splits share one; targets end where their clip does."""
    built = build_dataset("tennis", tmp_path / "out", {"labels": tennis})
    table = built.moments
    videos = {split: set(of["video_id"]) for split, of in table.groupby("split", observed=True)}
    assert {split: len(of) for split, of in videos.items()} == {"train": 2, "val": 3, "test": 1}
    assert not (videos["train"] & videos["val"]) and videos["test"] == {"id000000005"}
    match = table[(table["video_id"] == "id000000005") & (table["label"] == "far_court_bounce")]
    times = match[["clip_start_s", "clip_end_s"]].to_numpy().round(3).tolist()
    # The two clips that overlap are one of 100 to 113 s; a target ends at the next of its class.
    assert times == [[100, 107], [103.5, 113], [200, 207], [203.5, 210]]
    assert (match["clip_start_s"] + match["start_s"]).round(3).tolist() == [102.5, 107, 202.5, 207]
    serves = table[table["label"] == "near_court_serve"]
    lengths = (serves["end_s"] - serves["start_s"]).round(3)
    assert set(lengths) == {2.0}
    assert built.counts["targets"] == 12
    assert len(built.pairs("val").under("open")) > 0


def test_what_two_clips_have_is_one(tennis: Path) -> None:
    spot = read_labels(tennis, "tennis", "tennis")
    one = joined(spot)
    assert (len(spot.clips), len(one.clips)) == (13, 12)
    of_one = one.events[one.events["clip"] == f"{MATCHES[5]}_1000_1100"]
    assert len(of_one) == len(RALLY) + 1 and of_one["at_s"].max() == 112.0


def test_matches_of_the_user_are_found_by_name_or_id(tennis: Path, tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    for name in (MATCHES[0], "id000000001"):
        write_video(tmp_path / "videos" / f"{name}.mp4", constant_rate(1, 220), rate=1)
    options = {"labels": tennis, "videos": tmp_path / "videos"}
    built = build_dataset("tennis", tmp_path / "out", options)
    here = built.videos.loc[built.videos["path"].notna(), "video_id"]
    assert sorted(here) == ["id000000000", "id000000001"]


PROGRAMME: list[Event] = [
    (10, "jump_takeoff", "axel"), (17, "jump_landing", "axel"),
    (30, "spin_takeoff", "flying_camel"), (34, "spin_landing", "flying_camel - other"),
    (50, "jump_takeoff", "tow_loop"), (56, "jump_landing", "toe_loop"),
    (70, "jump_takeoff", "lutz"), (77, "jump_landing", "flip"),
]  # fmt: skip
CUPS = ["men_cup_2017", "women_cup_2017", "men_cup_2018"]


@pytest.fixture
def skating(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    programmes = {
        cup: [clip(f"{cup}_{k:02d}_0000{k}000_0000{k}100", 100, *PROGRAMME) for k in (1, 2, 3)]
        for cup in CUPS
    }
    splits = {
        "train": programmes[CUPS[0]][:2] + programmes[CUPS[1]],
        "val": programmes[CUPS[0]][2:],
        "test": programmes[CUPS[2]],
    }
    module = builders.figure_skating
    counts = {"train": 5, "val": 1, "test": 3}
    monkeypatch.setattr(
        module, "COUNTS",
        {
            "clips": counts,
            "events": {split: 8 * count for split, count in counts.items()},
            "videos": {"train": 2, "val": 1, "test": 1},
        },
    )  # fmt: skip
    monkeypatch.setattr(module, "PAIRS", {"jump": 27, "spin": 9})
    monkeypatch.setattr(module, "UNCLEAR", 9)
    monkeypatch.setattr(module, "CLASSES", {"axel", "flying_camel", "toe_loop"})
    return write(tmp_path / "fs_comp", splits, CUPS)


def test_skating_joins_take_off_and_landing(skating: Path, tmp_path: Path) -> None:
    built = build_dataset("figure-skating", tmp_path / "out", {"labels": skating})
    table = built.moments
    first = table[table["clip_start_s"] == 100.0].drop_duplicates("label")
    windows = first.set_index("label")[["start_s", "end_s"]].round(3).T.to_dict("list")
    assert windows == {"axel": [1, 1.7], "flying_camel": [3, 3.4], "toe_loop": [5, 5.6]}
    of_video = table.groupby("video_id", observed=True)["split"].nunique()
    assert (of_video == 1).all() and built.counts["moments"] == 27


def dive(video: str, *steps: tuple[int, str], code: str = "407c") -> dict[str, Any]:
    events = [(frame, text.rpartition(" -> ")[2], text) for frame, text in steps]
    return {**clip(video, 100, *events, fps=-1), "_source_info": {"action_type": code}}


@pytest.fixture
def diving(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve dives of each of four classes; one alone, one without its entry, one unsorted."""
    kinds = ["1 Twist", "2.5 Soms.Pike", "3.5 Soms.Tuck", "4.5 Soms.Tuck"]
    good = [
        dive(f"{k:02d}__{i}", (10, f"Back -> {kind}"), (40, f"{kind} -> Entry"))
        for i, kind in enumerate(kinds)
        for k in range(12)
    ]
    odd = [
        dive("99__1", (10, "Back -> 9 Soms.Tuck"), (40, "9 Soms.Tuck -> Entry")),
        dive("99__2", (10, "Back -> 1 Twist")),
        dive("99__3", (40, "Back -> 1 Twist"), (10, "1 Twist -> Entry")),
        dive("99__4", (10, "Back -> 1 Twist"), (40, "2 Twists -> Entry")),
    ]
    known = {
        "dives": {"train": 48, "val": 4, "test": 0}, "events": {"train": 96, "val": 7, "test": 0},
        "broken": 3, "moments": 49, "classes": 5, "rare": 1,
    }  # fmt: skip
    monkeypatch.setattr(builders.diving, "EXPECTED", known)
    return write(tmp_path / "finediving", {"train": good, "val": odd}, [])


def test_diving_splits_share_no_class(diving: Path, tmp_path: Path) -> None:
    """Rare classes are train; seconds are those of the given rate."""
    built = build_dataset("diving", tmp_path / "out", {"labels": diving, "fps": "20"})
    table = built.moments
    assert table.groupby("label")["split"].nunique().max() == 1
    assert table.loc[table["label"] == "9 Soms.Tuck", "split"].tolist() == ["train"]
    assert set(zip(table["start_s"], table["end_s"], table["clip_end_s"], strict=True)) == {
        (0.5, 2.0, 5.0)
    }
    assert built.counts["classes"] == {"test": 1, "train": 3, "val": 1}


def test_dives_of_another_rate_are_told(diving: Path, tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    write_video(tmp_path / "videos" / "00__0.mp4", constant_rate(10, 10), rate=10)
    options = {"labels": diving, "videos": tmp_path / "videos"}
    with pytest.raises(UserError, match="pass --fps 10 "):
        build_dataset("diving", tmp_path / "out", options)
    built = build_dataset("diving", tmp_path / "out", {**options, "fps": 10})
    assert built.videos["path"].notna().sum() == 1


def test_labels_that_are_not_the_known_ones_are_refused(
    tennis: Path, tmp_path: Path, cli: Callable[..., Ran]
) -> None:
    (tennis / "val.json").write_text("[]")
    ran = cli("build", "tennis", "--labels", tennis, "--out", tmp_path / "out")
    assert ran.code == 2
    assert "val: clips should be 5, found 0; these are not the labels" in ran.err
    (tennis / "val.json").write_text(json.dumps([clip("x_1_2", 3), clip("y", 3, fps=0)]))
    with pytest.raises(MomentError) as error:
        read_labels(tennis, "tennis", "tennis")
    assert error.value.faults[0].startswith("val.json, clip 1: x_1_2 is of no video")
    (tennis / "val.json").unlink()
    with pytest.raises(DataError, match=r"val\.json does not exist"):
        read_labels(tennis, "tennis", "tennis")
    for name in ("tennis", "figure-skating", "diving"):
        with pytest.raises(UserError, match="--labels"):
            build_dataset(name, tmp_path / "none")


@pytest.mark.skipif(not REAL.exists(), reason="the real labels lie beside the project only")
@pytest.mark.parametrize(
    ("name", "below", "moments", "videos", "classes"),
    [
        ("tennis", "tennis", 33_783, 28, {"test": 6, "train": 6, "val": 6}),
        ("figure-skating", "fs_comp", 1_835, 11, {"test": 9, "train": 9, "val": 9}),
        ("diving", "finediving", 3_982, 2_981, {"test": 3, "train": 16, "val": 2}),
    ],
)
def test_counts_of_the_real_labels(
    tmp_path: Path, cli: Callable[..., Ran], name: str, below: str, moments: int, videos: int,
    classes: dict[str, int],
) -> None:  # fmt: skip
    """All facts hold, and nothing but what is known of them is left out."""
    ran = cli("build", name, "--labels", REAL / below, "--out", tmp_path / "out")
    assert ran.code == 0, ran.err
    assert "differs" not in ran.out and "licence" in ran.out
    built = load_dataset(tmp_path / "out")
    assert (built.counts["moments"], built.counts["videos"]) == (moments, videos)
    assert built.counts["classes"] == classes


@pytest.mark.skipif(not REAL.exists(), reason="the real labels lie beside the project only")
def test_dives_are_those_that_say_their_entry() -> None:
    """Counted another way: 3,000 dives, of which 18 lack a change or have them out of order."""
    dives = read_dives(REAL / "finediving")
    good = 0
    for of in dives.clips.values():
        ends = [event.comment.split(" -> ") for event in of.events]
        frames = [event.frame for event in of.events]
        chained = all(ends[k][1] == ends[k + 1][0] for k in range(len(ends) - 1))
        good += bool(ends) and ends[-1][1] == "Entry" and chained and frames == sorted({*frames})
    assert len(dives.clips) - good == dives.broken == 18
