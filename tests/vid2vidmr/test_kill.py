"""Killed at random moments and continued, a command ends with the files of an uninterrupted run."""

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
from conftest import ENCODER

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


def finish(home: Path, *arguments: str) -> float:
    """Run to the end; gives its duration in seconds."""
    started = time.monotonic()
    process = start(home, *arguments)
    _, error = process.communicate()
    assert process.returncode == 0, error.decode()
    return time.monotonic() - started


def contents(folder: Path) -> dict[str, Any]:
    """Bytes of every file; times and the hardware of results are left out."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_dir() or path.name == "time.json" or path.suffix == ".lock":
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


def test_build(data_home: Path, tmp_path: Path) -> None:
    command = ("build", "minimatch", "--videos", "6", "--seed", "0")
    assert kill_at_random(tmp_path, 1, 6.0, *command) >= 1
    finish(tmp_path, *command)
    expected = contents(data_home / "minimatch")
    expected = {n: d for n, d in expected.items() if not n.startswith("features")}
    check_same(contents(tmp_path / "minimatch"), expected)


def test_features(data_home: Path, tmp_path: Path) -> None:
    home = tmp_path
    ignore = shutil.ignore_patterns("features")
    shutil.copytree(data_home / "minimatch", home / "minimatch", ignore=ignore)
    command = ("features", "minimatch", "--encoder", ENCODER)
    assert kill_at_random(home, 2, 8.0, *command) >= 1
    finish(home, *command)
    check_same(contents(home / "minimatch"), contents(data_home / "minimatch"))


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
