"""What an analysis of open targets says, on its page and in a terminal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mini_dataset import mini_dataset

from vid2vidmr.analysis import OpenAnalysis, Run, analyse_open
from vid2vidmr.analysis.page import open_page
from vid2vidmr.analysis.terminal import open_lines
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.data.protocols import Protocol, with_truth
from vid2vidmr.evaluation import combine_seeds, evaluate, pool_worlds
from vid2vidmr.evaluation.predictions import PredictionHeader
from vid2vidmr.records import Prediction

SURE = [0.95, 0.85, 0.85, 0.15, 0.15, 0.05]
THERE = [True, True, False, True, False, False]


def _run(folder: Path, sure: list[float] = SURE, name: str = "toy") -> Run:
    dataset = mini_dataset(folder, {f"v{k}": None for k in range(6)})
    pairs = dataset.pairs("test")
    windows = [np.array([[4.0, 10.0]] * there).reshape(-1, 2) for there in THERE]
    pairs = PairSet(with_truth(pairs.table, windows), "test", Protocol("open"))
    predictions = [
        Prediction(pair_id=pair_id, windows=((4.0, 10.0, 1.0),), exists=exists)
        for pair_id, exists in zip(pairs.table["pair_id"], sure, strict=True)
    ]
    header = PredictionHeader(
        method=name, dataset="mini", dataset_fingerprint="x", split="test",
        protocol=Protocol("open"), threshold=0.5,
    )  # fmt: skip
    scored = evaluate(predictions, pairs, threshold=0.5, resamples=20)
    return Run(header, dataset, pairs, scored)


@pytest.fixture
def found(tmp_path: Path) -> OpenAnalysis:
    return analyse_open(_run(tmp_path))


def test_answers_and_reliability(found: OpenAnalysis) -> None:
    sixth = pytest.approx(100 / 6)
    assert list(found.answers.values()) == [
        pytest.approx(200 / 6),
        pytest.approx(200 / 6),
        sixth,
        sixth,
    ]
    filled = {k: each for k, each in enumerate(found.reliability) if each.pairs}
    assert {k: each.held for k, each in filled.items()} == {
        0: 0, 1: pytest.approx(50), 8: pytest.approx(50), 9: 100,
    }  # fmt: skip
    assert found.reliability[4].said is None
    gaps = sum(abs(each.said - each.held) * each.pairs / 100 for each in filled.values())
    assert found.metrics["ECE"].value == pytest.approx(gaps)


def test_page_and_lines_say_it(found: OpenAnalysis, tmp_path: Path) -> None:
    from rich.console import Console

    page = open_page(found)
    assert page.count("<svg") == 1 and "0.8–0.9" in page and "http:" not in page
    console = Console(width=80, record=True, file=(tmp_path / "lines").open("w"))
    console.print(open_lines(found))
    assert "rejected, there" in console.export_text()
    evil = analyse_open(_run(tmp_path / "evil", name="<script>"))
    assert "<script" not in open_page(evil)


def test_calibration_error_is_in_tables_without_an_interval(tmp_path: Path) -> None:
    seeds = [_run(tmp_path / str(k), SURE[k:] + SURE[:k]).evaluation for k in range(2)]
    combined = combine_seeds(seeds)["ECE"]
    values = [each.metrics["ECE"].value for each in seeds]
    assert values[0] != values[1]
    assert combined.mean.value == pytest.approx(np.mean(values)) and combined.mean.low is None
    assert combine_seeds([pool_worlds(seeds)])["ECE"].mean.value == pytest.approx(np.mean(values))
