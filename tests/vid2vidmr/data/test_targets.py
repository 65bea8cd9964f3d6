"""Open targets: what lies in them, and what is drawn for a query."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.info import DatasetInfo
from vid2vidmr.data.protocols import Protocol
from vid2vidmr.data.targets import SHARES, Targets
from vid2vidmr.data.write import write_dataset
from vid2vidmr.errors import DataError, UserError

INFO = DatasetInfo(
    name="open", title="Open", version="1", source="here", licence="MIT", citation="none",
    synthetic=False, default_encoder="e",
)  # fmt: skip


def _moments(per_video: dict[str, str]) -> pd.DataFrame:
    """Moments of 2 s, one every 10 s from 4 s on; a letter a class."""
    rows = [
        (f"{video}_{k}", video, label, "test", 0.0, 100.0, 10.0 * k + 4, 10.0 * k + 6)
        for video, labels in per_video.items()
        for k, label in enumerate(labels)
    ]
    names = ["moment_id", "video_id", "label", "split", "clip_start_s", "clip_end_s"]
    return pd.DataFrame(rows, columns=[*names, "start_s", "end_s"])


def _dataset(folder: Path, per_video: dict[str, str], **changes: object) -> Dataset:
    moments = _moments(per_video)
    videos = pd.DataFrame({"video_id": list(per_video), "source_id": list(per_video)})
    videos = videos.assign(path=None, duration_s=100.0, sha256=None, status="missing")
    first = moments.groupby("label")["moment_id"].first()
    pairs = pd.DataFrame({"query_id": moments["moment_id"]})
    pairs["target_id"] = moments["label"].map(first)
    pairs.insert(0, "pair_id", [f"p{k}" for k in range(len(pairs))])
    targets = moments.drop_duplicates("video_id").assign(**{"label": "", **changes})
    return write_dataset(folder, INFO, moments, {"test": pairs}, videos, targets=targets)


VIDEOS = {f"v{k}": labels for k, labels in enumerate(["aab", "ab", "bc", "ccc", "a", "cab"])}


def test_truth_is_every_moment_of_the_class(tmp_path: Path) -> None:
    """Windows of all moments of the query's class in the target, and of no other."""
    pairs = _dataset(tmp_path, VIDEOS).pairs("test").under("open")
    for i, pair in enumerate(pairs):
        at = [k for k, each in enumerate(VIDEOS[pair.target_video_id]) if each == pair.label]
        expected = [(10.0 * k + 4, 10.0 * k + 6) for k in at]
        assert list(pair.windows) == expected
        truth = pairs.truth[i]
        assert truth[~np.isnan(truth[:, 0])].tolist() == [list(window) for window in expected]
        assert pair.target_video_id != pair.query_video_id


def test_what_is_annotated_stays(tmp_path: Path) -> None:
    """Neither fingerprint nor official pairs depend on the targets, and a draw not on others."""
    dataset = _dataset(tmp_path / "a", VIDEOS)
    official, opened = dataset.pairs("test"), dataset.pairs("test").under("open")
    assert official.truth.shape == (len(official), 1, 2)
    some = official.take(np.arange(0, len(official), 3)).under("open")
    pd.testing.assert_frame_equal(
        some.table[["pair_id", "target_id", "start_s", "end_s"]],
        opened.take(np.arange(0, len(official), 3)).table[
            ["pair_id", "target_id", "start_s", "end_s"]
        ],
    )
    again = write_dataset(
        tmp_path / "b", INFO, dataset.moments, {"test": dataset.pair_ids("test")}, dataset.videos
    )
    assert again.fingerprint == dataset.fingerprint
    with pytest.raises(DataError, match="no open targets"):
        again.pairs("test").under("open")


def test_shares() -> None:
    """Kinds come in the stated shares where a class has all of them."""
    moments = _moments({f"v{k}": ["aab", "abb", "bcc"][k % 3] for k in range(30)})
    videos = pd.DataFrame({"video_id": moments["video_id"].unique()})
    videos["source_id"] = videos["video_id"]
    whole = moments.drop_duplicates("video_id").assign(label="")
    targets = Targets.join(whole, moments, videos)
    rng = np.random.default_rng(0)
    counts = [
        len(targets.windows(targets.draw("a", "v0", rng.random(2)), "a")) for _ in range(4000)
    ]
    assert np.bincount(counts) / 4000 == pytest.approx(list(SHARES.values()), abs=0.03)


