"""The bench: what runs, what is used again, and that a failing method does not lose the others."""

import errno
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
from conftest import Ran
from mini_dataset import mini_dataset

from vid2vidmr import registry
from vid2vidmr.data.dataset import Dataset, load_dataset
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.data.write import write_dataset
from vid2vidmr.experiments.bench import _names, bench, bias_rows
from vid2vidmr.experiments.run import Setting
from vid2vidmr.methods.base import Method
from vid2vidmr.methods.info import MethodInfo
from vid2vidmr.records import Prediction
from vid2vidmr.tables import summarise

FITS: list[tuple[str, int]] = []


@dataclass(frozen=True)
class WobbleConfig:
    spread_s: float


class Wobble(Method):
    """A trained method that costs nothing: its windows depend on its seed."""

    info = MethodInfo(name="wobble", title="Wobble", kind="trained", source="test", licence="MIT")
    presets = {"small": WobbleConfig(5.0), "paper": WobbleConfig(1.0)}  # noqa: RUF012

    def fit(self, train: PairSet, val: PairSet, folder: Path) -> None:
        FITS.append((train.split, self.seed))
        self.save(folder)

    def predict(self, pairs: PairSet) -> Iterator[Prediction]:
        shift = np.random.default_rng(self.seed).normal(0, self.config.spread_s, len(pairs))
        for pair, d in zip(pairs, shift, strict=True):
            start_s, end_s = pair.windows[0]
            yield Prediction(pair_id=pair.pair_id, windows=((start_s + d, end_s + d, 1.0),))


class Broken(Wobble):
    """Fails half way through its predictions."""

    info = Wobble.info.model_copy(update={"name": "broken", "kind": "untrained"})
    error: Exception = ZeroDivisionError("by design")

    def predict(self, pairs: PairSet) -> Iterator[Prediction]:
        yield next(super().predict(pairs))
        raise self.error


@pytest.fixture(autouse=True)
def methods(monkeypatch: pytest.MonkeyPatch) -> None:
    found = registry._entries("method")
    here = Path(__file__).stem
    for cls in (Wobble, Broken):
        value = f"{here}:{cls.__name__}"
        found[cls.info.name] = EntryPoint(cls.info.name, value, "vid2vidmr.methods")
    entries = registry._entries
    monkeypatch.setattr(registry, "_entries", lambda k: found if k == "method" else entries(k))
    FITS.clear()


@pytest.fixture
def dataset(tiny: Path) -> Dataset:
    return load_dataset(tiny)


