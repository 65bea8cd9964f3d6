"""The benchmark of GPUs runs through on a CPU, in parts, with tiny sizes."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "gpu.py"


def test_dry_run(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    for part in ("alignment", "search"):
        command = [sys.executable, str(SCRIPT), "--dry", "--out", str(out), "--parts", part]
        subprocess.run(command, check=True, capture_output=True, timeout=300)
    found = json.loads(out.read_text())
    assert found["dry"] and list(found["parts"]) == ["alignment", "search"]
    rows = {row["by"]: row for row in found["parts"]["alignment"]}
    for peer in ("torch anti-diagonals", "pysdtw"):
        assert rows[peer]["difference"] < 1e-4
    assert all(row["ms"] > 0 for row in found["parts"]["search"])
    said = out.with_suffix(".md").read_text()
    assert "### alignment" in said and "| 2 x 9 x 4 | ours |" in said


def test_an_unknown_part_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--dry", "--parts", "speed"], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert "there is no part 'speed'" in done.stderr
