"""Commands as processes: two of one folder, interrupted, and where signs are not to be had."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

Process = subprocess.Popen[str]


def start(*arguments: object, **environment: str) -> Process:
    return subprocess.Popen(
        [sys.executable, "-m", "vid2vidmr", *map(str, arguments)], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        env={**os.environ, **environment},
    )  # fmt: skip


def unfinished(folder: Path) -> list[Path]:
    return [path for path in folder.rglob(".*") if path.name.startswith((".tmp-", ".lock"))]


def wait_for(process: Process, pattern: str) -> None:
    """Wait until there is such a file below the working folder."""
    deadline = time.monotonic() + 600
    while not list(Path().glob(pattern)):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.01)


def interrupt(process: Process) -> None:
    """Press Ctrl-C; it ends as it should, without a traceback."""
    os.killpg(process.pid, signal.SIGINT)
    error = process.communicate(timeout=600)[1]
    assert process.returncode == 130
    assert "Traceback" not in error
    assert error.endswith("stopped\n")


def test_two_benches_of_one_folder(tiny: Path) -> None:
    command = ("bench", "--dataset", "minimatch", "--methods", "dtw-match", "--seeds", "1")
    both = [start(*command, "--out", "both") for _ in range(2)]
    one = start(*command, "--out", "one")
    for process in (*both, one):
        _, error = process.communicate()
        assert process.returncode == 0, error
        assert "Traceback" not in error
    assert not unfinished(Path("both"))
    for name in ("table.csv", "table.md", "table.tex"):
        assert Path("both", name).read_text() == Path("one", name).read_text()


def test_a_second_build_waits_and_goes_on_when_the_first_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ("build", "minimatch", "--videos", "6", "--out", "m")
    first = start(*command)
    wait_for(first, "m/videos/.tmp-*")
    second = start(*command)
    assert second.stderr is not None
    line = "Another process is at work in m: waiting for it (Ctrl-C gives up).\n"
    assert second.stderr.readline() == line
    interrupt(first)
    wait_for(second, "m/videos/.tmp-*")
    interrupt(second)
    assert not unfinished(tmp_path)
    assert (tmp_path / "m/minimatch.json").exists()


def test_ctrl_c_in_a_bench(tiny: Path) -> None:
    process = start("bench", "--dataset", "minimatch", "--methods", "moment_detr,qd_detr")
    wait_for(process, "runs/minimatch/*/*/checkpoint/.lock")
    interrupt(process)
    assert not unfinished(Path("runs"))


def test_signs_that_are_not_to_be_had_end_nothing(tiny: Path) -> None:
    command = ("bench", "--dataset", "minimatch", "--methods", "random", "--seeds", "1")
    process = start(*command, PYTHONIOENCODING="ascii")
    shown, error = process.communicate()
    assert process.returncode == 0, error
    assert "random" in shown and "?" in shown  # plus or minus
    process = start("datasets", "--json", PYTHONIOENCODING="ascii")
    names = {row["name"]: row["title"] for row in json.loads(process.communicate()[0])}
    assert names["minimatch"] == "minimatch: rendered match-like broadcasts"
