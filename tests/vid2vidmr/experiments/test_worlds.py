"""Several data sets in one bench: each is run as alone, and one table is made over them."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import Ran
from test_bench import FITS, Broken, methods  # noqa: F401

from vid2vidmr.data.dataset import Dataset, load_dataset
from vid2vidmr.data.write import write_dataset
from vid2vidmr.errors import UserError
from vid2vidmr.experiments.bench import bench
from vid2vidmr.tables import summarise, worlds_name


@pytest.fixture
def worlds(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Dataset]:
    """The tiny data set, and one of which a part of the test pairs is left."""
    monkeypatch.setenv("VID2VIDMR_DATA", str(tmp_path / "data"))
    whole = load_dataset(tiny)
    for name, part in (("world-0", 1.0), ("world-1", 0.5)):
        folder = tmp_path / "data" / name
        shutil.copytree(tiny / "features", folder / "features")
        pairs = {split: whole.pair_ids(split) for split in whole.splits}
        pairs["test"] = pairs["test"].iloc[: round(part * len(pairs["test"]))]
        info = whole.info.model_copy(update={"name": name})
        write_dataset(folder, info, whole.moments, pairs, whole.videos)
    return [load_dataset("world-0"), load_dataset("world-1")]


def test_every_world_is_run_as_if_alone(worlds: list[Dataset], tmp_path: Path) -> None:
    scored, failures = bench(worlds, ["wobble"], runs=tmp_path / "both", seeds=2)
    assert not failures
    assert FITS == [("train", 0), ("train", 1)] * 2
    for world in worlds:
        alone, _ = bench(world, ["wobble"], runs=tmp_path / world.name, seeds=2)
        mine = [run for run in scored if run.result.header.dataset == world.name]
        assert [run.result.metrics for run in mine] == [run.result.metrics for run in alone]
        # The folder of the many is the folder of the one: what is complete is used again.
        FITS.clear()
        bench(world, ["wobble"], runs=tmp_path / "both" / world.name, seeds=2)
        assert FITS == []


def test_the_table_is_the_mean_over_worlds(worlds: list[Dataset], tmp_path: Path) -> None:
    scored, _ = bench(worlds, ["wobble"], runs=tmp_path, seeds=3)
    table = summarise(worlds, scored)
    assert table.dataset == "world-0+1" and table.worlds == 2
    assert table.pairs == sum(len(world.pairs("test")) for world in worlds)
    assert table.title.startswith("world-0+1 (2 worlds, synthetic)")
    apart = [
        summarise(world, [run for run in scored if run.result.header.dataset == world.name])
        for world in worlds
    ]
    assert table.rows[0].name == "wobble" and len(table.rows) == 5
    for row in table.rows:
        alone = [next(r for r in one.rows if r.name == row.name) for one in apart]
        for protocol in table.protocols:
            found = row.metrics[protocol]["mIoU"]
            means = [each.metrics[protocol]["mIoU"] for each in alone]
            values = [each.mean.value for each in means]
            assert found.mean.value == pytest.approx(np.mean(values))
            assert found.world_sd == pytest.approx(np.std(values, ddof=1))
            if row.kind == "trained":
                within = [each.seed_sd**2 for each in means]  # type: ignore[operator]
                assert found.seed_sd == pytest.approx(np.mean(within) ** 0.5)
                lost = np.mean([each.sensitivity[protocol].value for each in alone])
                assert row.sensitivity[protocol].value == pytest.approx(lost)
    assert any("Means over 2 worlds" in note for note in table.notes)


def test_one_command_writes_all_tables(
    cli: Callable[..., Ran], worlds: list[Dataset], tmp_path: Path
) -> None:
    asked = ("bench", "--dataset", "world-0, world-1", "--methods", "wobble", "--seeds", "2")
    ran = cli(*asked)
    assert ran.code == 0
    assert "world-0+1 (2 worlds, synthetic)" in ran.out
    over = tmp_path / "runs" / "world-0+1"
    for folder in (over, tmp_path / "runs" / "world-0", tmp_path / "runs" / "world-1"):
        assert {path.name for path in folder.glob("table.*")} == {
            "table.md", "table.csv", "table.tex",
        }  # fmt: skip
    rows = list(csv.DictReader((over / "table.csv").open()))
    headline = [row for row in rows if row["method"] == "wobble" and row["metric"] == "mIoU"]
    assert all(float(row["world_sd"]) >= 0 and float(row["seed_sd"]) >= 0 for row in headline)
    assert " / " in (over / "table.md").read_text() and "pm$" in (over / "table.tex").read_text()
    alone = next(csv.reader((tmp_path / "runs" / "world-0" / "table.csv").open()))
    assert [*alone, "world_sd"] == list(rows[0])
    found = json.loads(cli(*asked, "--json").out)
    assert {run["header"]["dataset"] for run in found["results"]} == {"world-0", "world-1"}
    (row,) = [row for row in found["rows"] if row["name"] == "wobble"]
    official = next(r for r in headline if r["protocol"] == "official")
    assert row["metrics"]["official"]["mIoU"]["world_sd"] == pytest.approx(
        float(official["world_sd"]), abs=1e-4
    )


def test_a_row_that_is_not_in_every_world_is_left_out_and_said(
    cli: Callable[..., Ran], worlds: list[Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Broken, "predict", _breaks_in_small_worlds)
    names = "world-0,world-1"
    ran = cli("bench", "--dataset", names, "--methods", "broken", "--seeds", "1")
    assert ran.code == 1 and "failed: broken, seed 0: too small" in ran.err
    table = (tmp_path / "runs" / "world-0+1" / "table.md").read_text()
    assert "| broken |" not in table and "preset and encoder in every world: broken" in table
    assert "| broken |" in (tmp_path / "runs" / "world-0" / "table.md").read_text()


def _breaks_in_small_worlds(self, pairs):  # type: ignore[no-untyped-def]
    if len(pairs) < 3:
        raise ZeroDivisionError("too small")
    yield from super(Broken, self).predict(pairs)


def test_a_world_is_asked_for_once(worlds: list[Dataset]) -> None:
    with pytest.raises(UserError, match="world-0 is asked for more than once"):
        bench(["world-0", worlds[0]], ["wobble"])
    with pytest.raises(UserError, match="No data set"):
        bench([], ["wobble"])


def test_names_of_worlds() -> None:
    assert worlds_name(["minimatch-unseen-0"]) == "minimatch-unseen-0"
    assert worlds_name([f"minimatch-unseen-{k}" for k in (0, 1, 12)]) == "minimatch-unseen-0+1+12"
    assert worlds_name(["minimatch", "minimatch-1"]) == "minimatch+minimatch-1"
