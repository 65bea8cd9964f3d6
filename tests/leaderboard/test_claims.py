"""What a submitter says beside the predictions; and where `submit` writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_submissions import made_dataset, windows_of

from leaderboard import store
from leaderboard.submit import TEMPLATE, submit
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.errors import DataError, UserError
from vid2vidmr.evaluation import evaluate
from vid2vidmr.evaluation.predictions import PredictionHeader, write_predictions
from vid2vidmr.evaluation.results import write_result
from vid2vidmr.records import Prediction


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setenv("VID2VIDMR_DATA", str(tmp_path / "data"))
    return made_dataset(tmp_path / "data", 12)


@pytest.fixture
def card(tmp_path: Path) -> Path:
    path = tmp_path / "card.json"
    path.write_text('{"name": "mine", "title": "t", "kind": "trained"}')
    return path


def run_folder(dataset: Dataset, folder: Path, method: str = "mine", seed: int = 0) -> Path:
    """A folder as `bench` leaves it; its `official` part."""
    pairs = dataset.pairs("test")
    header = PredictionHeader(
        method=method, seed=seed, dataset=dataset.name,
        dataset_fingerprint=dataset.fingerprint, split="test",
    )  # fmt: skip
    predictions = [
        Prediction(pair_id=pair_id, windows=tuple(map(tuple, windows)))
        for pair_id, windows in zip(
            pairs.table["pair_id"], windows_of(pairs, 0.2, seed), strict=True
        )
    ]
    part = folder / "official"
    write_predictions(part / "predictions.jsonl", header, predictions)
    write_result(
        header, evaluate(predictions, pairs), part / "predictions.jsonl", part / "result.json",
        time_s={"fit": 3.0}, details={"note": "as it was"},
    )  # fmt: skip
    return part


def test_what_a_result_says_is_taken_over_where_it_is_of_these_predictions(
    dataset: Dataset, card: Path, tmp_path: Path
) -> None:
    part = run_folder(dataset, tmp_path / "run")
    folder = submit([part.parent], card, root=tmp_path / "root")
    (run,) = store.read_submission(folder).runs
    assert (run.time_s, run.details) == ({"fit": 3.0}, {"note": "as it was"})


@pytest.mark.parametrize(("method", "seed"), [("other", 0), ("mine", 1)])
def test_a_result_of_other_predictions_is_refused(
    dataset: Dataset, card: Path, tmp_path: Path, method: str, seed: int
) -> None:
    part = run_folder(dataset, tmp_path / "run")
    other = run_folder(dataset, tmp_path / "other", method, seed)
    (other / "result.json").replace(part / "result.json")
    with pytest.raises(DataError, match=f"of other predictions \\({method}, seed {seed}\\)"):
        submit([part.parent], card, root=tmp_path / "root")
    other = run_folder(dataset, tmp_path / "run")
    text = (other / "predictions.jsonl").read_text()
    (other / "predictions.jsonl").write_text(text.replace("0.9]", "0.8]"))
    with pytest.raises(DataError, match="of other predictions"):
        submit([part.parent], card, root=tmp_path / "root")
    assert not (tmp_path / "root").exists()


@pytest.mark.parametrize("what", [{"time_s": {"fit": 1e308}}, {"details": {"x": "a\u202eb"}}])
def test_what_a_result_says_is_not_believed(
    dataset: Dataset, card: Path, tmp_path: Path, what: dict[str, object]
) -> None:
    path = run_folder(dataset, tmp_path / "run") / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | what))
    with pytest.raises(DataError, match=r"1e\+308 s for fit|unseen signs"):
        submit([path.parent.parent], card, root=tmp_path / "root")
    assert not (tmp_path / "root").exists()


def test_a_template_that_nobody_filled_in_is_refused(dataset: Dataset, tmp_path: Path) -> None:
    part, card = run_folder(dataset, tmp_path / "run"), tmp_path / "card.yaml"
    title = TEMPLATE.replace("One line on what it is", "Mine: a method")
    for text, field in ((TEMPLATE, "name"), (TEMPLATE.replace("my-method", "mine"), "title")):
        card.write_text(text)
        with pytest.raises(DataError, match=f"has the {field} of the template"):
            submit([part.parent], card, root=tmp_path / "root")
    card.write_text(title.replace("my-method", "mine").replace("Mine:", "Mine is"))
    assert submit([part.parent], card, root=tmp_path / "root").name == "mine"


def test_an_installed_package_is_not_written_into(
    dataset: Dataset, card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cli
) -> None:
    assert store.own_submissions() == store.SUBMISSIONS
    monkeypatch.setattr(store, "HOME", tmp_path / "site-packages" / "leaderboard")
    with pytest.raises(UserError, match="give a folder with --out"):
        store.own_submissions()
    part = run_folder(dataset, tmp_path / "run")
    ran = cli("submit", part.parent, "--card", card)
    assert (ran.code, ran.out) == (2, "") and "--out" in ran.err
    ran = cli("submit", part.parent, "--card", card, "--out", tmp_path / "mine")
    assert ran.code == 0 and (tmp_path / "mine/made/mine/submission.json").exists()
