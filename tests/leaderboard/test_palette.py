"""Colours of rows are told apart by the colour-blind, measured on the style sheet."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import pytest

from vid2vidmr.files import BASE_CSS

STYLE = BASE_CSS.read_text()
APART = 15.0
"""Distance in CIE Lab."""
SEEN = {  # Machado, Oliveira, Fernandes 2009, severity 1, on linear RGB
    "by most": np.eye(3),
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def linear(color: str) -> np.ndarray:
    value = np.array([int(color[i : i + 2], 16) for i in (0, 2, 4)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    x, y, z = np.cbrt(XYZ @ np.clip(rgb, 0, 1) / (0.9505, 1, 1.089))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("seen", SEEN)
@pytest.mark.parametrize("dark", [False, True])
def test_colours_of_rows_are_told_apart(seen: str, dark: bool) -> None:
    rows = re.findall(r"--row-(\w+): #([0-9a-f]{6})", STYLE)[6 * dark : 6 + 6 * dark]
    assert [name for name, _ in rows] == ["1", "2", "3", "4", "5", "bias"]
    labs = [lab(np.array(SEEN[seen]) @ linear(color)) for _, color in rows]
    assert min(np.linalg.norm(a - b) for a, b in combinations(labs, 2)) > APART
