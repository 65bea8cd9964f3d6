"""Probabilities that a target holds the moment: calibrated on val, thresholds too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vid2vidmr.data.pairs import PairSet, pair_table
from vid2vidmr.data.protocols import Protocol
from vid2vidmr.errors import DataError
from vid2vidmr.evaluation import evaluate
from vid2vidmr.evaluation.predictions import (
    PredictionHeader,
    read_predictions,
    write_predictions,
)
from vid2vidmr.experiments.existence import Existence, certain
from vid2vidmr.records import EvidentPrediction, Prediction


def _pairs(present: np.ndarray) -> PairSet:
    n = len(present)
    ids = [f"p{k}" for k in range(n)]
    table = pair_table(
        ids, ids, [f"t{k}" for k in range(n)], query_s=(0.0, 4.0), clip_s=(0.0, 60.0),
        truth_s=(np.where(present, 20.0, np.nan), np.where(present, 30.0, np.nan)),
    )  # fmt: skip
    return PairSet(table, "val", Protocol("open"))


def _predictions(scores: np.ndarray) -> list[Prediction]:
    return [
        Prediction(pair_id=f"p{k}", windows=((20.0, 30.0, float(score)),))
        for k, score in enumerate(scores)
    ]


def _draw(seed: int, n: int = 3000) -> tuple[PairSet, list[Prediction]]:
    rng = np.random.default_rng(seed)
    present = rng.random(n) < 0.4
    return _pairs(present), _predictions(-50 + 3 * rng.normal(size=n) + 4 * present)


def test_scores_of_any_scale_become_probabilities(tmp_path: Path) -> None:
    """Fitted on some pairs, sure by the right amount on others, and the same when read back."""
    Existence.fit(*reversed(_draw(0))).save(tmp_path)
    existence = Existence.load(tmp_path)
    assert existence is not None
    assert Existence.load(tmp_path / "none") is None
    pairs, predictions = _draw(1)
    found = evaluate(existence.calibrated(predictions), pairs, threshold=existence.threshold)
    assert found.metrics["ECE"].value < 3
    never = evaluate([], pairs, threshold=0.5).metrics["G-mIoU@1"].value
    always = evaluate(certain(predictions), pairs)
    assert found.metrics["G-mIoU@1"].value > max(never, always.metrics["G-mIoU@1"].value)
    assert never == pytest.approx(100 - always.metrics["G-mIoU@1"].value)


def test_a_score_that_says_nothing_rejects_what_is_rare() -> None:
    """Without information the better of always and never is chosen."""
    for share in (0.2, 0.8):
        pairs = _pairs(np.arange(100) < 100 * share)
        existence = Existence.fit(_predictions(np.ones(100)), pairs)
        found = evaluate(
            existence.calibrated(_predictions(np.ones(100))), pairs, threshold=existence.threshold
        )
        assert found.metrics["Acc"].value == pytest.approx(80)
        assert found.exists == pytest.approx(share, abs=0.01)


def test_several_numbers_are_weighed() -> None:
    """Two that say different things tell more than either; a number of no use does no harm."""
    rng = np.random.default_rng(3)

    def draw(columns: list[int]) -> tuple[PairSet, list[Prediction]]:
        given: list[Prediction] = [
            EvidentPrediction(**each.model_dump(), evidence=tuple(row[columns]))
            for each, row in zip(_predictions(np.ones(n)), numbers, strict=True)
        ]
        return _pairs(present), given

    n = 2000
    areas = {}
    present = rng.random(n) < 0.4
    numbers = rng.normal(size=(n, 3)) * [1, 100, 1] + present[:, None] * [1.0, 100.0, 0.0]
    for columns in ([0], [1], [0, 1], [0, 1, 2]):
        pairs, given = draw(columns)
        existence = Existence.fit(given, pairs)
        found = evaluate(existence.calibrated(given), pairs, threshold=existence.threshold)
        areas[len(columns)] = found.metrics["AUROC"].value
        assert found.metrics["ECE"].value < 4
        assert len(existence.slopes) == len(columns)
    assert areas[2] > areas[1] + 3
    assert areas[3] == pytest.approx(areas[2], abs=0.5)
    with pytest.raises(DataError, match="calibration for 3 numbers was given 1"):
        next(iter(existence.calibrated(_predictions(np.ones(1)))))


def test_nothing_to_calibrate_on() -> None:
    """Targets that all hold their moment say nothing of those that do not."""
    with pytest.raises(DataError, match="All of the val targets"):
        Existence.fit(_predictions(np.ones(5)), _pairs(np.ones(5, bool)))


def test_bias_rows_answer_what_they_answer() -> None:
    """Certain where there is a window, and where there is none."""
    given = [*_predictions(np.ones(1)), Prediction(pair_id="p1", windows=())]
    assert [each.exists for each in certain(given)] == [1, 0]
    assert pd.isna(_pairs(np.array([False])).table["start_s"]).all()


def test_the_threshold_is_chosen_of_what_is_written(tmp_path: Path) -> None:
    """Probabilities that are equal in the file are on one side of it."""
    scores = np.repeat([0.0, 1e-9, 1.0], 20)
    present = np.repeat([False, True, True], 20)
    pairs, predictions = _pairs(present), _predictions(scores)
    existence = Existence.fit(predictions, pairs)
    header = PredictionHeader(
        method="m", dataset="d", dataset_fingerprint="f", split="val", protocol=Protocol("open")
    )
    write_predictions(tmp_path / "p.jsonl", header, existence.calibrated(predictions))
    found = [each.exists for each in read_predictions(tmp_path / "p.jsonl")[1]]
    assert found[0] == found[20] != found[40]
    assert all(exists > existence.threshold for exists in found)  # one of two holds it: answer both


def test_another_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "existence.json").write_text('{"slopes": [1], "offset": "much", "threshold": 0.5}')
    with pytest.raises(DataError, match=r"no calibration \(offset"):
        Existence.load(tmp_path)
