"""Features of others: the forms they are published in, times, checks, and a bench with them."""

from __future__ import annotations

import json
import math
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from conftest import Ran
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mini_dataset import mini_dataset

from vid2vidmr.contract import require_encoder
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.errors import FeatureError, UserError
from vid2vidmr.features.extract import extract_features
from vid2vidmr.features.imported import import_features, resampled
from vid2vidmr.features.store import FILES, open_features
from vid2vidmr.methods.load import load_method

Cli = Callable[..., Ran]
Rows = dict[str, np.ndarray]


def write_npz(folder: Path, rows: Rows) -> Path:
    """As lighthouse and HERO publish them: ``VIDEO.npz`` with ``features``."""
    for video, array in rows.items():
        np.savez(_parent(folder / f"{video}.npz"), features=array)
    return folder


def write_npy(folder: Path, rows: Rows) -> Path:
    """As SoccerNet and VideoMAE's: ``VIDEO.npy``."""
    for video, array in rows.items():
        np.save(_parent(folder / f"{video}.npy"), array)
    return folder


def write_pt(folder: Path, rows: Rows) -> Path:
    for video, array in rows.items():
        torch.save(torch.from_numpy(array), _parent(folder / f"{video}.pt"))
    return folder


def write_h5(path: Path, rows: Rows) -> Path:
    """As C3D of ActivityNet: one file, a group a video with ``c3d_features``."""
    with h5py.File(path.with_suffix(".h5"), "w") as file:
        for video, array in rows.items():
            file.create_dataset(f"{video}/c3d_features", data=array)
    return path.with_suffix(".h5")


