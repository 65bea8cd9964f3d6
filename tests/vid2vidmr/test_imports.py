"""Imports point one way, and what needs no torch starts without it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def test_packages_import_one_way() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 kept, 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import vid2vidmr", ("torch", "pandas", "numpy", "av")),
        ("import vid2vidmr.cli.app", ("torch", "pandas", "numpy", "av")),
        ("import vid2vidmr.evaluation, vid2vidmr.evaluation.results", ("torch", "av", "cv2")),
        ("import vid2vidmr.tables, vid2vidmr.experiments.bench", ("torch", "av", "cv2")),
        (
            "from vid2vidmr.methods.load import *; [method_class(n) for n in method_names()]",
            ("torch",),
        ),
    ],
)
def test_light_imports_stay_light(code: str, absent: tuple[str, ...]) -> None:
    check = f"{code}\nimport sys\nprint([m for m in {absent!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
