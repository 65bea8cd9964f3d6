"""Submissions: what is taken, what is refused, and that every number can be derived again."""

import gzip
import json
import os
import shutil
import tracemalloc
from pathlib import Path

import pandas as pd
import pytest

from leaderboard import store, strict
from leaderboard.store import board_dataset, read_submission
from leaderboard.submit import TEMPLATE, read_card, submit
from leaderboard.verify import verify
from vid2vidmr.errors import DataError
from vid2vidmr.evaluation.predictions import read_predictions

FINGERPRINT = "synthetic-ac89a22690d16400"
CARD = "name: mine\ntitle: A method\nkind: untrained\n"


@pytest.fixture(scope="module")
def pairs():
    return board_dataset("minimatch", FINGERPRINT).pairs("test")


def header(**changes):
    return {
        "header": {
            "method": "mine", "seed": 0, "dataset": "minimatch", "split": "test",
            "dataset_fingerprint": FINGERPRINT, "protocol": "official", "config": {"a": 1},
        } | changes
    }  # fmt: skip


def lines_of(pairs, **changes):
    found = [
        {"pair_id": p, "windows": [[s, e + 1, 0.5], [0, 5, 0.1]]}
        for p, s, e in zip(
            pairs.table["pair_id"], pairs.table["start_s"], pairs.table["end_s"], strict=True
        )
    ]
    return [header(**changes), *found]


def write(path: Path, lines) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture
def card(tmp_path):
    path = tmp_path / "card.yaml"
    path.write_text(CARD)
    return path


@pytest.fixture
def sent(tmp_path, pairs, card):
    """A submission that was taken, and the folder of submissions it is in."""
    file = write(tmp_path / "p.jsonl", lines_of(pairs))
    return submit([file], card, root=tmp_path / "root"), tmp_path / "root"


def refused(tmp_path, files, card, match):
    root = tmp_path / "refused"
    with pytest.raises(DataError, match=match) as caught:
        submit(files, card, root=root)
    assert "\n" not in str(caught.value)
    assert not root.exists()


def test_a_submission_is_stored_and_verified(sent, pairs):
    folder, root = sent
    found = read_submission(folder)
    assert (found.dataset, found.id) == ("minimatch", "mine")
    (run,) = found.runs
    assert run.pairs == len(pairs)
    assert 80 < run.metrics["mIoU"].value < 100
    assert run.metrics["mIoU"].low < run.metrics["mIoU"].value < run.metrics["mIoU"].high
    stored, predictions = read_predictions(folder / run.predictions)
    assert (stored, len(predictions)) == (run.header, len(pairs))
    assert verify(root) == (1, [])


def test_the_same_submission_gives_the_same_bytes(sent, tmp_path, card):
    folder, root = sent
    before = {p.name: p.read_bytes() for p in folder.iterdir()}
    with pytest.raises(DataError, match="--replace"):
        submit([tmp_path / "p.jsonl"], card, root=root)
    submit([tmp_path / "p.jsonl"], card, root=root, replace=True)
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == before
    assert [p.name for p in root.glob("minimatch/*")] == ["mine"]


def test_the_template_is_a_card(tmp_path):
    path = tmp_path / "card.yaml"
    path.write_text(TEMPLATE)
    assert read_card(path).name == "my-method"


def test_several_runs_are_one_method(tmp_path, pairs, card):
    a = write(tmp_path / "a.jsonl", lines_of(pairs))
    b = write(tmp_path / "b.jsonl", lines_of(pairs, seed=1))
    other = write(tmp_path / "c.jsonl", lines_of(pairs, seed=2, config={"a": 2}))
    assert len(read_submission(submit([a, b], card, root=tmp_path / "root")).runs) == 2
    refused(tmp_path, [a, a], card, "comes twice")
    refused(tmp_path, [a, other], card, "another config")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("name: <b>x</b>\ntitle: t\nkind: bias\n", "sign '<'"),
        ("name: a/../b\ntitle: t\nkind: bias\n", "is not of letters"),
        ("name: ../../etc\ntitle: t\nkind: bias\n", "is not of letters"),
        ("name: /etc/passwd\ntitle: t\nkind: bias\n", "is not of letters"),
        ('name: x\ntitle: "<script>alert(1)</script>"\nkind: bias\n', "sign '<'"),
        ('name: x\ntitle: "a\\u202eb"\nkind: bias\n', "sign"),
        ('name: x\ntitle: t\nkind: bias\nnotes: "</td>"\n', "sign '<'"),
        ('name: x\ntitle: t\nkind: bias\npaper: "javascript:alert(1)"\n', "http"),
        ("name: x\ntitle: t\nkind: best\n", "kind"),
        ("name: x\ntitle: t\nkind: bias\nextra: 1\n", "extra"),
        ("name: x\nkind: bias\n", "title"),
        ("name: x\ntitle: " + "a" * 3000 + "\nkind: bias\n", "characters"),
        ("a: &a [1]\nb: *a\n", "alias"),
        ("!!python/object/apply:os.system ['true']", "no card"),
        ("[" * 5000, "no card"),
        ("just text", "no card"),
    ],
)
def test_cards_that_are_refused(tmp_path, text, match):
    path = tmp_path / "card.yaml"
    path.write_text(text)
    with pytest.raises(DataError, match=match) as caught:
        read_card(path)
    assert "\n" not in str(caught.value)


