"""The board of open targets: what it shows, what is refused, and that it is derived again."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_submissions import add_submission, made_dataset

from leaderboard.site import build_site
from leaderboard.verify import verify
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.errors import DataError
from vid2vidmr.files import write_json

OPEN = ("open",)
PREDICTIONS = "open-seed0.jsonl.gz"


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dataset:
    monkeypatch.setenv("VID2VIDMR_DATA", str(tmp_path / "data"))
    return made_dataset(tmp_path / "data", exhaustive=True)


def test_a_board_of_open_is_ranked_shown_and_verified(dataset: Dataset, tmp_path: Path) -> None:
    root, out = tmp_path / "root", tmp_path / "site"
    add_submission(root, dataset, "sure", shift=0.1, seeds=(0, 1), protocols=OPEN)
    add_submission(root, dataset, "unsure", shift=0.6, protocols=("official", "open"))
    add_submission(root, dataset, "never", method="never", kind="bias", protocols=OPEN)
    add_submission(root, dataset, "whole", method="whole-video", kind="bias", protocols=OPEN)
    assert verify(root) == (6, [])
    built = build_site(root, out)
    assert built.not_shown == {} and list(built.boards[0].tables) == ["official", "open"]

    text = (out / "boards/made/open.md").read_text()
    head = next(line for line in text.splitlines() if line.startswith("| method"))
    columns = [cell.strip() for cell in head.strip("|").split("|")]
    assert columns == [
        "method", "kind",
        *(f"open {name}" for name in ("G-mIoU@1", "AUROC", "mAP", "Rej-F1", "mIoU@1", "ECE")),
        "open rank", "seeds",
    ]  # fmt: skip
    assert "ECE: expected" in text
    assert not any(lacks in text for lacks in ("sens.:", "one column of each", "coverage:"))
    rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    assert rows[1] == "sure" and rows.index("*below: not above bias*") < rows.index("never")
    values = {
        (row["method"], row["metric"]): row
        for row in csv.DictReader((out / "boards/made/open.csv").open())
    }
    assert values["sure", "AUROC"]["value"] == "100.0000"
    assert values["never", "AUROC"]["value"] == "50.0000"
    error = values["sure", "ECE"]
    assert 5 < float(error["value"]) < 25 and error["low"] == ""
    best, worst = (float(values[name, "ECE"]["value"]) for name in ("sure", "unsure"))
    bold = next(line for line in text.splitlines() if line.startswith("| sure"))
    assert best < worst and f"**{best:.1f}**" in bold  # the lowest error is the best

    key, windows = _script(out / "data/made/open/pairs.js")
    assert key == "made/open/pairs"
    assert {len(truth) for truth in windows["truth"]} == {0, 1, 2}
    _, exists = _script(out / "data/made/open/sure/0/exists.js")
    assert max(exists) <= 90 and len(exists) == len(windows["id"])
    assert not (out / "data/made/official/unsure/0/exists.js").exists()
    page = (out / "submissions/made/sure.html").read_text()
    assert "By moment length" not in page and "AUROC" in page
    both = (out / "submissions/made/unsure.html").read_text()
    assert "By moment length" in both and "AUROC" in both and "R1@0.5" in both


def _script(path: Path) -> tuple[str, Any]:
    key, _, value = path.read_text().removeprefix("vmr.put(").partition(",")
    return json.loads(key), json.loads(value.removesuffix(");\n"))


@pytest.mark.parametrize(
    ("header", "match"),
    [
        ({"threshold": 1.5}, "threshold is 1.5"),
        ({"targets": "0" * 8}, "were made for the open targets '00000000'"),
        ({"protocol": "balanced"}, "these are balanced; boards have official, recropped, open"),
    ],
)
def test_what_was_made_for_other_targets_is_refused(
    dataset: Dataset, tmp_path: Path, header: dict[str, object], match: str
) -> None:
    with pytest.raises(DataError, match=match) as caught:
        add_submission(tmp_path / "root", dataset, "one", protocols=OPEN, header=header)
    assert "\n" not in str(caught.value) and not (tmp_path / "root").exists()


def _changed(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change every line of stored predictions, hash and header of the record with them."""
    lines = [
        json.loads(x)
        for x in gzip.decompress((folder / PREDICTIONS).read_bytes()).split(b"\n")[:-1]
    ]
    for line in lines:
        change(line)
    data = "".join(json.dumps(line) + "\n" for line in lines).encode()
    (folder / PREDICTIONS).write_bytes(gzip.compress(data))
    record = json.loads((folder / "submission.json").read_text())
    record["runs"][0] |= {
        "predictions_sha256": hashlib.sha256(data).hexdigest(), "header": lines[0]["header"],
    }  # fmt: skip
    write_json(folder / "submission.json", record)


def _set(**values: Any) -> Callable[[dict[str, Any]], None]:
    """Set what a line, or its header, has."""
    return lambda line: line.get("header", line).update(
        {k: v for k, v in values.items() if k in line.get("header", line)}
    )


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (_set(exists=1.5), "exists is 1.5, expected 0 to 1"),
        (_set(exists=0.2), "AUROC"),
        (_set(threshold=0.95), "G-mIoU@1"),
        (_set(targets="0" * 8), "were made for the open targets"),
    ],
)
def test_what_is_stored_decides(
    dataset: Dataset, tmp_path: Path, change: Callable[[dict[str, Any]], None], match: str
) -> None:
    root = tmp_path / "root"
    add_submission(
        root, dataset, "first", protocols=OPEN
    )  # its pairs are known when the next comes
    folder = add_submission(root, dataset, "second", protocols=OPEN)
    _changed(folder, change)
    _, differences = verify(root)
    assert differences and all("made/second" in line for line in differences)
    assert any(match in line for line in differences)


@pytest.mark.parametrize("change", [_set(exists=0.2), _set(threshold=1.0)])
def test_a_bias_row_is_sure_of_what_it_answers(
    dataset: Dataset, tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    root = tmp_path / "root"
    folder = add_submission(root, dataset, "w", method="whole-video", kind="bias", protocols=OPEN)
    _changed(folder, change)
    [line] = verify(root)[1]
    assert "what it rejects, are not those that whole-video gives here" in line


def test_folders_of_runs_give_what_has_a_board(
    dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from leaderboard.submit import submit
    from vid2vidmr.experiments.run import Setting

    runs = tmp_path / "runs"
    Setting.of(dataset, "never", None, None).run(runs, 0, ["open"])
    [folder] = (runs / "never").iterdir()
    (folder / "archive-1").mkdir()
    (folder / "archive-1/predictions.jsonl").write_text("of no board")
    card = tmp_path / "card.json"
    card.write_text(json.dumps({"name": "never", "title": "Rejects all", "kind": "bias"}))
    capsys.readouterr()
    taken = submit([folder], card, root=tmp_path / "root")
    assert "left out archive-1; boards have" in capsys.readouterr().err
    assert [p.name for p in sorted(taken.iterdir())] == [PREDICTIONS, "submission.json"]
    assert verify(tmp_path / "root") == (1, [])
    for part in folder.glob("open-*/predictions.jsonl"):
        part.unlink()
    with pytest.raises(DataError, match="predictions under archive-1 alone"):
        submit([folder], card, root=tmp_path / "root")
