"""Data sets of strangers: what their files say is checked before it is believed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mini_dataset import mini_dataset

from vid2vidmr import load_dataset
from vid2vidmr.data.info import TARGET_COLUMNS
from vid2vidmr.data.write import write_dataset
from vid2vidmr.errors import DataError, UserError
from vid2vidmr.files import file_sha256

FILES: dict[str, str | None] = {"v0": "videos/v0.mp4", "v1": None, "v2": None}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


@pytest.fixture
def mini(tmp_path: Path) -> Path:
    return mini_dataset(tmp_path / "mini", FILES).path


def describe(folder: Path, **changes: Any) -> None:
    path = folder / "dataset.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def change(folder: Path, file: str, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    path = folder / f"{file}.parquet"
    change(pd.read_parquet(path)).to_parquet(path, index=False)


def refused(folder: Path, match: str) -> None:
    with pytest.raises(DataError, match=match) as found:
        load_dataset(folder)
    assert "\n" not in str(found.value) and str(found.value).isprintable()


@pytest.mark.parametrize(
    "name", ["/abs", "../../x", "..", ".x", "", "a/b", "a\\b", "a\x1b[31m", "a\nb", "x" * 101, 3]
)
def test_a_name_is_a_name(mini: Path, name: object) -> None:
    describe(mini, name=name)
    refused(mini, r"dataset.json does not describe a data set \(name: ")


@pytest.mark.parametrize(
    "changes",
    [
        {"title": "a \x1b]0;owned\x07 title"},
        {"title": "a \u202etitle"},
        {"synthetic": "perhaps"},
        {"fingerprint": "../x"},
        {"counts": {}},
        {"counts": {"videos": 1, "moments": 1, "classes": {}, "pairs": {"test": "many"}}},
        {"options": [1]},
    ],
)
def test_fields_are_what_they_must_be(mini: Path, changes: dict[str, Any]) -> None:
    describe(mini, **changes)
    refused(mini, "dataset.json does not describe a data set")


@pytest.mark.parametrize("path", ["/etc/hostname", "../../../../etc/hostname", "..\\x", "C:\\x"])
def test_a_file_outside_must_be_a_video(mini: Path, path: str) -> None:
    change(mini, "videos", lambda table: table.assign(path=path))
    refused(mini, "videos.parquet names .*, which is no video in ")


def test_a_video_outside_is_given_on_only_with_its_hash(tmp_path: Path) -> None:
    outside = tmp_path / "film.mp4"
    outside.write_bytes(b"a film")
    dataset = mini_dataset(tmp_path / "mini", {"v0": str(outside), "v1": "v1.mp4", "v2": "v2.mp4"})
    (dataset.path / "v1.mp4").symlink_to(outside)
    (dataset.path / "v2.mp4").write_bytes(b"another film")
    found = load_dataset(dataset.path)
    assert found.video_path("v0") == outside
    assert [found.own_video(f"v{i}") for i in range(3)] == [None, None, dataset.path / "v2.mp4"]
    change(dataset.path, "videos", lambda table: table.assign(sha256=file_sha256(outside)))
    found = load_dataset(dataset.path)
    assert [found.own_video(f"v{i}") for i in range(2)] == [outside, outside]


@pytest.mark.parametrize(
    ("file", "edit", "match"),
    [
        ("moments", lambda t: t.assign(start_s=5.0), "fingerprint of other tables"),
        ("pairs/test", lambda t: t.iloc[::-1], "fingerprint of other tables"),
        ("moments", lambda t: t.assign(clip_end_s=np.inf), "the moment 'm-v0' has clip_start_s"),
        ("moments", lambda t: t.assign(start_s="x"), "start_s holds something else than numbers"),
        ("videos", lambda t: t.assign(duration_s=15.0), "after its video, which ends at 15 s"),
        ("videos", lambda t: t.assign(duration_s="x"), "duration_s holds something else than"),
        ("moments", lambda t: t.assign(label="a\x1b[2Jb"), "holds a control character"),
        ("moments", lambda t: t.assign(label=7), "label holds something else than text"),
        ("moments", lambda t: t.drop(columns="label"), r"lacks the columns \['label'\]"),
        ("moments", lambda t: t.iloc[[0, 0, 1, 2]], "more than once"),
        ("moments", lambda t: t.iloc[:2], "name unknown moments"),
        ("videos", lambda t: t.iloc[:2], "name unknown videos"),
        ("pairs/test", lambda t: t.iloc[:0], "an empty table"),
    ],
)
def test_tables_are_those_of_the_fingerprint(
    mini: Path, file: str, edit: Callable[[pd.DataFrame], pd.DataFrame], match: str
) -> None:
    change(mini, file, edit)
    refused(mini, match)


@pytest.mark.parametrize(
    "changes",
    [
        {"clip_end_s": np.nan},
        {"clip_end_s": [30.0, 20.0, 20.0]},
        {"clip_start_s": -1.0},
        {"clip_start_s": 20.0},
        {"clip_start_s": "x"},
        {"split": "tset"},
        {"label": None},
        {"label": "a\x1b[2Jb"},
        {"video_id": "v9"},
        {"video_id": "v0"},
    ],
)
def test_open_targets_are_clips_of_its_videos(mini: Path, changes: dict[str, Any]) -> None:
    built = load_dataset(mini)
    targets = built.moments.assign(label="")[list(TARGET_COLUMNS)]
    pairs = {"test": built.pair_ids("test")}
    given = built.info, built.moments, pairs, built.videos
    write_dataset(mini, *given, targets=targets)
    assert len(load_dataset(mini).targets("test").clips) == 3
    change(mini, "targets", lambda table: table.assign(**changes))
    refused(mini, r"targets.parquet")
    with pytest.raises(DataError, match="the table of targets"):
        write_dataset(mini, *given, targets=targets.assign(**changes))


def test_tables_that_are_none(mini: Path) -> None:
    good = (mini / "moments.parquet").read_bytes()
    for data in (b"", b"PAR1" * 4, good[: len(good) // 2], good[:40] + b"\xff" * 40 + good[80:]):
        (mini / "moments.parquet").write_bytes(data)
        refused(mini, "moments.parquet is no Parquet file")
    pq.write_table(pa.table({"moment_id": ["m"]}), mini / "moments.parquet")
    refused(mini, "lacks the columns")
    (mini / "moments.parquet").unlink()
    os.mkfifo(mini / "moments.parquet")
    refused(mini, "moments.parquet is not a regular file")


def test_a_folder_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("./mini", "/nowhere/mini", "a/b/mini", "mini.v2"):
        with pytest.raises(DataError, match=r"There is no folder .*: expected one that holds"):
            load_dataset(name)
    with pytest.raises(UserError, match="did you mean 'minimatch'"):
        load_dataset("MiniMatsch")


@settings(max_examples=150)
@given(field=st.sampled_from(["name", "title", "counts", "options", "fingerprint", ""]), value=JSON)
def test_any_description_is_read_or_refused_in_a_line(
    tmp_path_factory: pytest.TempPathFactory, field: str, value: Any
) -> None:
    folder = tmp_path_factory.mktemp("any") / "mini"
    mini_dataset(folder, FILES)
    if field:
        describe(folder, **{field: value})
    else:
        (folder / "dataset.json").write_text(json.dumps(value))
    try:
        assert load_dataset(folder).name
    except DataError as error:
        assert str(error).isprintable()