def _parent(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


WRITERS = [write_npz, write_npy, write_pt, write_h5]


def ramp(count: int, every_s: float, offset_s: float = 0.0) -> np.ndarray:
    """Rows that say their own time: (time, 1, -time)."""
    time = np.arange(count) * every_s + offset_s
    return np.stack([time, np.ones(count), -time], axis=1).astype(np.float32)


@pytest.fixture
def mini(tmp_path: Path) -> Dataset:
    """Two videos of 20 s that are not here; queries from 4 to 10 s."""
    return mini_dataset(tmp_path / "mini", {"a": None, "b": None})


@pytest.mark.parametrize("write", WRITERS)
def test_every_form_gives_the_predictions_of_features_of_our_own(
    mini: Dataset, tmp_path: Path, cli: Cli, write: Callable[[Path, Rows], Path]
) -> None:
    """The same numbers at the same times: rows, and predictions, are the same to the last bit."""
    own = extract_features(mini, "simulated")
    path = write(tmp_path / "theirs", {video: own.rows(video) for video in own.video_ids})
    ran = cli("features", mini.path, "--import", path, "--as", "theirs")
    assert ran.code == 0, ran.err
    there = open_features(mini, "theirs")
    assert there.contract.imported
    assert all((there.rows(video) == own.rows(video)).all() for video in own.video_ids)
    assert extract_features(mini, "theirs").path == there.path  # as a bench asks for them
    method = load_method("dtw-match")
    predicted = [
        [each.windows for each in method.predict(mini.pairs("test", store))]
        for store in (own, there)
    ]
    assert predicted[0] == predicted[1]


def test_forms_have_one_hash_and_other_numbers_another(mini: Dataset, tmp_path: Path) -> None:
    rows = {"a": ramp(10, 2), "b": ramp(10, 2)}
    hashes = set()
    for write in WRITERS:
        path = write(tmp_path / write.__name__, rows)
        store = import_features(mini, path, f"of-{write.__name__}")
        hashes.add(store.contract.weights_sha256)
    assert len(hashes) == 1
    rows["b"][3, 0] += 1
    other = import_features(mini, write_npy(tmp_path / "other", rows), "other")
    assert other.contract.weights_sha256 not in hashes


@pytest.mark.parametrize(
    ("rows", "options"),
    [
        # lighthouse: a row every 2 s, kept.
        (ramp(10, 2), {}),
        # SoccerNet: two rows a second.
        (ramp(40, 0.5), {"every_s": 0.5}),
        # C3D of ActivityNet: strides of 8 frames at a rate that nobody knows.
        (ramp(75, 20 / 75, 10 / 75), {"every_s": "even"}),
        # VideoMAE: a row every 16 frames, 25 a second, in the middle of its clip.
        (ramp(31, 0.64, 0.32), {"every_s": 0.64, "offset_s": 0.32}),
    ],
)
def test_rows_are_where_their_time_says(
    tmp_path: Path, rows: np.ndarray, options: dict[str, float]
) -> None:
    """Features that say their time: the grid's is its own, a query's begins at its start."""
    built = mini_dataset(tmp_path / "mini", {"a": None, "b": None}, start_s=4.5)
    path = write_npz(tmp_path / "theirs", {"v_a": rows, "v_b": rows})
    store = import_features(built, path, "theirs", names="v_{video}", **options)
    first = rows[0, 0]  # nothing is known before it
    assert np.allclose(store.rows("a")[:, 0], np.maximum(np.arange(10) * 2, first), atol=2e-2)
    assert np.allclose(store.query_rows("a", 4.5, 10)[:, 0], [4.5, 6.5, 8.5], atol=2e-2)


@given(st.sampled_from([0.25, 0.5, 1.0, 2.0]), st.sampled_from([0.25, 0.64, 2.0, "even"]))
@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_step_of_any_rows(tmp_path: Path, step: float, every: float | str) -> None:
    """The grid and the queries of the store have its step, whatever that of the files is."""
    with TemporaryDirectory(dir=tmp_path) as folder:
        built = mini_dataset(Path(folder) / "mini", {"a": None, "b": None}, start_s=4.9)
        between = 20 / 50 if every == "even" else float(every)
        rows = ramp(round(20 / between), between, between / 2 if every == "even" else 0)
        path = write_npy(Path(folder) / "theirs", {"a": rows})
        import_features(built, path, "theirs", step_s=step, every_s=every)
        store = open_features(built, "theirs" if step == 2 else f"theirs@{step}")
        assert store.contract.step_s == step
        last = rows[-1, 0]
        wanted = np.clip(np.arange(len(store.rows("a"))) * step, rows[0, 0], last)
        assert len(wanted) == math.ceil(len(rows) * between / step - 1e-6)
        assert np.allclose(store.rows("a")[:, 0], wanted, atol=2e-2)
        query = np.clip(np.arange(4.9, 10, step), rows[0, 0], last)
        assert np.allclose(store.query_rows("a", 4.9, 10)[:, 0], query, atol=2e-2)


def test_soccernet_halves_have_their_own_file(tmp_path: Path) -> None:
    """A pattern with the id of a video, which is a path, without the ending of a file."""
    halves = ["epl/2015/A - B/1.mkv", "epl/2015/A - B/2.mkv"]
    built = mini_dataset(tmp_path / "mini", dict.fromkeys(halves))
    end = "_ResNET_TF2_PCA512"
    path = write_npy(tmp_path, {f"epl/2015/A - B/{k}{end}": ramp(40, 0.5) for k in (1, 2)})
    store = import_features(built, path, "resnet", every_s=0.5, names=f"{{video}}{end}")
    assert store.video_ids == halves


def test_a_list_names_files_and_the_rows_of_each(mini: Dataset, tmp_path: Path) -> None:
    path = write_npy(tmp_path / "theirs", {"x1": ramp(40, 0.5), "x2": ramp(20, 1)})
    names = tmp_path / "names.csv"
    names.write_text("video_id,file,every\na,x1.npy,0.5\nb,x2,1\n")
    store = import_features(mini, path, "theirs", names=names)
    assert np.allclose(store.rows("a"), store.rows("b"))
    names.write_text("video_id,file\na,x1\na,x2\n")
    with pytest.raises(UserError, match=r"names\.csv, line 3"):
        import_features(mini, path, "theirs", names=names)
    names.write_text("video_id,file\nc,x1\n")
    with pytest.raises(UserError, match="no video 'c'"):
        import_features(mini, path, "theirs", names=names)
    names.write_text("video_id,file\na,x3\n")
    with pytest.raises(UserError, match="there is no x3"):
        import_features(mini, path, "theirs", names=names)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"name": ""}, "'' cannot be the name of features"),
        ({"name": ".."}, "'..' cannot be the name of features"),
        ({"offset_s": math.nan}, "--offset nan: expected seconds"),
        ({"offset_s": -1e6}, "no row lies in the video, from -1e\\+06 s on"),
        ({"offset_s": 20.5}, "no row lies in the video"),
    ],
)
def test_names_and_offsets_that_can_be_none(
    mini: Dataset, tmp_path: Path, wrong: dict[str, Any], said: str
) -> None:
    path = write_npy(tmp_path / "theirs", {"a": ramp(10, 2)})
    with pytest.raises((UserError, FeatureError), match=said):
        import_features(mini, path, **{"name": "theirs", **wrong})
    assert not (mini.path / "features").exists()


def test_the_last_row_stays_to_the_end_of_a_video(mini: Dataset, tmp_path: Path) -> None:
    path = write_npy(tmp_path / "theirs", {"a": ramp(3, 4)})
    short = import_features(mini, path, "theirs", step_s=0.25, every_s=4)
    assert len(short.rows("a")) == 80
    assert (short.rows("a", 18.0, 20.0)[:, 0] == 8).all()


def test_numbers_that_cannot_be_stored_leave_nothing(mini: Dataset, tmp_path: Path) -> None:
    path = write_npy(tmp_path / "theirs", {"a": 1e6 * ramp(10, 2)})
    with pytest.raises(FeatureError, match="at most 65504 can be stored"):
        import_features(mini, path, "theirs")
    write_npy(path, {"a": ramp(10, 2)})  # scaled: the name is still free
    assert import_features(mini, path, "theirs").video_ids == ["a"]


