"""A table keeps the rows of earlier benches that hold; a bench refuses what cannot be meant."""

from __future__ import annotations

import csv
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import Ran
from mini_dataset import halved_targets

import vid2vidmr as v
from vid2vidmr import registry
from vid2vidmr.errors import UserError
from vid2vidmr.experiments.rows import remember, remembered

Cli = Callable[..., Ran]
BIAS = {"centre", "prior", "random", "whole-video"}
OPEN_BIAS = {"balanced": set(), "open": {"never"}}
OWN = """
import vid2vidmr as v
from dataclasses import dataclass

@dataclass(frozen=True)
class Config:
    pass

class {name}(v.Method):
    info = v.MethodInfo(name="{name}", title="x", kind="untrained", source="own", licence="own")
    presets = {{"default": Config()}}

    def predict(self, pairs):
        for pair in pairs:
            {body}
"""


@pytest.fixture(autouse=True)
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test registers and imports by its file is forgotten."""
    monkeypatch.setattr(registry, "_from_files", [])
    monkeypatch.setattr(registry, "_read_at", {})
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield
    sys.modules.pop("own", None)


def methods_of(table: Path) -> set[str]:
    return {row["method"] for row in csv.DictReader(table.open())}


def test_a_second_bench_with_fewer_methods_keeps_the_rows(
    tiny: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Path("runs/minimatch")

    def bench(methods: str, *more: str) -> set[str]:
        ran = cli("bench", "--dataset", "minimatch", "--methods", methods, "--seeds", 1, *more)
        assert ran.code == 0, ran.err
        return methods_of(home / "table.csv")

    assert bench("video-match,dtw-match") == {"video-match", "dtw-match", *BIAS}
    both = (home / "table.csv").read_text()
    assert bench("dtw-match") == {"video-match", "dtw-match", *BIAS}
    assert (home / "table.csv").read_text() == both  # in their order, to the last digit
    assert len(v.bench("minimatch", "dtw-match", seeds=1).to_frame()["method"].unique()) == 5
    assert bench("dtw-match", "--split", "val") == {"video-match", "dtw-match", *BIAS}
    assert methods_of(home / "table-val.csv") == {"dtw-match", *BIAS}  # another split
    shutil.rmtree(home / "video-match")
    assert bench("dtw-match") == {"dtw-match", *BIAS}  # its runs are gone
    bench("video-match")
    monkeypatch.setattr("vid2vidmr.experiments.run.code_hash", lambda method: "other code")
    assert bench("dtw-match") == {"dtw-match", *BIAS}


@pytest.mark.parametrize(("protocol", "metric"), [("balanced", "mIoU"), ("open", "G-mIoU@1")])
def test_every_protocol_that_the_help_names_runs(
    tiny: Path, cli: Cli, protocol: str, metric: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One whose table stands alone, and those that cut; bias rows of its own among them."""
    shutil.copytree(tiny, "data/minimatch")
    monkeypatch.setenv("VID2VIDMR_DATA", "data")
    halved_targets(Path("data/minimatch"))
    ran = cli(
        "bench", "--dataset", "minimatch", "--methods", "dtw-match", "--protocol", protocol,
        "--seeds", 1,
    )  # fmt: skip
    assert ran.code == 0 and metric in ran.out, ran.err
    with Path("runs/minimatch/table.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["protocol"] for row in rows} == {protocol}
    assert {metric, *(["ECE"] if protocol == "open" else [])} <= {row["metric"] for row in rows}
    assert {row["method"] for row in rows} == {"dtw-match", *BIAS, *OPEN_BIAS[protocol]}


def test_a_bench_of_which_all_methods_fail_writes_no_table(tiny: Path, cli: Cli) -> None:
    Path("own.py").write_text(OWN.format(name="Own", body="raise ValueError('mine')"))
    command = ("bench", "--dataset", "minimatch", "--seeds", 1, "--methods")
    assert cli(*command, "dtw-match").code == 0
    before = Path("runs/minimatch/table.md").read_text()
    ran = cli(*command, "./own.py:Own")
    assert ran.code == 1 and "failed: ./own.py:Own, seed 0: mine" in ran.err
    assert "Tables" not in ran.out and ran.out.strip() == ""
    assert Path("runs/minimatch/table.md").read_text() == before


def test_a_list_of_rows_imports_nothing(tmp_path: Path) -> None:
    remember(tmp_path, "./own.py:Own", None, None, 0)
    assert not (tmp_path / "rows.json").exists()
    remember(tmp_path, "matr", "small", None, 0)
    remember(tmp_path, "matr", "small", None, 0)
    assert [row.method for row in remembered(tmp_path)] == ["matr"]
    for rows in ([{"method": "/evil.py:Evil", "preset": None, "init": None, "seed": 0}], {}, 3):
        (tmp_path / "rows.json").write_text(json.dumps(rows))
        with pytest.raises(UserError, match=r"rows\.json is no list of rows \(.*\): delete it"):
            remembered(tmp_path)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"seeds": 0}, "0 is neither a count of seeds"),
        ({"seeds": -1}, "-1 is neither a count of seeds"),
        ({"seeds": []}, "neither a count of seeds"),
        ({"seeds": [0, 0]}, "neither a count of seeds"),
        ({"seeds": [-1]}, "neither a count of seeds"),
        ({"seeds": [2**32]}, "neither a count of seeds"),
        ({"seeds": "2"}, "'2' is neither a count of seeds"),
        ({"protocols": "offical"}, "Unknown protocol 'offical': did you mean 'official'"),
        ({"protocols": ["Recropped"]}, "did you mean 'recropped'"),
        ({"protocols": []}, "No protocol is asked for"),
        ({"protocols": ["official", "open"]}, "open has metrics of its own"),
    ],
)
def test_a_bench_refuses_what_cannot_be_meant(
    tiny: Path, options: dict[str, Any], match: str
) -> None:
    with pytest.raises(UserError, match=match):
        v.bench("minimatch", "random", **options)
    assert not Path("runs").exists()