def files(folder: Path) -> dict[str, Any]:
    """Contents of a folder, without what an honest clock changes."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "time.json":
            found[str(path.relative_to(folder))] = path.read_bytes()
            if path.name == "result.json":
                result = json.loads(path.read_text())
                assert result.pop("time_s").keys() >= {"predict"}
                found[str(path.relative_to(folder))] = result
    return found


def test_trained_methods_run_all_seeds_and_others_one(dataset: Dataset, tmp_path: Path) -> None:
    scored, failures = bench(dataset, ["wobble", "dtw-match"], runs=tmp_path, seeds=(0, 1, 2))
    assert not failures
    ran = {(run.result.header.method, run.result.header.seed) for run in scored}
    assert ran == {("wobble", 0), ("wobble", 1), ("wobble", 2), ("dtw-match", 0)} | {
        (name, 0) for name in bias_rows()
    }
    assert FITS == [("train", 0), ("train", 1), ("train", 2)]
    assert {str(run.result.header.protocol) for run in scored} == {"official", "recropped"}


def test_all_may_stand_among_other_names() -> None:
    every = _names(["all"], bias_rows())
    assert {"wobble", "align_refine", "video-match"} <= set(every)
    more = _names(["all", "video-match@video", "wobble"], bias_rows())
    assert sorted(more) == sorted([*every, "video-match@video"])


def test_bias_rows_look_at_no_features_and_have_no_sensitivity(
    dataset: Dataset, tmp_path: Path
) -> None:
    scored, _ = bench(dataset, ["wobble"], runs=tmp_path)
    for run in scored:
        bias = run.result.header.method in bias_rows()
        assert (run.result.header.encoder is None) == bias
        assert (run.wrong is None) == bias


def test_a_second_call_uses_everything_again(dataset: Dataset, tmp_path: Path) -> None:
    first, _ = bench(dataset, ["wobble"], runs=tmp_path, seeds=(0, 1))
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    FITS.clear()
    second, _ = bench(dataset, ["wobble"], runs=tmp_path, seeds=(0, 1))
    assert FITS == []
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert [run.result for run in first] == [run.result for run in second]


def test_what_is_missing_is_made_again_and_the_same(dataset: Dataset, tmp_path: Path) -> None:
    bench(dataset, ["wobble"], runs=tmp_path, seeds=(0, 1))
    before = files(tmp_path)
    (gone,) = tmp_path.glob("wobble/*-seed1/recropped/result.json")
    gone.unlink()
    (cut,) = tmp_path.glob("wobble/*-seed0/official/predictions.jsonl")
    cut.with_name("result.json").unlink()
    cut.write_text(cut.read_text()[:200])  # no run leaves this: it is replaced all the same
    FITS.clear()
    bench(dataset, ["wobble"], runs=tmp_path, seeds=(0, 1))
    assert FITS == []
    assert files(tmp_path) == before


def test_another_preset_is_another_run(dataset: Dataset, tmp_path: Path) -> None:
    small, _ = bench(dataset, ["wobble"], runs=tmp_path, seeds=1, preset="small")
    paper, _ = bench(dataset, ["wobble"], runs=tmp_path, seeds=1, preset="paper")
    assert FITS == [("train", 0), ("train", 0)]
    assert small[0].result.header.preset == "small" and paper[0].result.header.preset == "paper"
    assert small[0].result.metrics != paper[0].result.metrics


def test_the_key_depends_on_all_that_decides(dataset: Dataset) -> None:
    one = Setting.of(dataset, "wobble", "small", None)
    assert one.key == Setting.of(load_dataset(dataset.path), "wobble", "small", None).key
    assert one.key != Setting.of(dataset, "wobble", "paper", None).key
    assert one.key != Setting(dataset, Broken, one.config, one.features).key
    assert one.key != Setting(dataset, Wobble, one.config, None).key


def test_a_failing_method_does_not_lose_the_others(
    cli: Callable[..., Ran], tiny: Path, tmp_path: Path
) -> None:
    ran = cli("bench", "--dataset", "minimatch", "--methods", "broken,wobble", "--out", tmp_path)
    assert ran.code == 1
    assert ran.err.count("failed: ") == 1  # said once
    assert "failed: broken, seed 0: by design" in ran.err
    assert "ZeroDivisionError" in ran.err  # not the user's error: it comes with its traceback
    assert ran.err.splitlines()[-1] == f"Log: {tmp_path / 'log.txt'}"
    log = (tmp_path / "log.txt").read_text()
    assert "vid2vidmr bench --dataset minimatch" in log and "predict wobble, seed 0: " in log
    assert "ZeroDivisionError" in log and "failed: broken, seed 0: by design" in log
    table = (tmp_path / "table.md").read_text()
    assert "| wobble |" in table and "broken" not in table
    assert not list(tmp_path.glob("broken/*/official/*"))  # nothing half-written
    asked = cli(
        "bench", "--dataset", "minimatch", "--methods", "broken", "--out", tmp_path, "--json"
    )
    assert asked.code == 1
    assert json.loads(asked.out)["failures"][0]["method"] == "broken"


def test_training_on_val_is_refused_unless_asked_for_and_said(
    dataset: Dataset, tmp_path: Path
) -> None:
    home, kept = tmp_path / "minimatch", {s: dataset.pair_ids(s) for s in ("val", "test")}
    some = write_dataset(home, dataset.info, dataset.moments, kept, dataset.videos)
    copytree(dataset.path / "features", home / "features")
    assert some.splits == ["val", "test"]
    asked: Any = {"runs": tmp_path / "runs", "seeds": 1, "protocols": ["official"]}
    scored, failures = bench(some, ["wobble", "dtw-match"], **asked)
    (failure,) = failures
    assert failure.method == "wobble"
    assert str(failure.error).startswith("minimatch has no train pairs for wobble: pass --train-on")
    said = {r.result.header.method: r.result.header.trained_on_val for r in scored}
    assert said == {
        "dtw-match": True, "centre": True, "prior": True, "random": False, "whole-video": False,
    }  # fmt: skip
    scored, failures = bench(some, ["wobble"], train_on_val=True, **asked)
    assert not failures
    assert FITS == [("val", 0)]
    table = summarise(some, scored)
    names = {row.name for row in table.rows}
    assert names == {"wobble (val)", "centre (val)", "prior (val)", "random", "whole-video"}
    assert any("for lack of train pairs" in note for note in table.notes)


def test_a_full_disk_stops_the_bench(
    dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Broken, "error", OSError(errno.ENOSPC, "No space left on device"))
    with pytest.raises(OSError, match="No space"):
        bench(dataset, ["broken"], runs=tmp_path)


def test_without_videos_the_bias_rows_are_shown_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = mini_dataset(tmp_path / "mini", {"a": None, "b": None, "c": None})
    scored, failures = bench(dataset, ["wobble"], runs=tmp_path / "runs")
    assert {failure.method for failure in failures} >= {"wobble"}
    assert {run.result.header.method for run in scored} == {"random", "whole-video"}
    # mini has test pairs only: what must be fitted says so instead of looking at test.
    assert {failure.method for failure in failures} == {"wobble", "centre", "prior"}


def test_results_name_their_predictions(dataset: Dataset, tmp_path: Path) -> None:
    bench(dataset, ["wobble"], runs=tmp_path, seeds=1)
    (path,) = tmp_path.glob("wobble/*/official/result.json")
    result = json.loads(path.read_text())
    assert result["header"]["dataset_fingerprint"] == dataset.fingerprint
    assert result["predicted_with"]["versions"]["numpy"] == np.__version__
    (path.parent / result["predictions"]).write_text("{}")
    scored, failures = bench(dataset, ["wobble"], runs=tmp_path, seeds=1)
    assert "does not belong to" in str(failures[0].error)
    assert {run.result.header.method for run in scored} == set(bias_rows())


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_log_that_cannot_be_written_is_refused(
    cli: Callable[..., Ran], tiny: Path, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "log.txt")
    ran = cli("bench", "--dataset", "minimatch", "--methods", "random", "--out", tmp_path)
    assert ran.code == 2 and "log.txt is no ordinary file" in ran.err
    assert not (tmp_path / "random").exists()


def test_a_mistyped_encoder_runs_nothing(cli, tiny, tmp_path) -> None:  # type: ignore[no-untyped-def]
    out = tmp_path / "runs"
    ran = cli(
        "bench", "--dataset", "minimatch", "--methods", "dtw-match", "--out", out,
        "--encoder", "efficientnet-lite",
    )  # fmt: skip
    assert ran.code == 2
    assert "did you mean 'efficientnet-lite0'" in ran.err
    assert not list(out.rglob("table.*")) and not (out / "log.txt").exists()  # nothing to keep
