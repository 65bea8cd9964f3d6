"""The search on val: what it draws, that it continues, and that its file is a preset."""

import json
from collections.abc import Callable
from dataclasses import asdict, make_dataclass, replace
from pathlib import Path

import pytest
from conftest import Ran

from baselines.dtw_match import DtwMatch
from baselines.moment_detr import MomentDetr
from vid2vidmr.experiments.tune import draw_changes
from vid2vidmr.methods.load import method_class, method_names, preset_config
from vid2vidmr.train.config import pairs_seen

REAL_SMALL = {
    name: method_class(name).presets["small"]
    for name in method_names()
    if method_class(name).info.needs_training
}
SEARCH = {"learning_rate": (1e-3, 3e-3), "queries": (1, 2)}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    small = replace(
        MomentDetr.presets["small"], epochs=1, pairs_per_epoch=8, batch_size=8, d=8, heads=2, ff=8
    )
    monkeypatch.setattr(MomentDetr, "presets", {"small": small})
    monkeypatch.setattr(MomentDetr, "search", SEARCH)


def test_draws_are_different_seeded_and_start_with_the_preset() -> None:
    base = MomentDetr.presets["small"]
    drawn = draw_changes(base, MomentDetr.search, 4, 0)
    assert drawn[0] == {}
    assert len({json.dumps(changes, sort_keys=True) for changes in drawn}) == len(drawn) == 4
    assert draw_changes(base, MomentDetr.search, 3, 0) == drawn[:3]
    orders = {json.dumps(draw_changes(base, MomentDetr.search, 4, seed)) for seed in range(8)}
    assert len(orders) > 1
    # The preset's value or another in each of two fields.
    others = [sum(v != getattr(base, name) for v in values) for name, values in SEARCH.items()]
    assert len(draw_changes(base, SEARCH, 50, 0)) == (1 + others[0]) * (1 + others[1])


def test_a_trial_changes_a_third_of_the_fields_and_none_to_what_it_is() -> None:
    search = {f"field{i}": (0, 1, 2) for i in range(20)}
    base = make_dataclass("Config", search)(**dict.fromkeys(search, 1))
    drawn = draw_changes(base, search, 100, 0)
    assert {value for changes in drawn for value in changes.values()} == {0, 2}
    assert 0.28 < sum(map(len, drawn)) / (len(search) * len(drawn)) < 0.38


def test_the_best_on_val_becomes_a_preset(
    tiny: Path, tmp_path: Path, cli: Callable[..., Ran]
) -> None:
    command = ("tune", "moment_detr", "--dataset", "minimatch", "--trials")
    first = cli(*command, 2, "--json")
    assert first.code == 0, first.err
    runs = tmp_path / "runs" / "minimatch"
    times = {path: path.stat().st_mtime_ns for path in runs.rglob("model.safetensors")}
    assert len(times) == 2
    ran = cli(*command, 3, "--json")
    assert ran.code == 0, ran.err
    assert {path: path.stat().st_mtime_ns for path in times} == times  # more trials continue
    [found] = json.loads(ran.out)
    scores = [trial["val_mIoU"] for trial in found["trials"]]
    assert scores == sorted(scores, reverse=True) and len(scores) == 3
    written = json.loads(Path(found["preset"]).read_text())
    assert written["trials"] == found["trials"]
    config = preset_config("moment_detr", found["preset"])
    assert config == replace(MomentDetr.presets["small"], **found["trials"][0]["changes"])
    assert not list(runs.rglob("result.json"))  # nothing was scored on test
    bench = cli(
        "bench", "--dataset", "minimatch", "--methods", f"moment_detr@{found['preset']}", "--seeds",
        "0,", "--split", "val",
    )  # fmt: skip
    assert bench.code == 0, bench.err
    assert len(list(runs.rglob("model.safetensors"))) == 3  # its run is that of the trial
    assert "val split" in (table := (runs / "table-val.md").read_text())
    assert "| moment_detr@tuned | trained |" in table
    header = json.loads(next(runs.rglob("result.json")).read_text())["header"]
    assert header["preset"] in ("tuned", "default")
    same = cli(
        "bench", "--dataset", "minimatch", "--methods", "tuned", "--seeds", "0,", "--split", "val"
    )
    assert same.code == 0, same.err
    assert (runs / "table-val.md").read_text() == table
    again = cli(*command, 1, "--preset", found["preset"], "--json")
    assert again.code == 0, again.err
    assert Path(json.loads(again.out)[0]["preset"]).parent == Path(found["preset"]).parent
    shown = cli(*command, 3)
    assert "what it changes" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80


