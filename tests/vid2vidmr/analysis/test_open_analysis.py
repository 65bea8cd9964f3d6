"""What an analysis of open targets says, on its page and in a terminal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mini_dataset import mini_dataset

from vid2vidmr.analysis import OpenAnalysis, OpenComparison, Run, analyse_open, compare_runs
from vid2vidmr.analysis.page import analysis_page, comparison_page
from vid2vidmr.analysis.terminal import comparison_lines, open_lines
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.data.protocols import Protocol, with_truth
from vid2vidmr.evaluation import combine_seeds, evaluate, paired_test, pool_worlds
from vid2vidmr.evaluation.predictions import PredictionHeader
from vid2vidmr.records import Prediction

SURE = [0.95, 0.85, 0.85, 0.15, 0.15, 0.05]
THERE = [1, 2, 0, 1, 0, 0]


def _run(
    folder: Path, sure: list[float] = SURE, name: str = "toy", there: list[int] = THERE
) -> Run:
    dataset = mini_dataset(folder, {f"v{k}": None for k in range(6)})
    pairs = dataset.pairs("test")
    moments = np.array([[4.0, 10.0], [20.0, 24.0]])  # a target has none, one or both
    windows = [moments[:count] for count in there]
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


def test_metrics_of_several_moments_are_left_out_where_no_target_has_them(
    found: OpenAnalysis, tmp_path: Path
) -> None:
    one = _run(tmp_path, there=[min(count, 1) for count in THERE])
    alone, compared = analyse_open(one), compare_runs(one, one, resamples=20)
    several = found.metrics.keys() - alone.metrics.keys()
    assert several == {f"{name}+@{k}" for name in ("mR", "mIoU") for k in (1, 3, 5)}
    assert not several & {*compared.metrics[0], *compared.difference}


def test_page_and_lines_say_it(found: OpenAnalysis, tmp_path: Path) -> None:
    from rich.console import Console

    page = analysis_page(found)
    assert page.count("<svg") == 1 and "0.8–0.9" in page and "http:" not in page
    console = Console(width=80, record=True, file=(tmp_path / "lines").open("w"))
    console.print(open_lines(found))
    assert "rejected, there" in console.export_text()
    evil = analyse_open(_run(tmp_path / "evil", name="<script>"))
    assert "<script" not in analysis_page(evil)


def test_two_runs_are_tested_and_rejects_are_named(tmp_path: Path) -> None:
    one, two = _run(tmp_path / "1"), _run(tmp_path / "2", [0.6, 0.1, 0.2, 0.6, 0.1, 0.1])
    found = compare_runs(one, two, top=2, resamples=20)
    assert isinstance(found, OpenComparison)
    for name, p in found.p.items():
        assert p == paired_test(one.evaluation, two.evaluation, metric=name).p
        assert found.difference[name].value == pytest.approx(
            found.metrics[0][name].value - found.metrics[1][name].value
        )
    assert (found.wins, found.ties, found.losses) == (1, 3, 2)
    [half] = found.better  # it finds one of the two moments that the other rejects
    assert half.truth == ((4, 10), (20, 24)) and half.windows == ((4, 10), None)
    assert half.answered == (True, False) and half.exists == (0.85, 0.1)
    assert half.score == (0.5, 0)
    miss, alarm = sorted(found.worse, key=lambda pair: not pair.truth)
    assert miss.answered == (False, True) and miss.windows == (None, (4, 10))
    assert alarm.truth == () and alarm.answered == (True, False) and alarm.score == (0, 1)

    from rich.console import Console

    console = Console(width=80, record=True, file=(tmp_path / "lines").open("w"))
    console.print(comparison_lines(found))
    text, page = console.export_text(), comparison_page(found)
    assert max(map(len, text.splitlines())) <= 80
    for shown in (text, page):
        assert shown.count("rejected") == 3 and "20.0–24.0 s" in shown and "AUROC p =" in shown
    assert page.count('class="truth"') == 3 and page.count('class="found"') == 3


def test_calibration_error_is_in_tables_without_an_interval(tmp_path: Path) -> None:
    seeds = [_run(tmp_path / str(k), SURE[k:] + SURE[:k]).evaluation for k in range(2)]
    combined = combine_seeds(seeds)["ECE"]
    values = [each.metrics["ECE"].value for each in seeds]
    assert values[0] != values[1]
    assert combined.mean.value == pytest.approx(np.mean(values)) and combined.mean.low is None
    assert combine_seeds([pool_worlds(seeds)])["ECE"].mean.value == pytest.approx(np.mean(values))
