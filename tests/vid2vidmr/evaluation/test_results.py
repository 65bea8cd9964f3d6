"""Results: what made the checkpoint and what made the predictions stand apart."""

import json
from types import SimpleNamespace

import pytest

from vid2vidmr.errors import DataError
from vid2vidmr.evaluation.environment import environment
from vid2vidmr.evaluation.predictions import PredictionHeader, write_predictions
from vid2vidmr.evaluation.results import Training, read_result, write_result
from vid2vidmr.files import write_json

HEADER = PredictionHeader(
    method="matr", dataset="minimatch", dataset_fingerprint="synthetic-0123", split="test"
)
EVALUATION = SimpleNamespace(per_pair=[0], coverage=1.0, invalid={}, metrics={})


def test_a_result_says_who_trained_and_who_predicted(tmp_path):
    write_predictions(tmp_path / "p.jsonl", HEADER, [])
    provenance = {
        "dataset": "sportsmoments", "commit": "a1", "hardware": "an older machine", "val_mIoU": 3.0,
    }  # fmt: skip
    written = write_result(
        HEADER, EVALUATION, tmp_path / "p.jsonl", tmp_path / "result.json",
        trained_with=Training.of(provenance), predicted_with=environment(),
    )  # fmt: skip
    found = read_result(tmp_path / "result.json")
    assert found == written
    assert found.trained_with is not None and found.predicted_with is not None
    assert (found.trained_with.commit, found.trained_with.dataset) == ("a1", "sportsmoments")
    assert found.predicted_with == environment() and found.predicted_with.versions["numpy"]
    assert json.loads((tmp_path / "result.json").read_text())["header"]["protocol"] == "official"
    assert Training.of({}) is None


def test_results_of_the_flat_form_name_what_to_use(tmp_path):
    write_json(tmp_path / "result.json", {"method": "matr", "predictions": "p.jsonl"})
    with pytest.raises(DataError, match=r"written by another version: name p\.jsonl") as caught:
        read_result(tmp_path / "result.json")
    assert "\n" not in str(caught.value)
    write_json(tmp_path / "result.json", {"header": {}})
    with pytest.raises(DataError, match=r"is not a result \(header.method: ") as caught:
        read_result(tmp_path / "result.json")
    assert "\n" not in str(caught.value)
