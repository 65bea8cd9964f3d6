"""Submissions of strangers who mean harm: each is refused alone in one line, the rest is built."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
import os
import shutil
import tracemalloc
from pathlib import Path

import pytest
from made_submissions import add_submission, made_dataset

from leaderboard.site import build_site
from leaderboard.store import FILE, board_dataset
from leaderboard.submission import MAX_RUNS
from leaderboard.submit import submit
from leaderboard.verify import verify
from vid2vidmr.errors import DataError


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A home with a data set, and two submissions for it."""
    folder = tmp_path_factory.mktemp("made")
    dataset = made_dataset(folder / "data", 12)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VID2VIDMR_DATA", str(folder / "data"))
        for name in ("good", "rest"):
            add_submission(folder / "root", dataset, name, protocols=("official",))
    return folder


@pytest.fixture
def root(made, tmp_path, monkeypatch):
    """A copy of the two, to be changed."""
    monkeypatch.setenv("VID2VIDMR_DATA", str(made / "data"))
    shutil.copytree(made / "root", tmp_path / "root")
    return tmp_path / "root"


def record_of(folder: Path) -> dict:
    return json.loads((folder / FILE).read_text())


def another(root: Path, name: str, text: str) -> None:
    """Put a submission beside, whose record is a text."""
    shutil.copytree(root / "made" / "good", root / "made" / name)
    (root / "made" / name / FILE).write_text(text)


def changed(root: Path, name: str, **change: object) -> None:
    """Put a copy of the good one beside, with a part of its card, its run or its header changed."""
    record = record_of(root / "made" / "good")
    record["id"] = record["card"]["name"] = name
    (run,) = record["runs"]
    for key, value in change.items():
        place = next(p for p in (record, run["header"], run, record["card"]) if key in p)
        place[key] = value
    another(root, name, json.dumps(record))


def judged(root: Path, tmp_path: Path) -> dict[str, str]:
    """What verify and build refuse, and why: both the same; the rest is on the board."""
    reasons = [line.split(": ", 1) for line in verify(root)[1]]
    built = build_site(root, tmp_path / "site")
    assert dict(reasons) == built.not_shown
    page = (tmp_path / "site" / "index.html").read_text()
    assert ">rest</a>" in page and "official.csv" in page
    assert "rest" in (tmp_path / "site/boards/made/official.md").read_text()
    for name, reason in built.not_shown.items():
        assert "\n" not in reason and reason.isprintable(), reason
        assert name in page
    return built.not_shown


def test_texts_that_hide_something(root, tmp_path):
    texts = {
        "surrogate": "a\ud800b", "arabic-mark": "a\u061cb", "override": "a\u202eb",
        "tag": "a\U000e0041", "private": "a\ue000b", "unassigned": "a\u0378b", "hangul": "a\u3164b",
        "braille": "\u2800",
        "joiner": "a\u034fb", "marks": "a" + 9 * "\u0301", "escape": "a\x1b[31mb", "markup": "<b>",
        "soft": "a\u00adb", "selector": "a\ufe0fb",
    }  # fmt: skip
    for name, text in texts.items():
        changed(root, name, title=text)
    changed(root, "in-config", config={"a": {"b\u200b": 1}})
    changed(root, "in-details", details={"note": "x\u2066"})
    changed(root, "in-hardware", predicted_with={"hardware": "\x07"})
    changed(root, "blank", title=" \u00a0 ")
    found = judged(root, tmp_path)
    assert found.keys() == {
        f"made/{name}" for name in (*texts, "in-config", "in-details", "in-hardware", "blank")
    }
    assert "half of a surrogate pair" in found["made/surrogate"]
    assert "the sign '\\u061c'" in found["made/arabic-mark"]
    assert "title says nothing" in found["made/blank"]