def test_rows_that_do_not_train_get_as_many_trials(
    tiny: Path, tmp_path: Path, cli: Callable[..., Ran]
) -> None:
    names = "moment_detr,dtw-match,local-match"
    ran = cli("tune", names, "--dataset", "minimatch", "--trials", 3, "--json")
    assert ran.code == 0, ran.err
    found = {search["method"]: search["trials"] for search in json.loads(ran.out)}
    assert list(found) == names.split(",")
    assert {name: len(trials) for name, trials in found.items()} == dict.fromkeys(found, 3)
    assert [sum(t["pairs"] for t in trials) for trials in found.values()] == [6, 0, 0]
    runs = tmp_path / "runs" / "minimatch"
    rows = {row["method"]: row for row in json.loads((runs / "search.json").read_text())}
    assert rows.keys() == found.keys()
    for name, trials in found.items():
        assert rows[name]["val_best"] == trials[0]["val_mIoU"] >= rows[name]["val_preset"]
        assert rows[name]["trials"] == 3
    text = (runs / "search.md").read_text()
    assert "| **sum** |  |  | 9 | 0 | 6 |" in text
    config = preset_config("dtw-match", str(runs / "tuned-dtw-match-default.json"))
    assert config == replace(DtwMatch.presets["default"], **found["dtw-match"][0]["changes"])
    times = {path: path.stat().st_mtime_ns for path in runs.rglob("predictions.jsonl")}
    assert cli("tune", names, "--dataset", "minimatch", "--trials", 3).code == 0
    assert {path: path.stat().st_mtime_ns for path in times} == times  # what is there is used
    assert all(path.parent.name.startswith("val-") for path in times)


def test_fields_without_effect_make_no_trial_of_their_own() -> None:
    search = {"components": (None, 8), "whitening": (0.0, 0.5)}
    drawn = draw_changes(DtwMatch.presets["default"], search, 10, 0)
    assert len(drawn) == 3  # none; 8; 8, whitened
    assert {"whitening": 0.5} not in drawn


def test_what_is_not_tuned_is_one_line(tiny: Path, cli: Callable[..., Ran]) -> None:
    for name in ("tuned", "dtw-match@tuned"):
        ran = cli("bench", "--dataset", "minimatch", "--methods", name)
        assert ran.code == 2
        assert "run `vid2vidmr tune" in ran.err.strip().splitlines()[-1]


SHORTER = {"align_learned"}
"""Methods whose README says why their `small` is shorter."""


def test_the_presets_small_of_all_methods_see_as_many_pairs() -> None:
    seen = {name: pairs_seen(small, 10**6) for name, small in REAL_SMALL.items()}
    longest = max(seen.values())
    assert {name for name, count in seen.items() if count < longest} <= SHORTER


def test_what_cannot_be_tuned_is_one_line(tiny: Path, cli: Callable[..., Ran]) -> None:
    ran = cli("tune", "centre", "--dataset", "minimatch")
    assert ran.code == 2
    assert ran.err.strip().splitlines()[-1].startswith("error: centre has nothing to tune")
    ran = cli("tune", "univtg@open", "--dataset", "minimatch")
    assert ran.code == 2
    assert "configs are compared by mIoU alone" in ran.err.strip().splitlines()[-1]


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ({"epochs": "x"}, "epochs: Input should be a valid integer, not 'x'."),
        ({"epochs": -1}, "epochs: Input should be greater than or equal to 0, not -1."),
        ({"schedule": "cosin"}, "schedule: Input should be 'constant', 'cosine' or 'step'"),
        ({"epoch": 3}, "Unknown field 'epoch': did you mean 'epochs'?"),
        ({"recrop": 1.5}, "recrop: Input should be less than or equal to 1, not 1.5."),
        ({"query": "text"}, "set self_supervised to 0"),
    ],
)
def test_values_of_a_preset_file_are_checked(
    field: dict[str, object], said: str, tiny: Path, tmp_path: Path, cli: Callable[..., Ran]
) -> None:
    config = asdict(REAL_SMALL["moment_detr"]) | field
    content = {"method": "moment_detr", "config": config}
    (tmp_path / "mine.json").write_text(json.dumps(content))
    ran = cli("bench", "--dataset", "minimatch", "--methods", "moment_detr@mine.json")
    assert ran.code == 2
    assert len(ran.err.strip().splitlines()) == 1
    assert said in ran.err


@pytest.mark.parametrize("text", ["{", "[]", '{"method": "matr"}', '{"method": "moment_detr"}'])
def test_a_file_that_is_no_config_is_one_line(
    text: str, tiny: Path, tmp_path: Path, cli: Callable[..., Ran]
) -> None:
    (tmp_path / "mine.json").write_text(text)
    ran = cli("bench", "--dataset", "minimatch", "--methods", "moment_detr@mine.json")
    assert ran.code == 2
    assert len(ran.err.strip().splitlines()) == 1
    assert "mine.json" in ran.err
