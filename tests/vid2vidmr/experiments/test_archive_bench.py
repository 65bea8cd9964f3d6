"""Every query asked of all targets at once: what is asked, what is answered, end to end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import ENCODER, Ran

from vid2vidmr.data.dataset import load_dataset
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.errors import UserError
from vid2vidmr.evaluation import evaluate
from vid2vidmr.experiments.archive import search_archive
from vid2vidmr.experiments.code import search_hash
from vid2vidmr.features.store import open_features
from vid2vidmr.methods.load import load_method
from vid2vidmr.records import Prediction

Cli = Callable[..., Ran]


@pytest.fixture
def pairs(tiny: Path) -> PairSet:
    """All queries of the tiny data set, asked of the targets of their split."""
    dataset = load_dataset("minimatch")
    return dataset.pairs("train", open_features(dataset, ENCODER)).under("archive")


def test_the_truth_is_found_with_all_points(pairs: PairSet) -> None:
    told = [
        Prediction(pair_id=pair.pair_id, windows=tuple((*window, 1.0) for window in pair.windows))
        for pair in pairs
    ]
    found = evaluate(told, pairs, resamples=0).metrics
    assert {name: each.value for name, each in found.items()} == dict.fromkeys(found, 100.0)


@pytest.mark.parametrize("method", ["dtw-match", "random", "whole-video"])
def test_windows_lie_in_targets_and_not_on_the_query(pairs: PairSet, method: str) -> None:
    targets = pairs.targets
    assert targets is not None
    lengths_s = (targets.clips["clip_end_s"] - targets.clips["clip_start_s"]).to_numpy()
    answered = list(search_archive(load_method(method), pairs))
    assert [each.pair_id for each in answered] == pairs.table["pair_id"].tolist()
    for pair, each in zip(pairs, answered, strict=True):
        windows = np.array(each.windows)
        assert 0 < len(windows) <= 100 and (np.diff(windows[:, 2]) <= 0).all()
        clip = np.searchsorted(targets.starts_s, windows[:, 0] + 1e-9, side="right") - 1
        assert (windows[:, 1] <= targets.starts_s[clip] + lengths_s[clip] + 1e-6).all()
        assert pair.query_window is not None
        for own, *_ in targets.own((pair.query_video_id, *pair.query_window)):
            first, last = (targets.starts_s[own] + s for s in pair.query_window)
            inside = np.minimum(windows[:, 1], last) - np.maximum(windows[:, 0], first)
            outer = np.maximum(windows[:, 1], last) - np.minimum(windows[:, 0], first)
            assert (inside <= 0.1 * outer + 1e-6).all()
    assert len({each.windows for each in answered}) == len(answered)  # equal scores are shuffled


def test_methods_that_cannot_search_are_refused(pairs: PairSet) -> None:
    with pytest.raises(UserError, match="right queries"):
        pairs.under("official, wrong queries")
    blind = load_method("dtw-match")
    with pytest.raises(UserError, match="does not compare features"):
        list(search_archive(blind, load_dataset("minimatch").pairs("train").under("archive")))


def test_bench_predict_and_evaluate_agree(tiny: Path, cli: Cli) -> None:
    asked = ("--dataset", "minimatch", "--protocol", "archive")
    ran = cli("bench", *asked, "--split", "train", "--methods", "dtw-match", "--json")
    assert ran.code == 0, ran.err
    rows = {row["name"]: row["metrics"]["archive"] for row in json.loads(ran.out)["rows"]}
    assert {"dtw-match", "whole-video", "random"} < rows.keys() and "never" not in rows
    assert list(rows["random"])[:2] == ["mAP", "mAP@0.5"] and "R100@0.5" in rows["random"]
    assert rows["dtw-match"]["mAP"]["mean"]["high"] > rows["dtw-match"]["mAP"]["mean"]["value"]
    [part] = Path("runs").rglob(f"dtw-match/*/train-archive-*-{search_hash()[:8]}")
    ran = cli("evaluate", part / "predictions.jsonl", "--dataset", "minimatch", "--json")
    assert ran.code == 0, ran.err
    told = json.loads(ran.out)["metrics"]["mAP"]["value"]
    assert told == pytest.approx(rows["dtw-match"]["mAP"]["mean"]["value"])
    ran = cli("analyze", part / "predictions.jsonl")
    assert ran.code == 2 and "of the protocol archive" in ran.err
    ran = cli("bench", *asked, "--methods", "dtw-match", "--only-available", "no.json")
    assert ran.code == 2


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (("archive", "--shots", "1,5"), "is in 5 recordings"),
        (("archive", "--shots", "1,2"), "two moments"),
        (("open",), "nothing can be calibrated"),
    ],
)
def test_a_data_set_that_is_too_small_is_told_once(
    tiny: Path, cli: Cli, asked: tuple[str, ...], reason: str
) -> None:
    ran = cli("bench", "--dataset", "minimatch", "--methods", "dtw-match", "--protocol", *asked)
    assert ran.code == 2 and reason in ran.err and ran.err.count("\n") == 1
    assert not Path("runs").exists()


def test_bias_rows_need_nothing_to_calibrate_on(tiny: Path, cli: Cli) -> None:
    ran = cli("bench", "--dataset", "minimatch", "--methods", "random", "--protocol", "open")
    assert ran.code == 0 and "random" in ran.out, ran.err
