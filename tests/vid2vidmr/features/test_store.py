import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mini_dataset import mini_dataset

from vid2vidmr.contract import FeatureContract, require_contract
from vid2vidmr.errors import FeatureError
from vid2vidmr.features.store import FeatureStore, MemoryFeatures, feature_folder, open_features
from vid2vidmr.features.writer import FeatureWriter
from vid2vidmr.train.projection import ProjectedFeatures

CONTRACT = FeatureContract(
    encoder="tiny",
    weights_sha256="0" * 64,
    dim=3,
    sampling="t = 0, 2, 4, ... s",
    preprocessing="none",
    decoder="none",
    dtype="float16",
)


def ramp(rows, start=0):
    """Row k is (k, k, k) + start: tells which rows were read."""
    return np.repeat(np.arange(start, start + rows, dtype=np.float32)[:, None], 3, axis=1)


def store_of(folder, **videos):
    with FeatureWriter(folder, CONTRACT) as writer:
        for video_id, rows in videos.items():
            writer.append(video_id, rows)
    return FeatureStore(folder)


def test_what_is_written_is_read(tmp_path):
    a, b = ramp(5), ramp(4, start=100) + 0.3
    store = store_of(tmp_path / "s", a=a, b=b)
    assert store.video_ids == FeatureStore(str(tmp_path / "s")).video_ids == ["a", "b"]
    assert "a" in store
    assert "c" not in store
    assert store.contract == CONTRACT
    assert store.rows("a").dtype == np.float32
    np.testing.assert_array_equal(store.rows("a"), a)
    np.testing.assert_allclose(store.rows("b"), b, rtol=5e-4)
    np.testing.assert_array_equal(store.rows("b", 2, 6), b[1:3].astype(np.float16))


@given(
    total=st.integers(1, 60),
    start=st.floats(0, 118, allow_subnormal=False),
    length=st.floats(0.01, 120),
)
def test_rows_follow_the_rule(total, start, length):
    end = min(start + length, 2.0 * total)
    if end <= start:
        return
    rows = MemoryFeatures(CONTRACT, {"v": ramp(total)}).rows("v", start, end)
    n = int(np.ceil((end - start) / 2 - 1e-6))
    assert len(rows) == max(1, n)
    # Row k is the frame within 1 s of start + 2 k, where the video has one.
    wanted = np.minimum(start + 2 * np.arange(len(rows)), 2 * (total - 1))
    assert (np.abs(2 * rows[:, 0] - wanted) <= 1 + 1e-6).all()


def test_rows_on_the_grid_are_exact():
    memory = MemoryFeatures(CONTRACT, {"v": ramp(10)})
    assert memory.rows("v", 4, 10)[:, 0].tolist() == [2, 3, 4]
    assert memory.rows("v", 4, 9.5)[:, 0].tolist() == [2, 3, 4]
    assert memory.rows("v", 4)[:, 0].tolist() == [2, 3, 4, 5, 6, 7, 8, 9]
    assert memory.rows("v", 2.2, 8.2)[:, 0].tolist() == [1, 2, 3]
    assert memory.rows("v")[:, 0].tolist() == list(range(10))


def test_an_annotation_may_end_just_after_the_video(tmp_path):
    store = store_of(tmp_path / "s", v=ramp(5))
    assert store.rows("v", 6, 12)[:, 0].tolist() == [3, 4, 4]
    for window in [(0, 15), (30, 36), (-4, 6)]:
        with pytest.raises(FeatureError, match="outside video 'v'"):
            store.rows("v", *window)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e6])
def test_values_that_are_not_finite_are_refused(tmp_path, bad):
    rows = ramp(4)
    rows[2, 1] = bad
    with FeatureWriter(tmp_path / "s", CONTRACT) as writer:
        writer.append("good", ramp(2))
        with pytest.raises(FeatureError, match=r"'v'.*NaN or infinity"):
            writer.append("v", rows)
        writer.append("w", ramp(2))
    assert FeatureStore(tmp_path / "s").video_ids == ["good", "w"]
    if not np.isfinite(bad):
        with pytest.raises(FeatureError, match=r"'v'.*NaN or infinity"):
            MemoryFeatures(CONTRACT, {"v": rows})


def test_nan_on_disk_is_found(tmp_path):
    store_of(tmp_path / "s", a=ramp(2), v=ramp(4))
    data = np.fromfile(tmp_path / "s" / "features.bin", np.float16)
    data[-1] = np.nan
    data.tofile(tmp_path / "s" / "features.bin")
    store = FeatureStore(tmp_path / "s")
    store.rows("a")
    with pytest.raises(FeatureError, match=r"'v'.*NaN or infinity"):
        store.rows("v", 0, 2)  # the bad row itself is not in the window


@pytest.mark.parametrize("rows", [np.zeros((0, 3)), np.zeros((2, 4)), np.zeros(3)])
def test_wrong_shapes_are_refused(tmp_path, rows):
    with (
        FeatureWriter(tmp_path / "s", CONTRACT) as writer,
        pytest.raises(FeatureError, match="shape"),
    ):
        writer.append("v", rows)
    with pytest.raises(FeatureError, match="shape"):
        MemoryFeatures(CONTRACT, {"v": rows})


def test_a_video_is_added_once(tmp_path):
    store_of(tmp_path / "s", a=ramp(2))
    with (
        FeatureWriter(tmp_path / "s", CONTRACT) as writer,
        pytest.raises(FeatureError, match="already"),
    ):
        writer.append("a", ramp(2))


