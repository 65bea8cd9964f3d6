"""An index that was killed ten times, between and inside its writes, ends with the same bytes."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import killed_index
from coded_video import constant_rate, numbered_frame, write_video

KILLS = 10


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_killed_ten_times_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    matches = tmp_path / "matches"
    matches.mkdir()
    for number, seconds in enumerate((12, 8, 4)):
        frames = map(numbered_frame, range(800 * number, 800 * number + 8 * seconds))
        name = matches / f"{number}.mp4"
        write_video(name, constant_rate(8, seconds), rate=8, frames=frames)
    (matches / "bad.mp4").write_bytes(b"no video")
    ran = subprocess.run(
        [sys.executable, killed_index.__file__, str(KILLS)], cwd=tmp_path, capture_output=True
    )
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert said["many"] == KILLS * [-signal.SIGKILL]
    assert said["once"][0] == said["at_last"][0] == 0
    assert said["at_last"][1] < said["once"][1]  # what was done before the kills was kept
    assert contents(tmp_path / "many") == contents(tmp_path / "once")