class Hostile:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return Path.touch, (Path("ran"),)  # type: ignore[return-value]


def _hostile_pt(path: Path) -> None:
    torch.save({"features": Hostile()}, path.with_suffix(".pt"))


def _nan(path: Path) -> None:
    np.save(path, np.where(np.arange(10)[:, None] == 3, np.nan, ramp(10, 2)))


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (lambda path: np.save(path, ramp(25, 2)), "25 rows, one every 2 s: 50.0 s, .* says 20.0 s"),
        (lambda path: np.save(path, ramp(3, 2)), "3 rows.*--every"),
        (_nan, "NaN or infinity"),
        (lambda path: np.save(path, ramp(10, 2)[:, :2]), "its width is 2, that of others is 3"),
        (lambda path: np.save(path, ramp(10, 2)[None, None]), r"shape \(1, 1, 10, 3\)"),
        (lambda path: np.save(path, np.array(["x"])), "expected numbers"),
        (lambda path: np.save(path, np.array([Hostile()]), allow_pickle=True), "cannot be read"),
        (lambda path: path.write_bytes(b"no"), "cannot be read"),
        (lambda path: path.with_suffix(".npz").write_bytes(b"no"), "cannot be read"),
        (lambda path: np.savez(path.with_suffix(".npz"), x=ramp(10, 2), y=1), "it has x, y"),
        (lambda path: path.with_suffix(".pt").write_bytes(pickle.dumps(Hostile(), 2)), "cannot be"),
        (_hostile_pt, "could run code"),
    ],
)
def test_a_bad_file_fails_alone(
    mini: Dataset, tmp_path: Path, write: Callable[[Path], object], said: str
) -> None:
    path = write_npy(tmp_path / "theirs", {"a": ramp(10, 2)})
    write(path / "b.npy")
    store = import_features(mini, path, "theirs")
    assert store.video_ids == ["a"]
    failed = json.loads((store.path / "failed.json").read_text())
    assert re.search(said, failed["b"]), failed
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--as", "clip-vit-b32"), "name of an encoder"),
        ((), "add --as NAME"),
        (("--as", "x", "--every", "0"), "--every 0"),
        (("--as", "x", "--step", "0"), "step of 0 s"),
        (("--as", "x", "--shard", "1/2"), "--shard is not of imported features"),
        (("--as", "x", "--names", "no_{video}"), "it has a, expected no_a"),
    ],
)
def test_what_cannot_be_imported_is_told(
    mini: Dataset, tmp_path: Path, cli: Cli, arguments: tuple[str, ...], said: str
) -> None:
    path = write_npy(tmp_path / "theirs", {"a": ramp(10, 2)})
    ran = cli("features", mini.path, "--import", path, *arguments)
    assert ran.code == 2
    assert said in " ".join(ran.err.split())
    for wrong in (
        tmp_path / "none",
        tmp_path / "none.h5",
        _parent(tmp_path / "empty" / "x").parent,
    ):
        assert cli("features", mini.path, "--import", wrong, "--as", "x").code == 2


def test_a_stopped_import_goes_on_and_other_files_are_refused(
    mini: Dataset, tmp_path: Path
) -> None:
    path = write_npy(tmp_path / "theirs", {"a": ramp(10, 2), "b": ramp(10, 2)})
    store = import_features(mini, path, "theirs")
    before = [(store.path / name).read_bytes() for name in FILES]
    index = store.path / "index.jsonl"
    index.write_bytes(index.read_bytes()[:-5])  # killed within a line
    import_features(mini, path, "theirs")
    assert [(store.path / name).read_bytes() for name in FILES] == before
    write_npy(path, {"b": ramp(10, 2) + 1})
    with pytest.raises(FeatureError, match="weights_sha256"):
        import_features(mini, path, "theirs")


def test_no_video_can_be_encoded_like_imported_features(mini: Dataset, tmp_path: Path) -> None:
    path = write_npy(tmp_path / "theirs", {"a": ramp(10, 2)})
    contract = import_features(mini, path, "theirs").contract
    with pytest.raises(FeatureError, match=r"imported features \(theirs\)"):
        require_encoder(contract, "This matr checkpoint")


@given(st.integers(1, 9), st.floats(0.1, 3), st.floats(-2, 2), st.lists(st.floats(-5, 30)))
def test_interpolation_is_numpy_s(
    count: int, every: float, offset: float, wanted: list[float]
) -> None:
    rows = np.random.default_rng(count).standard_normal((count, 2)).astype(np.float32)
    at, times = np.arange(count) * every + offset, np.array(wanted)
    expected = np.stack([np.interp(times, at, column) for column in rows.T], axis=1)
    assert np.allclose(resampled(rows, at, times), expected, atol=1e-4)