def test_a_partial_tail_is_cut_off(tmp_path):
    whole = store_of(tmp_path / "whole", a=ramp(5), b=ramp(4), c=ramp(3)).path
    data, index = (whole / "features.bin").read_bytes(), (whole / "index.jsonl").read_bytes()
    first_line = index.index(b"\n") + 1
    for data_size in (0, 7, 30, 41, len(data)):
        for index_size in (0, 5, first_line, first_line + 9):
            if index_size >= first_line and data_size < 30:
                continue  # the index is written after the data
            part = tmp_path / f"{data_size}-{index_size}"
            part.mkdir()
            (part / "contract.json").write_bytes((whole / "contract.json").read_bytes())
            (part / "features.bin").write_bytes(data[:data_size])
            (part / "index.jsonl").write_bytes(index[:index_size])
            assert FeatureStore(part).video_ids == (["a"] if index_size >= first_line else [])
            with FeatureWriter(part, CONTRACT) as writer:
                for video_id, rows in [("a", ramp(5)), ("b", ramp(4)), ("c", ramp(3))]:
                    if video_id not in writer.keys:
                        writer.append(video_id, rows)
            assert same_files(part, whole)


def same_files(one, other):
    names = sorted(path.name for path in other.iterdir())
    assert sorted(path.name for path in one.iterdir()) == names
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)


def test_a_store_that_lost_data_is_damaged(tmp_path):
    path = store_of(tmp_path / "s", a=ramp(5)).path
    data = (path / "features.bin").read_bytes()
    (path / "features.bin").write_bytes(data[:-1])
    for opening in (FeatureStore, lambda path: FeatureWriter(path, CONTRACT)):
        with pytest.raises(FeatureError, match=r"damaged: features.bin has 29 bytes"):
            opening(path)
    (path / "index.jsonl").write_text("not json\n")
    with pytest.raises(FeatureError, match="damaged"):
        FeatureStore(path)
    (path / "contract.json").write_text('{"encoder": "tiny"}')
    with pytest.raises(FeatureError, match="another version"):
        FeatureStore(path)
    with pytest.raises(FeatureError, match="no feature store"):
        FeatureStore(tmp_path / "nowhere")


def test_another_contract_is_refused(tmp_path):
    store_of(tmp_path / "s", a=ramp(5))
    other = CONTRACT.model_copy(update={"weights_sha256": "1" * 64})
    with pytest.raises(FeatureError, match=r"weights_sha256 '0+' instead of '1+'.*vid2vidmr"):
        FeatureWriter(tmp_path / "s", other)
    with pytest.raises(FeatureError, match=r"The checkpoint x needs.*--encoder tiny"):
        require_contract(CONTRACT, other, "The checkpoint x")
    require_contract(CONTRACT, CONTRACT, "The checkpoint x")
    with FeatureWriter(tmp_path / "s", CONTRACT) as writer:  # the refusal left no lock behind
        assert writer.keys == {"a"}


@pytest.mark.parametrize("window", [(0, None), (4, 10), (2.2, 8.2), (14, 22), (6, None)])
def test_projected_windows_are_windows_projected(tmp_path, window):
    rng = np.random.default_rng(0)
    store = store_of(tmp_path / "s", v=rng.standard_normal((10, 3)))
    mean, basis = rng.standard_normal(3), rng.standard_normal((3, 2))
    projected = ProjectedFeatures(store, mean, basis)
    expected = (store.rows("v", *window) - mean) @ basis
    for source in (projected, projected, pickle.loads(pickle.dumps(projected))):
        np.testing.assert_allclose(source.rows("v", *window), expected, rtol=1e-6)
    with pytest.raises(FeatureError, match="outside video 'v'"):
        projected.rows("v", 30, 36)


def test_two_processes_do_not_write_at_once(tmp_path):
    code = (
        "import sys; from pathlib import Path; from vid2vidmr.features.writer import *;"
        "FeatureWriter(Path(sys.argv[1]), FeatureContract.model_validate_json(sys.argv[2]))"
    )
    command = [sys.executable, "-c", code, tmp_path / "s", CONTRACT.model_dump_json()]
    with FeatureWriter(tmp_path / "s", CONTRACT):
        run = subprocess.run(command, capture_output=True, text=True)
    assert "Another process is writing" in run.stderr


def test_missing_videos_say_what_to_run(tmp_path):
    store = store_of(tmp_path / "s", a=ramp(5))
    with pytest.raises(FeatureError, match=r"no features of video 'b': run `vid2vidmr features`"):
        store.rows("b")
    with pytest.raises(FeatureError, match="'b' in memory"):
        MemoryFeatures(CONTRACT, {}).rows("b")


def test_features_of_a_data_set(tmp_path):
    dataset = mini_dataset(tmp_path, {"a": None})
    with pytest.raises(
        FeatureError, match=r"run `vid2vidmr features --dataset mini --encoder foreign-8`"
    ):
        open_features(dataset, "foreign-8")
    store_of(feature_folder(dataset, "tiny"), a=ramp(5))
    assert open_features(dataset, "tiny").video_ids == ["a"]
    store_of(feature_folder(dataset, "open_clip:A/b"), a=ramp(5))
    assert feature_folder(dataset, "open_clip:A/b").parent == tmp_path / "features"
    with pytest.raises(FeatureError, match=r"holds features of tiny, not of open_clip:A/b"):
        open_features(dataset, "open_clip:A/b")


def test_a_store_is_sent_to_workers_by_its_path(tmp_path):
    store = store_of(tmp_path / "s", a=ramp(5000))
    sent = pickle.dumps(store)
    assert len(sent) < 2000
    np.testing.assert_array_equal(pickle.loads(sent).rows("a"), store.rows("a"))
