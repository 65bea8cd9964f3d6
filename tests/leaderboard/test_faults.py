"""The hostile submissions of ``../shared/faults``, as records are written today."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest

from leaderboard.site import build_site
from leaderboard.store import FILE
from leaderboard.verify import verify

NEAR = [parent / "shared" / "faults" / "hostile" for parent in Path(__file__).parents]
FAULTS = next((path for path in NEAR if path.exists()), NEAR[3])
CASES = {
    "surrogate": ("half of a surrogate pair", None),
    "unseen-sign": ("has the sign '\\u061c'", None),
    "bias-spoof": ("with wrong queries it gives other windows (official)", None),
    "encoder-latex": ("the encoder '\\\\input{/etc/passwd} $x^ ~ }' is not of letters", None),
    "encoder-md": ("the encoder '[x](javascript:alert(1)) | a | b |", None),
    "same-seed": (None, "official, seed 0 comes twice: it counts once."),
}
"""Why the submission ``good`` is refused, or what is told of it."""


def today(folder: Path) -> None:
    """Write the record of a submission, which is of 0.1, as it is written now."""
    path = folder / FILE
    old = json.loads(path.read_text())
    runs = []
    for run in old["runs"]:
        first = gzip.decompress((folder / run["predictions"]).read_bytes()).split(b"\n")[0]
        kept = ("coverage", "invalid", "metrics", "predictions", "predictions_sha256")
        runs.append(
            json.loads(first)
            | {"kind": old["card"]["kind"], "pairs": old["pairs"]}
            | {name: run[name] for name in kept}
        )
    path.write_text(
        json.dumps({name: old[name] for name in ("id", "submitted", "card")} | {"runs": runs})
    )


@pytest.mark.skipif(not FAULTS.exists(), reason="../shared/faults is not here")
@pytest.mark.parametrize("case", CASES)
def test_hostile_submissions(tiny: Path, tmp_path: Path, case: str) -> None:
    refused, told = CASES[case]
    shutil.copytree(FAULTS / f"submissions-{case}", tmp_path / "root")
    for path in (tmp_path / "root").glob("*/*"):
        today(path)
    differences = verify(tmp_path / "root")[1]
    built = build_site(tmp_path / "root", tmp_path / "site")
    (board,) = built.boards
    # What the other one says of itself nothing contradicts, and nothing shows.
    assert board.entries["biasrow"].row.kind == "untrained"
    page = (tmp_path / "site" / "index.html").read_text()
    if refused is None:
        assert f"minimatch/good: {told}" in differences and len(differences) == 4
        assert built.not_shown == {}
        assert board.entries["good"].row.seeds == (0,)
        assert page.count('good</a> <span class="mark">seed twice</span>') == 2
    else:
        assert built.not_shown.keys() == {"minimatch/good"} and "good" not in board.entries
        assert refused in built.not_shown["minimatch/good"]
        assert differences == [f"minimatch/good: {built.not_shown['minimatch/good']}"]
        assert "minimatch/good" in page