def test_every_text_of_a_header_is_looked_at(tmp_path, pairs, card):
    for changes in ({"method": "<i>"}, {"config": {"a": "<svg>"}}, {"encoder": "\u200bx"}):
        file = write(tmp_path / "p.jsonl", lines_of(pairs, **changes))
        refused(tmp_path, [file], card, "sign")


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"dataset_fingerprint": "other"}, "fingerprint other is needed"),
        ({"dataset": "../minimatch"}, "not the name of a data set"),
        ({"split": "train"}, "train pairs"),
        ({"simulated": True}, "simulated"),
        ({"protocol_seed": 1}, "protocol seed 0"),
        ({"protocol": "mine"}, "Unknown protocol"),
    ],
)
def test_predictions_for_something_else(tmp_path, pairs, card, changes, match):
    file = write(tmp_path / "p.jsonl", lines_of(pairs, **changes))
    root = tmp_path / "refused"
    from vid2vidmr.errors import UserError

    with pytest.raises(UserError, match=match):
        submit([file], card, root=root)
    assert not root.exists()


def test_pairs_that_are_missing_unknown_or_twice(tmp_path, pairs, card):
    lines = lines_of(pairs)
    refused(tmp_path, [write(tmp_path / "p.jsonl", lines[:-1])], card, "lacks 1 of")
    strange = [*lines, {"pair_id": "other", "windows": []}]
    refused(tmp_path, [write(tmp_path / "p.jsonl", strange)], card, "not among")
    refused(tmp_path, [write(tmp_path / "p.jsonl", [*lines, lines[1]])], card, "more than once")


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ('{"pair_id": "p", "windows": [[NaN, 1, 1]]}', "NaN is not a number"),
        ('{"pair_id": "p", "windows": [[0, Infinity, 1]]}', "Infinity is not a number"),
        ('{"pair_id": "p", "windows": [[0, 1e999, 1]]}', "too large"),
        ('{"pair_id": "p", "windows": [[0, ' + "9" * 5000 + ", 1]]}", "too large"),
        ('{"pair_id": "p", "pair_id": "q", "windows": []}', "twice"),
        ('{"pair_id": "p", "windows": ' + "[" * 3000 + "]" * 3000 + "}", "nested"),
        ('{"pair_id": "p"}', "windows"),
        ('{"pair_id": "<p>", "windows": []}', "sign '<'"),
        ('{"pair_id": 3, "windows": []}', "pair_id"),
        ('{"pair_id": "p", "windows": [[0, 1]]}', "windows"),
        ('{"pair_id": "p", "windows": [], "more": 1}', "more"),
        ("[1, 2]", "expected the header"),
        ('{"header": {}}', "expected the header"),
        ("{", "is not JSON"),
        ("", "is not JSON"),
        ("x" * 200_000, "characters"),
    ],
)
def test_lines_that_are_refused(tmp_path, card, line, match):
    file = tmp_path / "p.jsonl"
    file.write_text(json.dumps(header()) + "\n" + line + "\n")
    refused(tmp_path, [file], card, match)


def test_a_million_windows_for_a_pair(tmp_path, card, monkeypatch):
    monkeypatch.setattr(strict, "MAX_LINE", 10**9)
    file = tmp_path / "p.jsonl"
    windows = ",".join(["[0,1,1]"] * 1_000_000)
    file.write_text(f'{json.dumps(header())}\n{{"pair_id":"p","windows":[{windows}]}}\n')
    refused(tmp_path, [file], card, "at most 1,000")
    monkeypatch.undo()
    refused(tmp_path, [file], card, "characters; at most")


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (json.dumps(header()).encode("utf-16"), "not UTF-8"),
        (b"\xef\xbb\xbf" + json.dumps(header()).encode(), "byte order mark"),
        (b"{\x00}", "NUL"),
        (b"\xff\xfe", "not UTF-8"),
        (b"", "empty"),
    ],
)
def test_encodings(tmp_path, card, data, match):
    file = tmp_path / "p.jsonl"
    file.write_bytes(data)
    refused(tmp_path, [file], card, match)


def test_a_gigabyte_is_refused_unread(tmp_path, card):
    file = tmp_path / "p.jsonl"
    with file.open("wb") as out:
        out.truncate(2**30)  # sparse: it takes no room
    tracemalloc.start()
    refused(tmp_path, [file], card, "1,073,741,824 bytes")
    assert tracemalloc.get_traced_memory()[1] < 5e6
    tracemalloc.stop()


