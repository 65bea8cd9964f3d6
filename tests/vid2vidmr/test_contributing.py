"""CONTRIBUTING.md is followed word by word, outside the tree: its method and data set must work."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from coded_video import constant_rate, write_video

PAGE = Path(__file__).parents[2] / "CONTRIBUTING.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``pip install`` of a package with the page's code leaves in site-packages."""
    site = tmp_path_factory.mktemp("site")
    method, dataset = blocks("python")
    (site / "early.py").write_text(method)
    (site / "clips.py").write_text(dataset)
    (registration,) = blocks("toml")
    groups = tomllib.loads(registration)["project"]["entry-points"]
    info = site / "mine-0.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 0.1\n")
    lines = [
        f"[{group}]\n" + "\n".join(f"{name} = {value}" for name, value in entries.items())
        for group, entries in groups.items()
    ]
    (info / "entry_points.txt").write_text("\n\n".join(lines) + "\n")
    return site


def run(package: Path, home: Path, *arguments: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(package), "VID2VIDMR_DATA": str(home / "data")}
    command = [str(Path(sys.executable).with_name("vid2vidmr")), *arguments]
    done = subprocess.run(
        command, cwd=home, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_page_works_as_written(package: Path, tmp_path: Path) -> None:
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

    (commands,) = blocks("sh")
    for command in commands.strip().splitlines():
        program, *arguments = command.split()
        assert program == "vid2vidmr"
        run(package, tmp_path, *arguments)

    results = [json.loads(p.read_text()) for p in tmp_path.glob("runs/clips/early/*/*/result.json")]
    assert {result["header"]["protocol"] for result in results} >= {"official", "recropped"}
    (official,) = [result for result in results if result["header"]["protocol"] == "official"]
    # The query lasts 8 or 10 s and the moment the other of the two, both from 0: IoU 0.8.
    assert official["metrics"]["mIoU"]["value"] == pytest.approx(80.0)
    assert official["kind"] == "untrained"
    assert "early" in (tmp_path / "runs/clips/table.md").read_text()

    listed = json.loads(run(package, tmp_path, "methods", "--json"))
    assert "early" in {method["name"] for method in listed}
