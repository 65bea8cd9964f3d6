"""The page on your own method is followed word by word, outside the tree."""

import json
import os
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest
from coded_video import constant_rate, write_video

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/guide/method.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The interpreter of an environment of its own that has all packages of this one."""
    venv.create(tmp_path / "venv", symlinks=True)
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    here = [path for path in sys.path if path.endswith("site-packages")]
    (site / "here.pth").write_text("\n".join([str(ROOT), *here]))
    return tmp_path / "venv" / "bin" / "python"


def run(python: Path, *command: object) -> str:
    home = python.parents[2]
    environment = {**os.environ, "VID2VIDMR_DATA": str(home / "data")}
    done = subprocess.run(
        [python, *map(str, command)],
        cwd=home,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_works_as_written(python: Path, tmp_path: Path) -> None:
    folder = tmp_path / "data" / "clips"
    (folder / "videos").mkdir(parents=True)
    rows = ["video_id,label,split,start_s,end_s"]
    for split in ("val", "test"):
        for label in ("jump", "turn"):
            for k in (0, 1):
                name = f"{split}-{label}-{k}"
                write_video(folder / "videos" / f"{name}.mp4", constant_rate(8, 20.0), rate=8)
                rows.append(f"{name},{split}-{label},{split},0,{8 + 2 * k}")
    (folder / "moments.csv").write_text("\n".join(rows) + "\n")

    method, dataset, use = blocks("python")
    (package,) = blocks("toml")
    (tmp_path / "early.py").write_text(method)
    (tmp_path / "clips.py").write_text(dataset)
    (tmp_path / "pyproject.toml").write_text(package)
    offline = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    (commands,) = blocks("sh")
    for command in commands.strip().splitlines():
        program, *arguments = command.split()
        run(python, "-m", program, *arguments, *(offline if program == "pip" else ()))
    assert "early" in run(python, "-c", use)

    results = [json.loads(p.read_text()) for p in tmp_path.glob("runs/clips/early/*/*/result.json")]
    assert {result["header"]["protocol"] for result in results} >= {"official", "recropped"}
    (official,) = [result for result in results if result["header"]["protocol"] == "official"]
    # The query lasts 8 or 10 s and the moment the other of the two, both from 0: IoU 0.8.
    assert official["metrics"]["mIoU"]["value"] == pytest.approx(80.0)
    assert official["kind"] == "untrained"
    assert "early" in (tmp_path / "runs/clips/table.md").read_text()
