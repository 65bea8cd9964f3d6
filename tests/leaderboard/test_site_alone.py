"""Two builds of one site, and a build that is killed while it moves what it wrote."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from made_submissions import add_submission
from mini_dataset import mini_dataset

from leaderboard.site import build_site

Contents = dict[str, bytes]


def contents(out: Path) -> Contents:
    """Bytes of every file; none is temporary, a lock, or forgotten."""
    return {str(p.relative_to(out)): p.read_bytes() for p in out.rglob("*") if p.is_file()}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One submission for a data set that is built here."""
    monkeypatch.setenv("VID2VIDMR_DATA", str(tmp_path / "data"))
    dataset = mini_dataset(tmp_path / "data" / "mini", {f"v{i}": None for i in range(12)})
    add_submission(tmp_path / "root", dataset, "one", protocols=("official",))
    return tmp_path / "root"


def test_two_builds_into_one_folder_leave_a_whole_site(root: Path, tmp_path: Path) -> None:
    build_site(root, tmp_path / "alone")
    command = [sys.executable, "-m", "vid2vidmr", "leaderboard", "build"]
    command += ["--submissions", str(root), "--out", str(tmp_path / "out")]
    both = [
        subprocess.Popen(command, env=os.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in both:
        _, error = process.communicate()
        assert process.returncode == 0, error.decode()
    assert contents(tmp_path / "out") == contents(tmp_path / "alone")


@pytest.mark.parametrize("moves", range(0, 9, 2))
def test_a_build_that_is_killed_as_it_moves_can_be_repeated(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int
) -> None:
    out = tmp_path / "out"
    build_site(root, out)
    expected = contents(out)
    (out / "mine.txt").write_text("kept")
    replace, left = Path.replace, moves

    def killed(path: Path, target: Path) -> Path:
        nonlocal left
        if Path(target).parent == out:
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        build_site(root, out)
    monkeypatch.undo()
    monkeypatch.setenv("VID2VIDMR_DATA", str(tmp_path / "data"))
    build_site(root, out)
    assert contents(out) == {**expected, "mine.txt": b"kept"}
