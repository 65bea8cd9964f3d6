"""What a submission says and its predictions do not bear out: told, and not believed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from made_submissions import add_submission, made_dataset

from leaderboard.doubts import _same
from leaderboard.site import build_site
from leaderboard.site.boards import read_boards
from leaderboard.store import FILE
from leaderboard.verify import verify
from vid2vidmr.errors import DataError


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    monkeypatch.setenv("VID2VIDMR_DATA", str(tmp_path / "data"))
    return made_dataset(tmp_path / "data", 12)


def the_entry(root: Path):
    (board,), refused = read_boards(root, lambda *_: None)
    assert refused == {}
    (entry,) = board.entries.values()
    return entry


def test_a_copy_of_the_truth_is_told_and_differs_from_nothing(dataset, tmp_path):
    root = tmp_path / "root"
    add_submission(root, dataset, "copy", shift=0.0)
    add_submission(root, dataset, "honest", shift=0.5)
    assert verify(root) == (4, [])
    build_site(root, tmp_path / "site")
    page = (tmp_path / "site/index.html").read_text()
    assert page.count('copy</a> <span class="mark">truth in 100 %</span>') == 2
    assert 'honest</a> <span class="mark">' not in page
    said = "copy: the first window is the truth (IoU 0.99 and more) in 100.0 % of the pairs"
    for protocol in ("official", "recropped"):
        assert f"{said} ({protocol})" in (tmp_path / f"site/boards/made/{protocol}.md").read_text()
    assert "truth in 100 %:</b>" in (tmp_path / "site/submissions/made/copy.html").read_text()


def test_windows_are_the_same_but_for_rounding():
    """What rounding empties is none; short windows elsewhere are others."""
    none = [np.nan, np.nan]
    windows = np.array([[[3.0, 9.0], [5.0, 5.001], none]])
    assert _same(windows, np.array([[[3.0005, 9.0], none, none]]))
    assert not _same(windows, np.array([[[3.0, 9.0], [70.0, 70.001], none]]))
    assert not _same(windows, np.array([[none, [5.0, 5.001], none]]))


def test_a_seed_counts_once(dataset, tmp_path):
    root = tmp_path / "root"
    folder = add_submission(root, dataset, "one", protocols=("official",), wrong=True)
    before = the_entry(root)
    record = json.loads((folder / FILE).read_text())
    for run in list(record["runs"]):
        shutil.copy(folder / run["predictions"], folder / f"copy-{run['predictions']}")
        record["runs"].append(run | {"predictions": f"copy-{run['predictions']}"})
    (folder / FILE).write_text(json.dumps(record))
    entry = the_entry(root)
    assert (entry.row.seeds, entry.row.metrics) == (before.row.seeds, before.row.metrics)
    assert [doubt.mark for doubt in entry.doubts] == ["seed twice", "seed twice"]
    assert verify(root)[1] == [
        "made/one: official, seed 0 comes twice: it counts once.",
        "made/one: official, wrong queries, seed 0 comes twice: it counts once.",
    ]


def test_the_same_windows_under_another_seed_are_no_second_seed(dataset, tmp_path):
    root = tmp_path / "root"
    add_submission(root, dataset, "one", method="whole-video", seeds=(0, 3), kind="untrained")
    entry = the_entry(root)
    assert entry.row.seeds == (0,)
    assert [doubt.text for doubt in entry.doubts] == [
        f"{protocol}, seeds 0 and 3 have the same windows: they count once."
        for protocol in ("official", "recropped")
    ]


def test_a_bias_row_that_looks_at_the_query_is_refused(dataset, tmp_path):
    root = tmp_path / "root"
    with pytest.raises(DataError, match="with wrong queries it gives other windows") as caught:
        add_submission(root, dataset, "spoof", kind="bias", wrong=True)
    assert "\n" not in str(caught.value) and not root.exists()
    folder = add_submission(root, dataset, "other", kind="untrained", wrong=True)
    add_submission(root, dataset, "rest")
    record = json.loads((folder / FILE).read_text())
    record["card"]["kind"] = "bias"
    for run in record["runs"]:
        run["kind"] = "bias"
    (folder / FILE).write_text(json.dumps(record))
    built = build_site(root, tmp_path / "site")
    assert built.not_shown.keys() == {"made/other"}
    assert [list(board.entries) for board in built.boards] == [["rest"]]
    assert verify(root)[1] == [f"made/other: {built.not_shown['made/other']}"]


def test_a_bias_row_is_derived_again(dataset, tmp_path):
    root = tmp_path / "root"
    add_submission(root, dataset, "whole", method="whole-video", kind="bias", wrong=True)
    add_submission(root, dataset, "chance", method="random", kind="bias")
    assert verify(root) == (6, [])
    (board,), _ = read_boards(root, lambda *_: None)
    assert {entry.row.kind for entry in board.entries.values()} == {"bias"}
    with pytest.raises(DataError, match="are not those that whole-video gives here"):
        add_submission(
            root, dataset, "spoof", kind="bias", header={"method": "whole-video", "config": {}}
        )


def test_a_bias_row_that_nobody_knows_stands_among_the_methods(dataset, tmp_path):
    root = tmp_path / "root"
    add_submission(root, dataset, "unknown", kind="bias")
    entry = the_entry(root)
    assert entry.row.kind == "untrained"
    assert verify(root) == (2, [])
    assert "only the bias rows of vid2vidmr can be seen to be" in entry.doubts[0].text
    build_site(root, tmp_path / "site")
    page = (tmp_path / "site/index.html").read_text()
    assert 'unknown</a> <span class="mark">not seen to be bias</span>' in page
    assert '<tr class="bias">' not in page
