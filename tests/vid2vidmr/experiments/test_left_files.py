"""JSON that an earlier run left is looked at before it is believed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from builders.facts import require_folder_of
from vid2vidmr.data.dataset import load_dataset
from vid2vidmr.errors import UserError
from vid2vidmr.experiments.run import Setting
from vid2vidmr.experiments.tune import tune, tuned_preset
from vid2vidmr.tables.search import search_rows

WRONG = ("[]", '{"a": ["b"]}', "3", "{")


def refuses(path: Path, read: Callable[[], Any], wrong: tuple[str, ...] = WRONG) -> None:
    """Say in a line what is wrong with the file, whatever it holds."""
    good = path.read_text()
    for text in wrong:
        path.write_text(text)
        with pytest.raises(UserError, match=path.name) as caught:
            read()
        assert "\n" not in str(caught.value)
    path.write_text(good)
    read()


def test_what_a_run_left(tiny: Path) -> None:
    setting = Setting.of(load_dataset("minimatch"), "dtw-match", None, None)
    runs = Path("runs")

    def run() -> object:
        return setting.run(runs, 0, ["official"], sensitivity=False)

    run()
    folder = setting.folder(runs, 0)
    result = folder / "official" / "result.json"
    refuses(result, run)

    def again() -> object:
        result.unlink(missing_ok=True)
        return run()

    refuses(folder / "checkpoint" / "time.json", again)
    refuses(folder / "checkpoint" / "method.json", again)


def test_what_a_search_left(tiny: Path) -> None:
    _, preset = tune("minimatch", "dtw-match", trials=2)
    runs, dataset = preset.parent, load_dataset("minimatch")
    no_trials = preset.read_text().replace('"number"', '"nr"')
    refuses(preset, lambda: tuned_preset(runs, "dtw-match"), (*WRONG, no_trials))
    refuses(preset, lambda: search_rows(runs, dataset))


def test_the_folder_of_another_data_set(tmp_path: Path) -> None:
    path = tmp_path / "dataset.json"
    path.write_text('{"name": "mine"}')
    refuses(path, lambda: require_folder_of("mine", tmp_path), ("[]", "3", "{"))
    with pytest.raises(UserError, match="holds the data set mine"):
        require_folder_of("other", tmp_path)
