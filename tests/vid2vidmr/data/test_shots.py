"""An archive that is asked with several examples: which, what is true, what they bring."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Ran
from test_targets import _dataset

from vid2vidmr.data.shots import shot_protocols
from vid2vidmr.errors import DataError, UserError

LABELS = {f"v{k}": labels for k, labels in enumerate(["aab", "ab", "bac", "cba", "a", "cab"])}


def test_further_examples_are_of_other_recordings_and_no_truth(tmp_path: Path) -> None:
    plain = _dataset(tmp_path, LABELS).pairs("test")
    asked = [plain.under(p) for p in shot_protocols((1, 3), "best")]
    assert [str(pairs.protocol) for pairs in asked] == [
        "archive, 1 of 3 examples", "archive, 3 of 3 examples by best"
    ]  # fmt: skip
    one, three = asked
    assert {pair.label for pair in three} == {"a", "b"}  # c has no moment beside the three
    assert np.array_equal(one.truth, three.truth, equal_nan=True)
    assert one.query_places(0) == three.query_places(0)
    targets = three.targets
    assert targets is not None
    for i, pair in enumerate(three):
        places = three.query_places(i)
        assert places[0] == (pair.query_video_id, *(pair.query_window or ()))
        assert len({video for video, *_ in places}) == 3
        assert all(LABELS[video][int(start_s // 10)] == pair.label for video, start_s, _ in places)
        every = targets.everywhere(pair.label, [])
        own = [(targets.starts_s[clip] + np.array(part)).tolist() for clip, *part in
               targets.own(*places)]  # fmt: skip
        left = [list(window) for window in pair.windows]
        assert sorted(own + left) == sorted(every.tolist()) and len(own) == 3
    assert (
        plain.under("archive, 1 of 3 examples", seed=1).query_places(0)[1:]
        != (one.query_places(0)[1:])
    )


def test_what_cannot_be_asked_is_refused(tmp_path: Path) -> None:
    plain = _dataset(tmp_path, LABELS).pairs("test")
    for text in ("recropped, 2 of 3 examples", "archive, 4 of 3 examples"):
        with pytest.raises(UserError, match="no protocol"):
            plain.under(text)
    with pytest.raises(DataError, match="in 9 recordings: ask with fewer"):
        plain.under("archive, 1 of 9 examples")


def test_bench_tells_what_further_examples_bring(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli: Callable[..., Ran]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VID2VIDMR_DATA", str(tmp_path))
    _dataset(tmp_path / "open", LABELS)
    asked = ("--dataset", "open", "--encoder", "simulated", "--methods", "dtw-match")
    asked = (*asked, "--protocol", "archive", "--shots")
    ran = cli("bench", *asked, "1,3")
    assert ran.code == 1 and "failed: prior, seed 0: open has neither train" in ran.err
    lines = [line.split() for line in ran.out.splitlines()]
    heads = lines.index(["method", "examples", "mAP", "gain"])
    assert lines[heads + 2][:2] == ["dtw-match", "1"] and lines[heads + 3][0] == "3"
    assert "| dtw-match | 1 |" in Path("runs/open/shots.md").read_text()
    assert ",gain," in Path("runs/open/shots.csv").read_text()
    ran = cli("bench", *asked, "1,3", "--json")
    row = next(row for row in json.loads(ran.out)["rows"] if row["name"] == "dtw-match")
    means = [metrics["mAP"]["mean"]["value"] for metrics in row["metrics"].values()]
    [gain] = row["gains"].values()
    assert gain["value"] == pytest.approx(means[1] - means[0]) and gain["low"] <= gain["value"]
    for wrong, said in (("3,1", "that rise"), ("0,1", "1 to 99"), ("two", "such as 1,2,3,5")):
        ran = cli("bench", *asked, wrong)
        assert ran.code == 2 and said in " ".join(ran.err.split())
    ran = cli("bench", "--dataset", "open", "--shots", "1,2")
    assert ran.code == 2 and "--protocol archive" in ran.err