def test_refusals(tmp_path: Path) -> None:
    """A moment across the edge of a target, wrong queries, and pairs that are cut already."""
    with pytest.raises(DataError, match="crosses the edge"):
        _dataset(tmp_path / "a", VIDEOS, clip_end_s=5.0)
    moments = _moments(VIDEOS)
    moments.loc[1, "start_s"] = np.nan
    videos = pd.DataFrame({"video_id": list(VIDEOS), "source_id": list(VIDEOS)})
    whole = moments.drop_duplicates("video_id").assign(label="")
    with pytest.raises(DataError, match="A 'a' of v0 has no times"):
        Targets.join(whole, moments, videos)
    Targets.join(whole.assign(label="c"), moments, videos)  # another class is known
    pairs = _dataset(tmp_path / "b", VIDEOS).pairs("test")
    with pytest.raises(UserError, match="no wrong queries"):
        pairs.under("open").under("official, wrong queries")
    with pytest.raises(UserError, match="no wrong queries"):
        Protocol.parse("open, wrong queries")
    with pytest.raises(UserError, match="exchanged once"):
        Protocol.parse("official, wrong queries, wrong queries")
    with pytest.raises(UserError, match="already"):
        pairs.under("recropped").under("open")


def test_targets_that_differ_have_names_that_differ(tmp_path: Path) -> None:
    """However little: a name has all digits of its seconds."""
    moments = _moments(VIDEOS)
    ends = 99.12345 + 1e-5 * np.arange(len(moments))
    dataset = _dataset(tmp_path, VIDEOS, clip_end_s=ends[moments.drop_duplicates("video_id").index])
    names = dataset.pairs("test").under("open").table["target_id"].unique()
    assert {name.split("-")[-1] for name in names} <= {f"{end:.5f}".rstrip("0") for end in ends}
    assert all(len(name.split("-")[-1]) > 6 for name in names)


def test_targets_of_one_class_are_asked_for_it_alone(tmp_path: Path) -> None:
    """Where only one class is annotated, its absence is known and that of others is not."""
    pairs = _dataset(tmp_path, VIDEOS, label="a").pairs("test").under("open")
    assert set(pairs.table["label"]) == {"a"}
    for pair in pairs:
        assert len(pair.windows) == VIDEOS[pair.target_video_id].count("a")
    assert {len(pair.windows) for pair in pairs} >= {0, 1}
    with pytest.raises(DataError, match="None of the classes"):
        _dataset(tmp_path / "z", VIDEOS, label="z").pairs("test").under("open")


def test_an_archive_is_all_targets_on_one_time_line(tmp_path: Path) -> None:
    """Truth: every moment of the class in every video but the query's own place."""
    pairs = _dataset(tmp_path, VIDEOS).pairs("test").under("archive")
    targets = pairs.targets
    assert targets is not None
    assert (np.diff([*targets.starts_s, targets.length_s]) == 102).all()  # 100 s, and room
    asked = [
        (v, k, each) for v, labels in enumerate(VIDEOS.values()) for k, each in enumerate(labels)
    ]
    assert pairs.table["query_id"].tolist() == [f"v{v}_{k}" for v, k, _ in asked]
    for (v, k, label), pair in zip(asked, pairs, strict=True):
        places = [(w, j) for w, j, each in asked if each == label and (w, j) != (v, k)]
        expected = [(102.0 * w + 10 * j + 4, 102.0 * w + 10 * j + 6) for w, j in places]
        assert list(pair.windows) == expected
        assert pair.target_window == (0, targets.length_s)


def test_an_archive_needs_all_classes_annotated(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="annotated for one class only"):
        _dataset(tmp_path, VIDEOS, label="a").pairs("test").under("archive")
    pairs = _dataset(tmp_path / "all", VIDEOS).pairs("test")
    with pytest.raises(UserError, match="are archive already"):
        pairs.under("archive").under("recropped")
    with pytest.raises(DataError, match="two moments"):
        _dataset(tmp_path / "one", {"v0": "a", "v1": "b"}).pairs("test").under("archive")