def test_one_protocol_may_be_named_alone(tiny: Path) -> None:
    found = v.bench("minimatch", "random", protocols="official", seeds=[7]).to_frame()
    assert set(found["protocol"]) == {"official"}


def test_arguments_in_the_wrong_order(tiny: Path) -> None:
    with pytest.raises(UserError, match="dtw-match is a method, and a data set was expected"):
        v.tune("dtw-match", "minimatch")
    with pytest.raises(UserError, match="dtw-match is a method, and a data set was expected"):
        v.bench("dtw-match", "minimatch")


def test_pairs_are_counted_from_zero(tiny: Path) -> None:
    pairs = v.load_dataset("minimatch").pairs("test")
    assert pairs[-1].pair_id == pairs[len(pairs) - 1].pair_id
    with pytest.raises(IndexError, match=rf"There are {len(pairs)} pairs, counted from 0; 99 is"):
        pairs[99]


@pytest.mark.parametrize(
    ("body", "match"),
    [
        ("yield pair.pair_id", r"Own\.predict gave '.*': expected a vid2vidmr\.Prediction"),
        (
            "yield v.Prediction(pair_id=pair.pair_id, windows=[[1, 2]])",
            r"Own\.predict made a Prediction that is none \(windows\.0\.2: Field",
        ),
    ],
)
def test_predictions_that_are_none(tiny: Path, body: str, match: str) -> None:
    Path("own.py").write_text(OWN.format(name="Own", body=body))
    failure = v.bench("minimatch", "./own.py:Own", seeds=1).failures[0]
    with pytest.raises(UserError, match=match):
        raise failure.error


def test_an_info_that_is_none_is_one_line(tiny: Path, cli: Cli) -> None:
    text = OWN.format(name="Own", body="pass")
    for wrong, match in {
        'kind="untrained"': "cannot be imported: MethodInfo kind: Input should be 'bias'",
        'name="Own"': "cannot be imported: MethodInfo name: String should match pattern",
    }.items():
        key = wrong.partition("=")[0]
        Path(f"own_{key}.py").write_text(text.replace(wrong, f'{key}="a\\x1b b"'))
        ran = cli("bench", "--dataset", "minimatch", "--methods", f"./own_{key}.py:Own")
        assert ran.code == 2 and match in ran.err
        assert ran.err.count("\n") == 1 and "\x1b" not in ran.err
