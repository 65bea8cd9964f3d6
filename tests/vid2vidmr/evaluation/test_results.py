"""Results: what made the checkpoint and what made the predictions stand apart."""

import json
from types import SimpleNamespace

import pytest

from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.protocols import Protocol
from vid2vidmr.errors import DataError
from vid2vidmr.evaluation.environment import environment
from vid2vidmr.evaluation.predictions import PredictionHeader, write_predictions
from vid2vidmr.evaluation.results import Training, read_result, write_result
from vid2vidmr.files import write_json
from vid2vidmr.records import Prediction

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


def run_of(tiny, folder, **changes):
    """Predictions for the tiny minimatch, and their result."""
    header = HEADER.model_copy(update={"dataset_fingerprint": Dataset(tiny).fingerprint} | changes)
    pairs = Dataset(tiny).pairs("test").under(header.protocol)
    path = folder / "p.jsonl"
    write_predictions(
        path,
        header,
        [
            Prediction(pair_id=i, windows=((s, e, 1.0),))
            for i, s, e in pairs.table[["pair_id", "start_s", "end_s"]].itertuples(index=False)
        ],
    )
    return path


def test_what_is_asked_for_is_what_the_header_says(tiny, tmp_path, cli):
    path = run_of(tiny, tmp_path, protocol=Protocol.parse("recropped"))
    ours = cli("evaluate", path, "--dataset", "minimatch", "--protocol", "recropped", "--json")
    assert json.loads(ours.out)["metrics"]["mIoU"]["value"] > 99
    assert cli("evaluate", path, "--dataset", "minimatch", "--split", "test").code == 0
    for option, asked in (("--protocol", "official"), ("--split", "val")):
        ran = cli("evaluate", path, "--dataset", "minimatch", option, asked)
        assert (ran.code, ran.out) == (2, "")
        assert f"{asked!r} is asked for: leave {option} away" in ran.err


def test_files_that_are_no_predictions_are_errors(tiny, tmp_path, cli):
    def said(path):
        ran = cli("evaluate", path, "--dataset", "minimatch")
        assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)
        return ran.err

    empty = tmp_path / "empty.jsonl"
    empty.write_text("\n\n")
    assert "is empty: expected" in said(empty)
    path = run_of(tiny, tmp_path)
    assert cli("evaluate", path, "--dataset", "minimatch").code == 0
    result = tmp_path / "p.result.json"
    assert f"is a result, not predictions: give {path} beside it" in said(result)
    assert "not JSON" in said(tiny / "dataset.json")
    empty.write_text(path.read_text().splitlines()[0] + "\n")
    assert "has a header and no predictions" in said(empty)


def test_times_that_are_no_times_are_counted(tiny, tmp_path, cli):
    path = run_of(tiny, tmp_path)
    header, *lines = path.read_text().splitlines()
    for line, window in enumerate(("1e999, 2", "NaN, 3", "1, Infinity")):
        value = json.loads(lines[line])
        lines[line] = f'{{"pair_id": "{value["pair_id"]}", "windows": [[{window}, 0.5]]}}'
    path.write_text("\n".join([header, *lines]))
    ran = cli("evaluate", path, "--dataset", "minimatch", "--json")
    found = json.loads(ran.out)
    assert found["invalid"] == {
        "missing": 0, "empty": 0, "not_finite": 3, "reversed": 0, "outside": 0,
    }  # fmt: skip
    assert found["metrics"]["mIoU"]["value"] == pytest.approx(100 * (1 - 3 / len(lines)), abs=0.01)


def test_the_name_of_a_method_in_a_file_imports_nothing(tiny, tmp_path, cli):
    (tmp_path / "evil.py").write_text("raise SystemExit('imported')")
    path = run_of(tiny, tmp_path, method="evil.py:Evil")
    assert cli("evaluate", path, "--dataset", "minimatch").code == 0
    assert json.loads((tmp_path / "p.result.json").read_text())["kind"] == "trained"
    elsewhere = tmp_path / "other" / "p.result.json"
    elsewhere.parent.mkdir()
    value = json.loads((tmp_path / "p.result.json").read_text())
    for name in ("../p.jsonl", "", "x" * 5000, "x\0", ".", "/"):
        write_json(elsewhere, value | {"predictions": name})
        with pytest.raises(DataError, match="does not belong to"):
            read_result(elsewhere)
        ran = cli("evaluate", elsewhere, "--dataset", "minimatch")
        assert ran.code == 2 and "is a result, not predictions" in ran.err