def test_names_of_what_it_was_made_with(root, tmp_path):
    names = [r"\input{/etc/passwd}", "[x](http://evil)", "=cmd|calc", "a | b", "a\nb", "-x", "a&b"]
    for number, name in enumerate(names):
        changed(root, f"encoder{number}", encoder=name)
        changed(root, f"preset{number}", preset=name)
        changed(root, f"method{number}", method=name)
    found = judged(root, tmp_path)
    assert len(found) == 3 * len(names)
    assert all("is not of letters, digits" in reason for reason in found.values())


def test_records_that_are_too_deep_too_large_or_none(root, tmp_path):
    deep = lambda levels: '{"id": ' + "[" * levels + "]" * levels + "}"  # noqa: E731
    for name, text in {
        "deep60": deep(60), "deep500": deep(500), "deep900": deep(900), "deep99999": deep(99999),
        "digits": "9" * 5000, "whole": "9" * 19, "infinite": "1e999", "nan": "NaN", "list": "[]",
        "null": "null", "empty": "", "bytes": "\udcff", "large": " " * 2**20 + "1",
        "twice": '{"id": 1, "id": 2}', "older": '{"id": "x", "dataset": "made"}',
    }.items():  # fmt: skip
        if name == "bytes":
            another(root, name, "")
            (root / "made" / name / FILE).write_bytes(b"\xff\xfe")
        else:
            another(root, name, text)
    good = record_of(root / "made" / "good")
    for name, config in {"nested": 50, "too-nested": 900}.items():
        value: object = 1
        for _ in range(config):
            value = [value]
        changed(root, name, config={"a": value})
    changed(root, "many", runs=good["runs"] * (MAX_RUNS + 1))
    changed(root, "seed", seed=10**18 - 1)
    changed(root, "minus", seed=-1)
    changed(root, "parameters", parameters=-1)
    for name, file in {"long": "x" * 300, "above": "../good/official-seed0.jsonl.gz"}.items():
        changed(root, name, predictions=file)
    found = judged(root, tmp_path)
    assert len(found) == 23
    assert not [reason for reason in found.values() if reason.startswith("OSError")]
    assert "nested too deeply" in found["made/deep900"]
    assert "runs: Tuple should have at most 100 items" in found["made/many"]
    assert "config is " in found["made/nested"]  # it is read, and not what the predictions say
    assert "the seed is -1" in found["made/minus"]


def test_what_nobody_can_have_measured(root, tmp_path):
    later = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=3)
    for name, change in {
        "seconds": {"time_s": {"fit": 1e308}}, "back": {"time_s": {"fit": -1.0}},
        "nan": {"time_s": {"fit": "nan"}}, "detail": {"details": {"x": "inf", "y": 1e308}},
        "future": {"submitted": later.isoformat()}, "year1": {"submitted": "0001-01-01"},
        "week": {"submitted": "2026-W01-1"}, "noday": {"submitted": "2026-02-30"},
        "nothing": {"submitted": ""}, "coverage": {"coverage": "nan"}, "pairs": {"pairs": 10**17},
        "kind": {"kind": "bias"}, "train": {"split": "train"}, "simulated": {"simulated": True},
        "protocol": {"protocol": "official, wrong queries, wrong queries"},
        "subset": {"protocol": "official, only 01234567"},
        "fingerprint": {"dataset_fingerprint": "synthetic-0000000000000000"},
    }.items():  # fmt: skip
        changed(root, name, **change)
    lines = verify(root)[1]
    names = {line.split(": ")[0] for line in lines}
    assert len(names) == 16  # a text may say "inf"
    built = build_site(root, tmp_path / "site")
    # What is scored here is not believed: a wrong coverage is a difference, and the true one shown.
    assert {*names} - {f"{name}" for name in built.not_shown} == {"made/coverage", "made/pairs"}
    assert "1e+308 s for fit" in built.not_shown["made/seconds"]
    assert "expected a day from 2025-01-01 to today" in built.not_shown["made/future"]


