"""Open pairs end to end: what is calibrated, on which targets, and what is used again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Ran
from mini_dataset import halved_targets

from vid2vidmr.data.dataset import load_dataset
from vid2vidmr.experiments import existence
from vid2vidmr.experiments.run import Setting

Cli = Callable[..., Ran]
DATA = Path("data/minimatch")


@pytest.fixture
def halved(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the tiny data set in the working folder, with targets of none and of some moments."""
    shutil.copytree(tiny, DATA)
    monkeypatch.setenv("VID2VIDMR_DATA", "data")
    halved_targets(DATA)
    return DATA


def setting(**options: Any) -> Setting:
    return Setting.of(load_dataset("minimatch"), "dtw-match", None, None, **options)


def test_other_targets_are_other_pairs(halved: Path) -> None:
    """Nothing of what was found in other targets is taken for these."""
    [old] = setting().run(Path("runs"), 0, ["open"])
    halved_targets(halved, shift_s=2.0)
    [new] = setting().run(Path("runs"), 0, ["open"])
    assert old.result.header.targets != new.result.header.targets
    assert old.result.header.dataset_fingerprint == new.result.header.dataset_fingerprint
    assert new.result.metrics != old.result.metrics
    assert len(list(Path("runs").rglob("existence.json"))) == 2


def test_predictions_of_other_targets_are_refused(halved: Path, cli: Cli) -> None:
    found = ("--dataset", "minimatch")
    ran = cli("predict", "random", *found, "--protocol", "open", "--out", "p.jsonl")
    assert ran.code == 0, ran.err
    ran = cli("evaluate", "p.jsonl", *found)
    assert ran.code == 0 and "ECE" in ran.out
    ran = cli("analyze", "p.jsonl")
    assert (
        ran.code == 0
        and "rejected, there" in ran.out
        and "<svg" in Path("analysis.html").read_text()
    )
    ran = cli("compare", "p.jsonl", "p.jsonl", "--json")
    assert ran.code == 0 and json.loads(ran.out)["p"] == {"AUROC": 1, "G-mIoU@1": 1, "mAP": 1}
    halved_targets(halved, shift_s=2.0)
    ran = cli("evaluate", "p.jsonl", *found)
    assert ran.code == 2 and "were made for the open targets" in ran.err


def test_predict_calibrates_as_bench_does(halved: Path, cli: Cli) -> None:
    [benched] = setting().run(Path("runs"), 0, ["open"])
    checkpoint = next(Path("runs").rglob("checkpoint"))
    ran = cli(
        "predict", "dtw-match", "--dataset", "minimatch", "--protocol", "open", "--checkpoint",
        checkpoint, "--out", "p.jsonl",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    theirs = next(Path("runs").rglob("open-*/predictions.jsonl"))
    assert Path("p.jsonl").read_text() == theirs.read_text()
    header, *lines = map(json.loads, Path("p.jsonl").read_text().splitlines())
    assert header["header"]["threshold"] == benched.result.header.threshold
    assert all(0 <= line["exists"] <= 1 for line in lines)


def test_what_is_changed_for_decoding_is_calibrated_for_itself(halved: Path) -> None:
    setting().run(Path("runs"), 0, ["open"])
    setting(decoding={"components": 2}).run(Path("runs"), 0, ["open"])
    one, other = (path.read_text() for path in Path("runs").rglob("existence.json"))
    assert one != other


def test_val_targets_are_drawn_until_there_are_enough(
    halved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every draw has the targets of its seed, and a pair that is drawn again has another name."""
    val = load_dataset("minimatch").pairs("val")
    drawn = existence.open_val(val)
    draws = [val.under("open", seed) for seed in range(existence.DRAWS)]
    assert drawn.protocol == draws[0].protocol and drawn.table["pair_id"].is_unique
    targets = [each.table["target_id"] for each in draws]
    assert drawn.table["target_id"].tolist() == [name for each in targets for name in each]
    assert any(not targets[0].equals(each) for each in targets[1:])
    held = [~np.isnan(each.truth[:, 0, 0]) for each in draws]
    np.testing.assert_array_equal(~np.isnan(drawn.truth[:, 0, 0]), np.concatenate(held))
    monkeypatch.setattr(existence, "PAIRS", len(val) + 1)
    assert len(existence.open_val(val)) == 2 * len(val)
    assert len(existence.open_val(val, 1)) == len(val)
