"""SoccerNet from made-up labels of its form: actions, and replays joined to what they show."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from coded_video import constant_rate, write_video
from conftest import Ran

from builders.rows import MomentError
from builders.soccernet.replays import read_replays
from vid2vidmr.data.builder import build_dataset
from vid2vidmr.data.dataset import load_dataset
from vid2vidmr.errors import DataError, UserError

MATCHES = [f"epl/2015/{day} A - B" for day in range(5)]


def action(half: int, at_s: float, label: str, visibility: str = "visible") -> dict[str, str]:
    return {
        "gameTime": f"{half} - {int(at_s // 60):02d}:{int(at_s % 60):02d}", "label": label,
        "position": str(int(at_s * 1000)), "team": "home", "visibility": visibility,
    }  # fmt: skip


def change(half: int, at_s: float, link: tuple[int, str, str] | None = None) -> dict[str, Any]:
    linked = {}
    if link is not None:
        half_of, time, label = link
        linked = {"link": {"half": str(half_of), "label": label, "team": "home", "time": time}}
    return {
        **action(half, at_s, "Main camera center"), "change_type": "logo",
        "replay": "replay" if link else "real-time", **linked,
    }  # fmt: skip


CAMERAS = [
    change(1, 3, (1, "00:01", "Foul")),  # nobody tells where it began
    change(1, 100),
    change(1, 130),
    change(1, 138, (1, "01:52", "Goal")),  # 130 to 138 shows 112
    change(1, 145, (1, "01:52", "Goal")),  # so does 138 to 145
    change(1, 200),
    change(1, 210, (1, "03:30", "Foul")),  # before what it shows
    change(2, 20),
    change(2, 30, (1, "40:00", "Foul")),  # of the half before
]


@pytest.fixture
def matches(tmp_path: Path) -> Path:
    folder = tmp_path / "labels"
    for match in MATCHES:
        (folder / match).mkdir(parents=True)
        actions = [
            action(half, at, label, "not shown" if at == 250 else "visible")
            for half in (1, 2)
            for k, label in enumerate(("Goal", "Foul", "Corner"))
            for at in (100 + 10 * k, 250 + 20 * k)
        ]
        for name, labels in (("Labels-v2", actions), ("Labels-cameras", CAMERAS)):
            (folder / match / f"{name}.json").write_text(
                json.dumps({"UrlLocal": match, "annotations": labels})
            )
    return folder


def test_actions_are_moments_of_halves(
    matches: Path, tmp_path: Path, cli: Callable[..., Ran]
) -> None:
    videos = tmp_path / "videos" / MATCHES[0]
    videos.mkdir(parents=True)
    write_video(videos / "1_224p.mkv", constant_rate(1, 300), rate=1)
    ran = cli(
        "build", "soccernet", "--labels", matches, "--videos", videos.parents[2],
        "--lag", "5,Goal=15",
        "--margin", 30, "--out", tmp_path / "out",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "500" in ran.out and "differs" in ran.out  # told, and not refused
    assert "10 left out" in ran.out and "research" in ran.out
    built = load_dataset(tmp_path / "out")
    assert built.counts["moments"] == 50 and built.counts["videos"] == 10
    assert built.counts["classes"] == {"train": 1, "val": 1, "test": 1}
    assert built.video_path(f"{MATCHES[0]}/1") == videos / "1_224p.mkv"
    table = built.moments.assign(at=built.moments["clip_start_s"] + built.moments["start_s"])
    goal = table[table["label"] == "Goal"].iloc[0]
    assert (goal["at"], goal["end_s"] - goal["start_s"]) == (95, 20)
    # The half lasts at least until its last action: 290 s, and 5 behind it.
    late = table[(table["label"] == "Corner") & (table["at"] == 285)]
    assert set(late["clip_start_s"]) == {255.0} and set(late["clip_end_s"]) == {295.0}


def test_a_replay_asks_for_the_action_it_shows(
    matches: Path, tmp_path: Path, cli: Callable[..., Ran]
) -> None:
    """The target ends where the action's first replay begins: its pictures are not the answer."""
    ran = cli("build", "soccernet-replays", "--labels", matches, "--out", tmp_path / "out")
    assert ran.code == 0, ran.err
    assert "5 left out" in ran.out
    built = load_dataset(tmp_path / "out")
    assert built.counts["pairs"] == {"train": 9, "val": 3, "test": 3}
    table = built.pairs("test").table
    columns = ["query_start_s", "query_end_s", "clip_start_s", "clip_end_s", "start_s", "end_s"]
    found = sorted(table[columns].to_numpy().round(3).tolist())
    assert found == [
        [20, 30, 2335, 2465, 60, 70],
        [130, 138, 47, 130, 60, 70],
        [138, 145, 47, 130, 60, 70],
    ]
    of = dict(zip(table["query_start_s"], table["target_video"], strict=True))
    assert of[20].endswith("/1") and of[130].endswith("/1")
    by_match = built.moments.assign(match=built.moments["video_id"].str[:-2])
    assert (by_match.groupby("match")["split"].nunique() == 1).all()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"gameTime": "x"}, "annotation 1: gameTime"),
        ({"position": "-1"}, "annotation 1: position"),
        ({"link": {"half": "3", "label": "Goal", "time": "1"}}, r"annotation 1: link"),
    ],
)
def test_faults_have_their_place(matches: Path, wrong: dict[str, Any], said: str) -> None:
    path = matches / MATCHES[0] / "Labels-cameras.json"
    path.write_text(json.dumps({"annotations": [{**CAMERAS[0], **wrong}]}))
    with pytest.raises(MomentError, match=said):
        read_replays(matches)


def test_without_labels_a_line_says_where_they_are(matches: Path, tmp_path: Path) -> None:
    for name in ("soccernet", "soccernet-replays"):
        with pytest.raises(UserError, match="--labels"):
            build_dataset(name, tmp_path / "out")
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(UserError):
            build_dataset(name, tmp_path / "out", {"labels": tmp_path / "empty"})
    for path in matches.rglob("Labels-cameras.json"):
        path.write_text(json.dumps({"annotations": CAMERAS[:3]}))
    with pytest.raises(DataError, match="nothing to ask"):
        build_dataset("soccernet-replays", tmp_path / "out", {"labels": matches})
