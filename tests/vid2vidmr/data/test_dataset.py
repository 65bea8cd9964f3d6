"""The data set folder: round trip, fingerprint, other readers, and what is refused."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from vid2vidmr import load_dataset
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.fingerprint import fingerprint
from vid2vidmr.data.info import DatasetInfo
from vid2vidmr.data.write import write_dataset
from vid2vidmr.errors import DataError, UnknownNameError

INFO = DatasetInfo(
    name="small",
    title="Small",
    version="1",
    source="the test",
    licence="MIT",
    citation="none",
    synthetic=False,
    default_encoder="clip-vit-b32",
)


def tables() -> dict:
    """Return four moments of two videos; the segment of one is not known."""
    moments = pd.DataFrame(
        {
            "moment_id": ["m0", "m1", "m2", "m3"],
            "video_id": ["v0", "v0", "v1", "v1"],
            "label": ["wave", "wave", "wave", "wave"],
            "split": ["train", "train", "test", "test"],
            "clip_start_s": [0.0, 40.5, 0.0, 0.0],
            "clip_end_s": [40.5, 90.0, math.nan, math.nan],
            "start_s": [10.0, 1.5, math.nan, 3.0],
            "end_s": [12.0, 9.5, math.nan, 5.0],
        }
    )
    videos = pd.DataFrame(
        {
            "video_id": ["v0", "v1"],
            "source_id": ["s0", "s1"],
            "path": ["videos/v0.mp4", None],
            "duration_s": [90.0, math.nan],
            "sha256": ["0" * 64, None],
            "status": ["ok", "missing"],
        }
    )
    pairs = {
        "train": pd.DataFrame(
            {"pair_id": ["p0", "p1"], "query_id": ["m0", "m1"], "target_id": ["m1", "m0"]}
        ),
        "test": pd.DataFrame({"pair_id": ["p0"], "query_id": ["m2"], "target_id": ["m3"]}),
    }
    return {"moments": moments, "pairs": pairs, "videos": videos}


def changed(table: str, row: int, column: str, value: object) -> dict:
    """Return `tables` with one value changed; `table` is a split or a key of `tables`."""
    result = tables()
    where = result["pairs"] if table in result["pairs"] else result
    where[table].loc[row, column] = value
    return result


def test_round_trip(tmp_path):
    written = write_dataset(tmp_path, INFO, **tables(), options={"seed": 3})
    read = load_dataset(tmp_path)
    assert read.info == INFO
    assert read.name == "small"
    assert read.fingerprint == written.fingerprint
    assert read.splits == ["train", "test"]
    assert read.counts == {
        "videos": 2,
        "moments": 4,
        "classes": {"train": 1, "test": 1},
        "pairs": {"train": 2, "test": 1},
    }
    assert json.loads((tmp_path / "dataset.json").read_text())["options"] == {"seed": 3}
    pd.testing.assert_frame_equal(read.moments, tables()["moments"])
    pd.testing.assert_frame_equal(read.videos, tables()["videos"], check_dtype=False)
    assert read.video_path("v0") == tmp_path / "videos" / "v0.mp4"
    assert read.video_path("v1") is None
    assert read.pairs("train").table["query_id"].tolist() == ["m0", "m1"]
    assert not list(tmp_path.rglob(".tmp-*"))


def test_fingerprint_of_a_read_folder_is_that_of_its_tables(tmp_path):
    dataset = write_dataset(tmp_path, INFO, **tables())
    pairs = {s: pd.read_parquet(tmp_path / "pairs" / f"{s}.parquet") for s in dataset.splits}
    assert fingerprint(INFO, dataset.moments, pairs) == dataset.fingerprint


def test_fingerprint_is_stable(tmp_path):
    """A change of this value means that results of earlier builds no longer match theirs."""
    first = write_dataset(tmp_path / "a", INFO, **tables())
    shuffled = tables()
    shuffled["moments"] = shuffled["moments"][shuffled["moments"].columns[::-1]].assign(extra=1)
    assert write_dataset(tmp_path / "b", INFO, **shuffled).fingerprint == first.fingerprint
    before = changed("test", 0, "target_id", "m1")
    assert fingerprint(INFO, before["moments"][:3], before["pairs"]) == "41f92cc4b8326282"


@pytest.mark.parametrize(
    ("table", "row", "column", "value"),
    [
        ("moments", 0, "label", "jump"),
        ("moments", 0, "start_s", np.nextafter(10.0, 11)),
        ("moments", 1, "clip_end_s", 89.0),
        ("moments", 2, "split", "val"),
        ("train", 0, "pair_id", "p9"),
        ("train", 1, "target_id", "m1"),
        ("test", 0, "query_id", "m0"),
    ],
)
def test_fingerprint_is_sensitive(table, row, column, value):
    before, after = tables(), changed(table, row, column, value)
    assert fingerprint(INFO, before["moments"], before["pairs"]) != fingerprint(
        INFO, after["moments"], after["pairs"]
    )


def test_fingerprint_knows_version_and_order_but_not_availability(tmp_path):
    before = write_dataset(tmp_path / "a", INFO, **tables()).fingerprint
    newer = INFO.model_copy(update={"version": "2"})
    assert write_dataset(tmp_path / "b", newer, **tables()).fingerprint != before
    other = tables()
    other["pairs"]["train"] = other["pairs"]["train"].iloc[::-1]
    assert write_dataset(tmp_path / "c", INFO, **other).fingerprint != before
    gone = changed("videos", 0, "status", "missing")
    assert write_dataset(tmp_path / "d", INFO, **gone).fingerprint == before


def test_synthetic_data_is_marked(tmp_path):
    real = write_dataset(tmp_path / "a", INFO, **tables()).fingerprint
    synthetic = INFO.model_copy(update={"synthetic": True})
    marked = write_dataset(tmp_path / "b", synthetic, **tables()).fingerprint
    assert marked == f"synthetic-{real}"


def test_hugging_face_datasets_reads_the_tables(tmp_path):
    from datasets import load_dataset as load_hugging_face

    folder = tmp_path / "small"
    dataset = write_dataset(folder, INFO, **tables())

    def read(files, split):
        cache = str(tmp_path / "cache")
        return load_hugging_face("parquet", data_files=files, split=split, cache_dir=cache)

    moments = read(str(folder / "moments.parquet"), "train")
    assert moments.column_names == list(dataset.moments.columns)
    assert moments[1] == dataset.moments.iloc[1].to_dict()
    pairs = read({s: str(folder / "pairs" / f"{s}.parquet") for s in dataset.splits}, "test")
    assert pairs[:] == {"pair_id": ["p0"], "query_id": ["m2"], "target_id": ["m3"]}


def test_a_rebuild_leaves_nothing_of_the_former_build(tmp_path):
    write_dataset(tmp_path, INFO, **tables())
    less = tables()
    del less["pairs"]["train"]
    assert write_dataset(tmp_path, INFO, **less).splits == ["test"]


def test_a_killed_rebuild_is_no_data_set(tmp_path, monkeypatch):
    write_dataset(tmp_path, INFO, **tables())

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("vid2vidmr.data.write.write_json", killed)
    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path, INFO, **changed("moments", 0, "label", "jump"))
    with pytest.raises(DataError, match="not a built data set"):
        load_dataset(tmp_path)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (changed("moments", 1, "moment_id", "m0"), "moments has the moment_id 'm0' more than once"),
        (changed("train", 1, "pair_id", "p0"), "train pairs has the pair_id 'p0' more than once"),
        (changed("videos", 1, "video_id", "v0"), "videos has the video_id 'v0' more than once"),
        (changed("moments", 1, "video_id", "v7"), "moments name unknown videos, e.g. 'v7'"),
        (changed("test", 0, "target_id", "m7"), "test pairs name unknown moments: 'm7'"),
        (changed("test", 0, "target_id", "m1"), "the moment 'm1' of the split train: expected"),
        (changed("train", 0, "query_id", "m3"), "the moment 'm3' of the split test: expected"),
        (changed("moments", 0, "end_s", 9.0), "'m0' has .*; expected a clip that starts at 0 or"),
        (changed("moments", 0, "clip_start_s", 50.0), "'m0' has .*; expected a clip that starts"),
        (changed("moments", 0, "end_s", 41.1), "'m0' ends at 41.1 s .* after its clip, which ends"),
        (changed("moments", 1, "clip_end_s", 90.6), "'m1' ends at 90.6 s .* after its video"),
        (changed("moments", 0, "start_s", -1.0), "'m0' has .*; expected a clip that starts"),
        (changed("moments", 0, "split", "dev"), "'m0' has the split 'dev'.*expected train, val"),
        (changed("moments", 0, "label", None), "'m0' has .* the label nan: expected"),
        (
            {**tables(), "moments": tables()["moments"].assign(start_s="x")},
            "start_s holds something else than numbers",
        ),
        ({**tables(), "pairs": {"dev": tables()["pairs"]["train"]}}, "there are dev pairs"),
        ({**tables(), "moments": tables()["moments"].iloc[:0]}, "table of moments is empty"),
        (
            {**tables(), "pairs": {"val": tables()["pairs"]["train"].iloc[:0]}},
            "table of val pairs is empty",
        ),
        (
            {**tables(), "videos": tables()["videos"].drop(columns="status")},
            r"table of videos lacks the columns \['status'\]",
        ),
    ],
)
def test_broken_annotations_are_refused(tmp_path, broken, message):
    with pytest.raises(DataError, match=message) as error:
        write_dataset(tmp_path / "out", INFO, **broken)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


def test_found_by_name_in_the_data_home(tmp_path, monkeypatch):
    monkeypatch.setenv("VID2VIDMR_DATA", str(tmp_path))
    write_dataset(tmp_path / "small", INFO, **tables())
    assert load_dataset("small").name == "small"


def test_a_known_name_that_is_not_built(tmp_path, monkeypatch):
    monkeypatch.setenv("VID2VIDMR_DATA", str(tmp_path / "nothing"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="run `vid2vidmr build sportsmoments` first"):
        load_dataset("sportsmoments")


def test_an_unknown_name_gets_a_suggestion(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownNameError, match="did you mean 'sportsmoments'"):
        load_dataset("sportmoments")


def test_a_folder_that_is_no_data_set(tmp_path):
    with pytest.raises(DataError, match=r"not a built data set: it has no dataset\.json"):
        load_dataset(tmp_path)


@pytest.mark.parametrize("text", ["{", "3", "[]", "{}", '{"name": "small"}'])
def test_a_damaged_description(tmp_path, text):
    (tmp_path / "dataset.json").write_text(text)
    with pytest.raises(DataError, match=r"dataset\.json") as error:
        _ = load_dataset(tmp_path).info
    assert "\n" not in str(error.value)


def test_what_is_not_there(tmp_path):
    dataset = write_dataset(tmp_path, INFO, **tables())
    with pytest.raises(DataError, match="has no 'val' pairs here; it has train, test"):
        dataset.pairs("val")
    with pytest.raises(UnknownNameError, match="video"):
        dataset.video_path("v7")
    (tmp_path / "moments.parquet").unlink()
    with pytest.raises(DataError, match=r"moments\.parquet does not exist: build small again"):
        _ = Dataset(tmp_path).moments
