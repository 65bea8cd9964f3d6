import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from conftest import Ran

from baselines.matr import Matr
from vid2vidmr.methods.load import method_class
from vid2vidmr.registry import registered


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quick = {"epochs": 1, "pairs_per_epoch": 8, "batch_size": 8, "d": 8, "heads": 2}
    presets = {name: replace(Matr.presets[name], **quick) for name in ("published", "small")}
    monkeypatch.setattr(Matr, "presets", presets)


def test_rows_that_share_a_training_share_its_run(
    tiny: Path, tmp_path: Path, cli: Callable[..., Ran]
) -> None:
    command = ("ablate", "matr", "--table", "4", "--dataset", "minimatch", "--seeds", "1")
    ran = cli(*command, "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert [row["variant"]["name"] for row in found["rows"]] == [
        "pre-fusion alignment", "post-fusion alignment", "prediction heads",
    ]  # fmt: skip
    assert found["rows"][2]["paper"]["sportsmoments"] == [59.2, 56.5]
    assert found["rows"][0]["difference"] == {}
    assert set(found["rows"][1]["difference"]) == {"official", "recropped"}
    runs = tmp_path / "runs" / "minimatch"
    (checkpoint,) = runs.rglob("model.safetensors")
    assert len(list(runs.rglob("result.json"))) == 6
    written = checkpoint.stat().st_mtime_ns
    again = cli(*command)
    assert again.code == 0, again.err
    assert checkpoint.stat().st_mtime_ns == written
    assert "prediction heads" in again.out
    assert "synthetic" in again.out
    table = (runs / "ablation-matr-4-small.md").read_text()
    assert "59.2 / 56.5" in table
    preset = tmp_path / "own.json"
    config = asdict(Matr.presets["small"])
    preset.write_text(json.dumps({"method": "matr", "config": config}))
    own = cli(*command, "--preset", str(preset))
    assert own.code == 0, own.err
    assert (runs / "ablation-matr-4-own.md").exists()


def test_rows_that_a_preset_cannot_be_are_named(tiny: Path, cli: Callable[..., Ran]) -> None:
    command = ("ablate", "matr", "--table", "4", "--dataset", "minimatch", "--preset", "published")
    ran = cli(*command, "--seeds", "1", "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert [row["variant"]["name"] for row in found["rows"]] == ["prediction heads"]
    assert set(found["left_out"]) == {"pre-fusion alignment", "post-fusion alignment"}
    assert "Left out: pre-fusion alignment" in cli(*command, "--seeds", "1").out.replace("\n", " ")


def test_pretraining_comes_first_and_zero_shot_rows_are_not_trained(
    tiny: Path, tmp_path: Path, cli: Callable[..., Ran]
) -> None:
    ran = cli("ablate", "matr", "--table", "3", "--dataset", "minimatch", "--seeds", "1", "--json")
    assert ran.code == 0, ran.err
    values = {
        row["variant"]["name"]: row["metrics"]["recropped"]["mIoU"]["mean"]["value"]
        for row in json.loads(ran.out)["rows"]
    }
    assert len(values) == 6
    folders = list((tmp_path / "runs" / "minimatch" / "matr").iterdir())
    pretrained = [folder for folder in folders if folder.name.startswith("pretraining-")]
    assert len(pretrained) == 3
    weights = {(folder / "model.safetensors").read_bytes() for folder in pretrained}
    untrained = [
        path
        for path in (tmp_path / "runs").rglob("checkpoint/model.safetensors")
        if path.read_bytes() in weights
    ]
    assert len(untrained) == 3


def test_unknown_table_is_one_line(tiny: Path, cli: Callable[..., Ran]) -> None:
    ran = cli("ablate", "matr", "--table", "7", "--dataset", "minimatch")
    assert ran.code == 2
    assert len(ran.err.strip().splitlines()) == 1
    assert "table of matr" in ran.err


def test_every_row_of_the_paper_is_found_once() -> None:
    for ablation in method_class("matr").ablations.values():
        reported = registered("report", ablation.report)(ablation.table)
        wanted: list[Mapping[str, object]] = [v.paper for v in ablation.variants if v.paper]
        assert len(wanted) == len(reported)
        for paper in wanted:
            assert len([row for row in reported if paper.items() <= row.items()]) == 1
