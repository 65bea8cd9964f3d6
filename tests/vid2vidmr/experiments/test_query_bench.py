"""The variants of what the query is, from files to one table."""

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Ran
from local_hub import LocalHub
from safetensors.torch import save
from tiny_clip import tiny_clip

from baselines.univtg import UniVtg
from vid2vidmr.data.dataset import Dataset, load_dataset
from vid2vidmr.errors import UserError
from vid2vidmr.evaluation.predictions import read_predictions
from vid2vidmr.experiments import bench as bench_module
from vid2vidmr.experiments import parallel
from vid2vidmr.experiments.run import Setting, is_checkpoint
from vid2vidmr.methods.load import preset_config
from vid2vidmr.methods.presets import with_variants

NAME = "open_clip:v2v-tiny/here"
TINY = replace(
    UniVtg.presets["paper"],
    d=16, heads=2, ff=16, encoder_layers=1, epochs=1, batch_size=8, pairs_per_epoch=16,
)  # fmt: skip
Cli = Callable[..., Ran]


@pytest.fixture
def dataset(tiny: Path, hub: LocalHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Dataset:
    """A copy of the tiny minimatch, an encoder with two towers, a UniVTG of no size."""
    model = tiny_clip(monkeypatch, tmp_path)[0]
    weights = {key: value.contiguous() for key, value in model.state_dict().items()}
    hub.files["/someone/tiny/resolve/main/open_clip_model.safetensors"] = save(weights)
    for name, config in with_variants({"paper": TINY, "small": TINY}).items():
        monkeypatch.setitem(UniVtg.presets, name, config)  # type: ignore[index]
    # In this process: starting others takes longer than all of the training.
    monkeypatch.setattr(bench_module, "fit_all", lambda runs, folder: {})
    return load_dataset(shutil.copytree(tiny, tmp_path / "copy"))


def captions(dataset: Dataset, path: Path) -> Path:
    rows = dataset.moments[["moment_id", "label"]].itertuples(index=False)
    path.write_text("moment_id,caption\n" + "".join(f"{m},this is {text}\n" for m, text in rows))
    return path


def test_all_variants_come_to_one_table(cli: Cli, dataset: Dataset, tmp_path: Path) -> None:
    of_data = ("--dataset", dataset.path, "--encoder", NAME)
    asked = ("bench", *of_data, "--seeds", 1, "--protocol", "official", "--out", tmp_path / "runs")

    # Nothing runs before everything can.
    ran = cli(*asked, "--methods", "univtg@trained+T")
    assert ran.code == 2
    assert f"--captions FILE --encoder {NAME}`" in ran.err
    ran = cli(*asked, "--methods", "univtg@trained+V,univtg@finetuned+V")
    assert ran.code == 2
    assert "run `vid2vidmr import-checkpoint univtg FILE --out FOLDER`" in ran.err
    assert len(ran.err.splitlines()) == 1
    assert cli("train", "univtg", *of_data, "--preset", "finetuned+V").code == 2
    assert not (tmp_path / "runs").exists()

    file = captions(dataset, tmp_path / "captions.csv")
    ran = cli("features", dataset.path, "--captions", file, "--encoder", NAME)
    assert ran.code == 0, ran.err
    assert cli("features", dataset.path, "--encoder", NAME).code == 0
    first = tmp_path / "first"
    ran = cli("train", "univtg", *of_data, "--preset", "trained+T", "--out", first)
    assert ran.code == 0, ran.err
    out = tmp_path / "predictions.jsonl"
    ran = cli("predict", "univtg", *of_data, "--checkpoint", first, "--out", out)
    assert ran.code == 0, ran.err
    header = read_predictions(out)[0]
    assert header is not None
    assert header.preset == "trained+T"
    assert header.config["query"] == "text"

    presets = [
        "paper", "trained+V", "finetuned+V", "zero-shot+T", "trained+T", "finetuned+T",
        "middle-frame",
    ]  # fmt: skip
    assert set(UniVtg.presets) - set(presets) == {"small", "small-middle-frame", "open"}
    methods = ",".join(f"univtg@{preset}" for preset in presets)
    ran = cli(*asked, "--methods", methods, "--init", first, "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert found["failures"] == []
    results = {
        r["header"]["preset"]: r for r in found["results"] if r["header"]["method"] == "univtg"
    }
    assert list(results) == presets
    assert results["paper"]["metrics"] == results["trained+V"]["metrics"]
    assert {f"univtg@{preset}" for preset in presets} <= found["query_sensitivity"].keys()
    # paper and trained+V are one run.
    assert len(list((tmp_path / "runs" / "univtg").iterdir())) == len(presets) - 1

    # Where no preset needs it, all rows of the method start from it.
    ran = cli(*asked, "--methods", "univtg@trained+V", "--init", first, "--json")
    assert ran.code == 0, ran.err
    (started, *_) = json.loads(ran.out)["results"]
    assert started["header"]["preset"] == "trained+V"
    assert len(list((tmp_path / "runs" / "univtg").iterdir())) == len(presets)
    ran = cli(*asked, "--methods", "moment_detr@trained+V", "--init", first)
    assert ran.code == 2
    assert "univtg was not asked for" in ran.err
    ran = cli(*asked, "--methods", "univtg@finetuned+V", "--init", first, "--init", first)
    assert ran.code == 2
    assert "both checkpoints of univtg" in ran.err


def test_other_captions_are_another_run(dataset: Dataset, cli: Cli, tmp_path: Path) -> None:
    file = captions(dataset, tmp_path / "captions.csv")
    store = dataset.path / "features" / "open_clip-v2v-tiny-here-text"
    cli("features", dataset.path, "--encoder", NAME)
    keys = []
    for text in (file.read_text(), file.read_text().replace("this is", "there was")):
        file.write_text(text)
        shutil.rmtree(store, ignore_errors=True)
        assert cli("features", dataset.path, "--captions", file, "--encoder", NAME).code == 0
        both = (Setting.of(dataset, "univtg", p, NAME) for p in ("trained+T", "trained+V"))
        keys += [setting.key for setting in both]
    assert len(set(keys)) == 3
    setting = Setting.of(dataset, "univtg", "trained+T", NAME)
    assert setting.captions is not None
    other = pickle.loads(pickle.dumps(setting))  # as a worker process gets it
    assert other.captions.contract == setting.captions.contract
    assert keys[1] == keys[3]


def test_presets_that_share_a_config_are_trained_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Same:
        def checkpoint(self, folder: Path, seed: int) -> Path:
            return folder / str(seed)

        def is_fitted(self, folder: Path, seed: int) -> bool:
            return is_checkpoint(folder / str(seed))

        def fitted(self) -> None: ...

    def run_all(jobs: dict[Any, Any], asked: int) -> dict[Any, Exception]:
        assert len(jobs) == asked == 2
        return {key: UserError("by design") for key in jobs if key[1] == 1}

    monkeypatch.setattr(parallel, "run_all", run_all)
    runs: Any = {(name, seed): Same() for name in ("paper", "trained+V") for seed in (0, 1)}
    assert parallel.fit_all(runs, tmp_path).keys() == {("paper", 1), ("trained+V", 1)}


def test_a_preset_that_is_not_there_is_refused_for_any_method(cli: Cli, tiny: Path) -> None:
    ran = cli("bench", "--dataset", "minimatch", "--methods", "dtw-match@vidoe")
    assert ran.code == 2
    assert "Unknown preset of dtw-match 'vidoe'" in ran.err
    assert preset_config("dtw-match", "small") == preset_config("dtw-match")


def test_both_levels_of_video_match_are_rows_of_one_table(
    cli: Cli, tiny: Path, tmp_path: Path
) -> None:
    methods = "video-match@frame,video-match@video"
    ran = cli("bench", "--dataset", "minimatch", "--methods", methods, "--out", tmp_path / "runs")
    assert ran.code == 0, ran.err
    table = (tmp_path / "runs" / "table.md").read_text()
    for name in methods.split(","):
        assert f"| {name} |" in table