def test_what_is_no_regular_file(tmp_path, pairs, card):
    file = write(tmp_path / "p.jsonl", lines_of(pairs))
    (tmp_path / "link.jsonl").symlink_to(file)
    refused(tmp_path, [tmp_path / "link.jsonl"], card, "not a regular file")
    os.mkfifo(tmp_path / "pipe.jsonl")
    refused(tmp_path, [tmp_path / "pipe.jsonl"], card, "not a regular file")
    (tmp_path / "folder").mkdir()
    refused(tmp_path, [tmp_path / "folder"], card, "no folder of a run")
    refused(tmp_path, [tmp_path / "nothing"], card, "does not exist")
    refused(tmp_path, [file], tmp_path / "folder", "not a regular file")


def edit(folder, change):
    path = folder / store.FILE
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def set_metric(value):
    value["runs"][0]["metrics"]["mIoU"]["value"] += 0.001


def set_interval(value):
    value["runs"][0]["metrics"]["R1@0.5"]["low"] -= 1


def set_coverage(value):
    value["runs"][0]["coverage"] = 0.5


def set_path(value):
    value["runs"][0]["predictions"] = "../mine/official-seed0.jsonl.gz"


def set_seed(value):
    value["runs"][0]["header"]["seed"] = 3


def set_pairs(value):
    value["runs"][0]["pairs"] = 1


def set_name(value):
    value["card"]["title"] = "<b>best</b>"


def set_row(value):
    value["card"]["name"] = "other"


def set_id(value):
    value["id"] = "other"


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (set_metric, "mIoU (value)"),
        (set_interval, "R1@0.5 (low)"),
        (set_coverage, "coverage"),
        (set_path, "not the name of a file"),
        (set_seed, "seed is 0"),
        (set_pairs, "pairs are stated"),
        (set_name, "sign '<'"),
        (set_row, "the id of other is other, not mine"),
        (set_id, "it lies in"),
    ],
)
def test_verify_finds_what_was_changed(sent, change, match):
    folder, root = sent
    edit(folder, change)
    differences = verify(root)[1]
    assert any(match in line for line in differences), differences


def test_verify_finds_other_predictions_files_and_bombs(sent):
    folder, root = sent
    file = folder / "official-seed0.jsonl.gz"
    good = file.read_bytes()
    file.write_bytes(gzip.compress(gzip.decompress(good).replace(b"0.5]", b"0.4]", 1), mtime=0))
    assert "another hash" in verify(root)[1][0]
    file.write_bytes(gzip.compress(bytes(strict.MAX_BYTES + 1)))
    assert "uncompresses to more" in verify(root)[1][0]
    file.write_bytes(good + b"more")
    assert "behind its end" in verify(root)[1][0]
    file.write_bytes(good)
    assert verify(root)[1] == []
    (folder / "evil.html").write_text("x")
    assert "evil.html" in verify(root)[1][0]
    (folder / "evil.html").unlink()
    shutil.copytree(folder, folder.with_name("again"))
    assert "it lies in" in verify(root)[1][0]


def test_the_board_of_this_repository_is_what_its_predictions_say():
    checked, differences = verify()
    assert differences == []
    assert checked > 0


def test_tables_that_are_not_those_of_their_fingerprint(tmp_path, monkeypatch):
    shutil.copytree(store.SNAPSHOTS / "minimatch", tmp_path / "minimatch")
    monkeypatch.setattr(store, "SNAPSHOTS", tmp_path)
    monkeypatch.setenv("VID2VIDMR_DATA", str(tmp_path / "none"))
    monkeypatch.chdir(tmp_path.parent)
    assert board_dataset("minimatch", FINGERPRINT).name == "minimatch"
    moments = pd.read_parquet(tmp_path / "minimatch" / "moments.parquet")
    moments["end_s"] += 0.5
    moments.to_parquet(tmp_path / "minimatch" / "moments.parquet")
    with pytest.raises(DataError, match="has the fingerprint of other tables"):
        board_dataset("minimatch", FINGERPRINT)


def test_yes_and_no_of_yaml(tmp_path):
    path = tmp_path / "card.yaml"
    for word in ("yes", "no", "unknown"):
        path.write_text(CARD + f"contamination: {word}\n")
        assert read_card(path).contamination == word


def test_stray_files_and_links_are_differences(sent):
    folder, root = sent
    (root / "minimatch" / "stray.txt").write_text("x")
    (root / "stray.txt").write_text("x")
    (root / "minimatch" / "link").symlink_to(folder)
    differences = verify(root)[1]
    assert len(differences) == 3
    assert all("is not the folder of a submission" in line for line in differences)