@pytest.mark.parametrize("window", [[0, 1e308, 1], [-1e308, 5, 1], [0, 5, "nan"], ["inf", 5, 1]])
def test_times_that_no_video_has(root, tmp_path, window):
    folder = root / "made" / "good"
    name = "official-seed0.jsonl.gz"
    header, _, *lines = gzip.decompress((folder / name).read_bytes()).decode().splitlines()
    first = json.dumps({"pair_id": "pair-0", "windows": [window]})
    data = "\n".join([header, first, *lines, ""]).encode()
    (folder / name).write_bytes(gzip.compress(data))
    record = record_of(folder)
    record["runs"][0]["predictions_sha256"] = hashlib.sha256(data).hexdigest()
    (folder / FILE).write_text(json.dumps(record))
    assert "line 2: " in (found := judged(root, tmp_path)["made/good"]) and "is no window" in found


def test_names_that_collide(root, tmp_path):
    changed(root, "GOOD", submitted="2026-01-02")
    changed(root, "pairs.js")
    changed(root, "nul.txt")
    changed(root, "dot.")
    changed(root, "Rest")
    for folder in ("good", "rest"):
        record = record_of(root / "made" / folder)
        (root / "made" / folder / FILE).write_text(json.dumps(record | {"submitted": "2026-01-01"}))
    Path(os.fsdecode(os.fsencode(root / "made") + b"/\xff\x1b[2J")).mkdir()
    found = judged(root, tmp_path)
    assert found.keys() == {
        "made/GOOD", "made/Rest", "made/pairs.js", "made/nul.txt", "made/dot.",
        "made/\ufffd\ufffd[2J",
    }  # fmt: skip
    assert "differs from made/good in capitals only" in found["made/GOOD"]
    card = tmp_path / "card.json"
    card.write_text(json.dumps({"name": "gooD", "title": "t", "kind": "trained"}))
    file = tmp_path / "p.jsonl"
    file.write_bytes(gzip.decompress((root / "made/good/official-seed0.jsonl.gz").read_bytes()))
    with pytest.raises(DataError, match="in capitals only"):
        submit([file], card, root=root)


def test_a_data_set_that_calls_itself_real(made, tmp_path, monkeypatch):
    shutil.copytree(made / "data", tmp_path / "data")
    monkeypatch.setenv("VID2VIDMR_DATA", str(tmp_path / "data"))
    path = tmp_path / "data" / "made" / "dataset.json"
    value = json.loads(path.read_text())
    assert board_dataset("made", value["fingerprint"]).info.synthetic
    path.write_text(json.dumps(value | {"synthetic": False}))
    with pytest.raises(DataError, match="has the fingerprint of other tables"):
        board_dataset("made", value["fingerprint"])


@pytest.mark.parametrize("bomb", ["newlines", "windows", "lists", "lines"])
def test_a_small_file_that_grows(root, tmp_path, bomb):
    """33 kB that took 1.3 GB and 90 s."""
    folder = root / "made" / "good"
    name = "official-seed0.jsonl.gz"
    header = gzip.decompress((folder / name).read_bytes()).split(b"\n")[0] + b"\n"
    data = (
        header
        + {
            "newlines": b"\n" * 33_000_000,
            "windows": b'{"pair_id":"pair-0","windows":[' + b"[0,1,1]," * 4_000_000 + b"[0,1,1]]}",
            "lists": b"[" + b"[]," * 11_000_000 + b"[]]",
            "lines": b'{"pair_id":"pair-0","windows":[[0,1,1]]}\n' * 800_000,
        }[bomb]
    )
    (folder / name).write_bytes(packed := gzip.compress(data, 9))
    assert len(packed) < 150_000
    record = record_of(folder)
    record["runs"][0]["predictions_sha256"] = hashlib.sha256(data).hexdigest()
    (folder / FILE).write_text(json.dumps(record))
    del data
    tracemalloc.start()
    found = judged(root, tmp_path)["made/good"]
    assert tracemalloc.get_traced_memory()[1] < 2**25
    tracemalloc.stop()
    assert "uncompresses to more than" in found
