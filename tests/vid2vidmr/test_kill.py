"""Killed at any moment and continued, a command ends with the files of an uninterrupted run."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from bad_server import BadServer
from coded_video import constant_rate, numbered_frame, write_video
from conftest import ENCODER
from mini_dataset import mini_dataset

from vid2vidmr.downloads import read_states

PROGRAM = str(Path(sys.executable).with_name("vid2vidmr"))
KILLS = 3


def start(home: Path, *arguments: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "VID2VIDMR_DATA": str(home)}
    return subprocess.Popen(
        [PROGRAM, *arguments], cwd=home, env=environment, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip


def kill_at_random(home: Path, seed: int, longest_s: float, *arguments: str) -> int:
    """Kill the command and its workers `KILLS` times; give how often it was still running."""
    rng = random.Random(seed)
    killed = 0
    for _ in range(KILLS):
        process = start(home, *arguments)
        time.sleep(rng.uniform(0.2, 0.8) * longest_s)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            killed += 1
        process.communicate()
    return killed


def kill_when_it_writes(home: Path, folder: Path, *arguments: str, grows: str = "") -> None:
    """Kill the command and its workers as soon as a file comes, goes, or grows (the one named)."""

    def state() -> set[tuple[str, int]]:
        return {
            (path.name, path.stat().st_size if path.name == grows else 0)
            for path in folder.rglob("*")
            if not path.name.startswith(".tmp-")  # may go between the two looks at it
        }

    before = state()
    process = start(home, *arguments)
    deadline = time.monotonic() + 600
    while process.poll() is None and state() == before and time.monotonic() < deadline:
        time.sleep(0.001)
    assert process.poll() is None, f"it ended before it was killed: {process.communicate()[1]!r}"
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert state() != before


def finish(home: Path, *arguments: str) -> float:
    """Run to the end; gives its duration in seconds."""
    started = time.monotonic()
    process = start(home, *arguments)
    _, error = process.communicate()
    assert process.returncode == 0, error.decode()
    return time.monotonic() - started


def contents(folder: Path) -> dict[str, Any]:
    """Bytes of every file but logs, which know of stops; times are left out, and hardware."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        assert not path.name.startswith(".tmp-")
        passing = path.name in ("time.json", "log.txt") or path.name.endswith(".lock")
        if path.is_dir() or passing:
            continue
        if path.name == "downloads.sqlite":
            rows = read_states(path.parent).values()
            found[name] = [row._replace(changed="", attempts=0) for row in rows]
            continue
        if path.name == "availability.json":
            videos = json.loads(path.read_text())["videos"]
            found[name] = [{**video, "date": None} for video in videos]
            continue
        if path.name == "result.json":
            result = json.loads(path.read_text())
            found[name] = {k: v for k, v in result.items() if k not in ("time_s", "hardware")}
        else:
            found[name] = path.read_bytes()
    return found


def check_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found.keys() == expected.keys()
    assert [name for name in expected if found[name] != expected[name]] == []


def test_build_killed_ten_times(data_home: Path, tmp_path: Path) -> None:
    command = ("build", "minimatch", "--videos", "6", "--seed", "0")
    for _ in range(10):
        kill_when_it_writes(tmp_path, tmp_path / "minimatch", *command)
    finish(tmp_path, *command)
    expected = contents(data_home / "minimatch")
    expected = {n: d for n, d in expected.items() if not n.startswith("features")}
    check_same(contents(tmp_path / "minimatch"), expected)


def test_build_with_downloads_killed_ten_times(tmp_path: Path) -> None:
    kinds = ("ok", "slow", "gone", "ok")
    ids = [f"{kind}-".ljust(9, "0") + f"{i:02d}" for i, kind in enumerate(kinds * 10)]
    rows = "\n".join(f"jump,{video_id},0,5,train" for video_id in ids)
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    video = write_video(tmp_path / "v.mp4", constant_rate(4, 6), rate=4, faststart=True)
    for home in (whole, killed):
        home.mkdir()
        (home / "list.csv").write_text(f"label,youtube_id,time_start,time_end,split\n{rows}\n")
    command = ("build", "kinetics", "list.csv", "--download", "--pause", "0", "--mirror")
    server = BadServer(video.read_bytes())
    try:
        finish(whole, *command, server.mirror)
        for _ in range(10):
            kill_when_it_writes(killed, killed / "kinetics" / "videos", *command, server.mirror)
        finish(killed, *command, server.mirror)
    finally:
        server.stop()
    check_same(contents(killed), contents(whole))


def test_features_killed_ten_times(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    files = {f"v{i:02d}": f"videos/v{i:02d}.mp4" for i in range(36)}
    for i, file in enumerate(files.values()):
        write_video(tmp_path / file, constant_rate(8, 18 + 2 * (i % 2)), rate=8)
    (tmp_path / files["v11"]).write_bytes(b"no video")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for home in (whole, killed):
        mini_dataset(home / "mini", {v: f"../../{file}" for v, file in files.items()})
    finish(whole, "features", "mini")
    store = killed / "mini" / "features" / ENCODER
    written = []
    for i in range(10):  # the rows of a video are written before its line
        grows = ("features.bin", "index.jsonl")[i % 2]
        kill_when_it_writes(killed, store, "features", "mini", grows=grows)
        index = store / "index.jsonl"
        written.append(len(index.read_text().splitlines()) if index.exists() else 0)
    assert len(set(written)) >= 4, written
    (store / ".tmp-fidelity.json").touch()  # as if killed while another encoder's was written
    finish(killed, "features", "mini")
    check_same(contents(killed), contents(whole))


def test_index_killed(tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    for i in range(12):
        frames = map(numbered_frame, range(200 * i, 200 * i + 8 * 18))
        write_video(videos / f"v{i:02d}.mp4", constant_rate(8, 18), rate=8, frames=frames)
    (videos / "v05.mp4").write_bytes(b"no video")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    for home in (whole, killed):
        home.mkdir()
    command = ("index", "../videos", "--out", "archive", "--encoder", ENCODER)
    finish(whole, *command)
    kill_when_it_writes(killed, killed, *command)  # the table of videos, or before it
    for i in range(3):
        grows = ("features.bin", "index.jsonl")[i % 2]
        kill_when_it_writes(killed, killed / "archive", *command, grows=grows)
    kill_at_random(killed, 0, 5.0, *command)
    finish(killed, *command)
    check_same(contents(killed), contents(whole))


@pytest.mark.parametrize("method", ["moment_detr"])
def test_bench(data_home: Path, tmp_path: Path, method: str) -> None:
    command = (
        "bench", "--dataset", "minimatch", "--methods", f"{method},dtw-match", "--seeds", "1",
    )  # fmt: skip
    folders = []
    for name in ("whole", "killed"):
        folders.append(tmp_path / name)
        shutil.copytree(data_home / "minimatch", folders[-1] / "minimatch")
    whole, killed = folders
    took_s = finish(whole, *command)
    assert kill_at_random(killed, 3, took_s, *command) >= 1
    finish(killed, *command)
    check_same(contents(killed / "runs"), contents(whole / "runs"))
