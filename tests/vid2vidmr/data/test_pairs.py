"""Pairs: the join, single pairs, features, re-cropped targets, queries of another class."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest
from toy import CONTRACT

from vid2vidmr.data.pairs import PairSet, pair_table
from vid2vidmr.data.protocols import WRONG_QUERIES, Protocol, recrop_windows
from vid2vidmr.errors import DataError, FeatureError, UserError
from vid2vidmr.features.store import MemoryFeatures

EPS = 1e-9

MOMENTS = pd.DataFrame(
    [
        ("m0", "v0", "wave", "test", 0.0, 40.0, 10.0, 12.0),
        ("m1", "v1", "wave", "test", 40.5, 90.0, 1.5, 9.5),
        ("m2", "v2", "wave", "test", 0.0, np.nan, np.nan, np.nan),
    ],
    columns=["moment_id", "video_id", "label", "split",
             "clip_start_s", "clip_end_s", "start_s", "end_s"],
)  # fmt: skip
VIDEOS = pd.DataFrame({"video_id": ["v2", "v1", "v0"], "source_id": ["s2", "s1", "s0"]})
PAIRS = pd.DataFrame(
    [("p0", "m0", "m1"), ("p1", "m1", "m0"), ("p2", "m2", "m1")],
    columns=["pair_id", "query_id", "target_id"],
)


def join(pairs: pd.DataFrame = PAIRS, **options) -> PairSet:
    return PairSet.join(pairs, MOMENTS, VIDEOS, "test", **options)


def pair_set(rows: list[tuple[float, float, float]], labels: list[str] | None = None) -> PairSet:
    """Pairs of (start, end, duration) in targets that start at 7.5 s of their file."""
    start, end, duration = np.array(rows, dtype=float).reshape(-1, 3).T
    names = [f"{i}" for i in range(len(rows))]
    table = pair_table(
        names, names, names, query_s=(0.0, 5.0), clip_s=(7.5, 7.5 + duration), truth_s=(start, end),
        label="wave" if labels is None else labels,
    )  # fmt: skip
    return PairSet(table, "test")


def test_join():
    table = join().table
    assert table["query_video"].tolist() == ["v0", "v1", "v2"]
    assert table["target_source"].tolist() == ["s1", "s0", "s1"]
    # The query's window is in its file, the ground truth in the target.
    assert table["query_start_s"].tolist()[:2] == [10.0, 42.0]
    assert table["query_end_s"].tolist()[:2] == [12.0, 50.0]
    assert table["start_s"].tolist() == [1.5, 10.0, 1.5]
    assert join().durations_s.tolist() == [49.5, 40.0, 49.5]


def test_join_needs_ground_truth():
    pairs = pd.DataFrame({"pair_id": ["p"], "query_id": ["m0"], "target_id": ["m2"]})
    with pytest.raises(DataError, match="no ground truth window"):
        join(pairs)


def test_single_pairs():
    pair = join()[0]
    assert (pair.pair_id, pair.query_id, pair.target_id) == ("p0", "m0", "m1")
    assert pair.query_window == (10.0, 12.0)
    assert pair.target_window == (40.5, 90.0)
    assert pair.windows == ((1.5, 9.5),)
    assert pair.duration_s == 49.5
    assert (pair.label, pair.split) == ("wave", "test")
    assert join()[2].query_window is None
    assert [pair.pair_id for pair in join()] == ["p0", "p1", "p2"]
    with pytest.raises(IndexError):
        join()[3]


def test_features_of_a_pair():
    videos = {
        f"v{i}": np.full((50, CONTRACT.dim), i) + np.arange(50)[:, None] / 100 for i in (0, 2)
    }
    pairs = join(features=MemoryFeatures(CONTRACT, videos))
    np.testing.assert_allclose(pairs.query_features(0)[:, 0], [0.05], atol=1e-6)
    np.testing.assert_allclose(pairs.target_features(1)[:, 0], np.arange(20) / 100, atol=1e-6)
    # Where the query's segment is not known, the query is the whole file.
    assert pairs.query_features(2).shape == (50, CONTRACT.dim)
    with pytest.raises(FeatureError, match="pass a feature store"):
        join().query_features(0)


def test_take():
    assert join().take(np.array([2, 0])).table["pair_id"].tolist() == ["p2", "p0"]
    some = join().take(np.array([False, True, True]))
    assert some.table["pair_id"].tolist() == ["p1", "p2"]
    assert some[0].pair_id == "p1"


def test_protocols_by_name():
    pairs = pair_set([(40, 50, 200)])
    assert pairs.under("official") is pairs
    assert pairs.under("recropped", 3).protocol == Protocol("recropped", 3)
    for text in ("cropped", "official, wrong", "official, only me", "recropped,wrong queries", ""):
        with pytest.raises(UserError, match="Unknown protocol"):
            pairs.under(text)


@pytest.mark.parametrize(
    "text",
    ["official", "recropped", "balanced", "recropped, wrong queries",
     "official, only 0a1b2c3d, wrong queries", "official, wrong queries, only 0a1b2c3d"],
)  # fmt: skip
def test_texts_of_protocols(text):
    protocol = Protocol.parse(text, 4)
    assert (str(protocol), protocol.seed) == (text, 4)
    assert protocol.slug == text.replace(", ", "-").replace(" ", "-")
    assert (protocol.subset is None, protocol.is_wrong) == ("only" not in text, "wrong" in text)
    assert protocol.right == Protocol.parse(text.replace(", wrong queries", ""), 4)


def test_protocols_one_after_the_other():
    pairs = pair_set([(40, 50, 200), (10, 50, 200)], ["a", "b"]).under("recropped", 7)
    both = pairs.under(WRONG_QUERIES)
    assert both.protocol == Protocol.parse("recropped, wrong queries", 7)
    at_once = pair_set([(40, 50, 200), (10, 50, 200)], ["a", "b"]).under(both.protocol)
    pd.testing.assert_frame_equal(at_once.table, both.table)
    for again in ("recropped", "balanced"):
        with pytest.raises(UserError, match="recropped already"):
            pairs.under(again)
    with pytest.raises(DataError, match="pass that manifest with --only-available"):
        pairs.under("official, only 0a1b2c3d")


@st.composite
def moments(draw):
    """Draw (start, end, duration) of a moment in its target, seconds."""
    duration = draw(st.floats(1.0, 600.0))
    length = duration * draw(st.floats(0.001, 1.0))
    start = (duration - length) * draw(st.floats(0.0, 1.0))
    return start, min(start + length, duration), duration


@settings(max_examples=150)
@given(
    rows=st.lists(moments(), min_size=1, max_size=8),
    seed=st.integers(0, 1000),
    protocol=st.sampled_from(["recropped", "balanced"]),
)
def test_cut_targets(rows, seed, protocol):
    pairs = pair_set(rows)
    before, after = pairs.table, pairs.under(protocol, seed).table
    moment = before["end_s"] - before["start_s"]
    cut = after["clip_start_s"] - before["clip_start_s"]
    length = after["clip_end_s"] - after["clip_start_s"]
    # The moment stays where it is in the file, and lies in the cut.
    np.testing.assert_allclose(
        after["clip_start_s"] + after["start_s"], before["clip_start_s"] + before["start_s"]
    )
    np.testing.assert_allclose(after["end_s"] - after["start_s"], moment, atol=EPS)
    assert (after["start_s"] >= 0).all()
    assert (after["end_s"] <= length + EPS).all()
    # The cut lies in the target.
    assert (cut >= 0).all()
    assert (after["clip_end_s"] <= before["clip_end_s"] + EPS).all()
    # Long enough that its length says little, where the target allows.
    least = np.minimum(np.maximum(2 * moment, 30.0), pairs.durations_s)
    assert (length >= least - EPS).all()
    # On the feature grid of the target.
    np.testing.assert_allclose(cut / 2, np.round(cut / 2), atol=EPS)
    unchanged = [c for c in before if c not in {"clip_start_s", "clip_end_s", "start_s", "end_s"}]
    pd.testing.assert_frame_equal(after[unchanged], before[unchanged])


@settings(max_examples=40)
@given(rows=st.lists(moments(), min_size=2, max_size=8), data=st.data())
def test_a_cut_depends_on_no_other_pair(rows, data):
    pairs = pair_set(rows)
    chosen = data.draw(st.permutations(range(len(rows))))
    chosen = np.array(chosen[: data.draw(st.integers(1, len(rows)))])
    alone = pairs.take(chosen).under("recropped", 5).table
    together = pairs.under("recropped", 5).take(chosen).table
    pd.testing.assert_frame_equal(alone, together)


def test_cuts_differ_by_seed_and_repeat():
    pairs = pair_set([(95, 105, 200)] * 50)
    first = pairs.under("recropped", 0).table["clip_start_s"]
    assert first.tolist() == pairs.under("recropped", 0).table["clip_start_s"].tolist()
    assert (first != pairs.under("recropped", 1).table["clip_start_s"]).mean() > 0.8
    assert first.nunique() > 20  # and by pair


@pytest.mark.parametrize(
    ("start", "end", "duration", "tolerance"),
    [
        (1990.0, 2010.0, 4000.0, 0.03),
        (400.0, 420.0, 4000.0, 0.03),
        # As in SportsMoments: the 2 s grid moves a cut by up to 2 of the 22 to 92 s around.
        (46.0, 54.0, 100.0, 0.06),
    ],
)
def test_the_moment_lies_anywhere_in_the_cut_where_there_is_room(start, end, duration, tolerance):
    after = pair_set([(start, end, duration)] * 4000).under("recropped", 0)
    position = after.table["start_s"] / (after.durations_s - (end - start))
    assert kstest(position, "uniform").statistic < tolerance


@pytest.mark.parametrize("centred", [True, False])
def test_balanced_positions_are_uniform_and_no_more_is_cut_than_that_takes(centred):
    rng = np.random.default_rng(0)
    position = np.clip(rng.normal(0.5, 0.1, 2000), 0, 1) if centred else rng.random(2000)
    before = pair_set([(480 * p, 480 * p + 20, 500.0) for p in position])
    after, recropped = before.under("balanced"), before.under("recropped")
    found = after.table["start_s"] / (after.durations_s - 20)
    assert kstest(found, "uniform").statistic < 0.02
    # In their order: the first stay first.
    assert np.corrcoef(position, found)[0, 1] > 0.95
    assert after.durations_s.mean() > recropped.durations_s.mean() + (90 if centred else 200)
    if not centred:
        assert after.durations_s.mean() > 0.97 * 500


def test_length_of_the_cut_varies():
    length = pair_set([(1990.0, 2010.0, 4000.0)] * 2000).under("recropped", 0).durations_s
    assert length.min() < 200
    assert length.max() > 3000


def test_where_there_is_no_room_the_whole_target_stays():
    start, end = recrop_windows(
        np.array([3.0, 0.0]), np.array([20.0, 9.0]), np.array([25.0, 9.0]), np.full((2, 2), 0.5)
    )
    assert start.tolist() == [0.0, 0.0]
    assert end.tolist() == [25.0, 9.0]


@settings(max_examples=150)
@given(labels=st.lists(st.sampled_from("abcde"), min_size=1, max_size=30), seed=st.integers(0, 99))
def test_wrong_queries_are_of_another_class(labels, seed):
    pairs = pair_set([(10, 20, 100)] * len(labels), labels)
    if 2 * max(Counter(labels).values()) > len(labels):
        with pytest.raises(UserError, match="one class has"):
            pairs.under("official, wrong queries", seed)
        return
    wrong = pairs.under("official, wrong queries", seed).table
    label_of = dict(zip(pairs.table["query_id"], labels, strict=True))
    assert all(label_of[q] != own for q, own in zip(wrong["query_id"], labels, strict=True))
    # Every query is used once and stays whole; targets stay.
    assert sorted(wrong["query_id"]) == sorted(pairs.table["query_id"])
    assert wrong["query_video"].tolist() == wrong["query_id"].tolist()
    others = [column for column in wrong if not column.startswith("query_")]
    pd.testing.assert_frame_equal(wrong[others], pairs.table[others])


def test_wrong_queries_differ_by_seed():
    pairs = pair_set([(10, 20, 100)] * 40, list("abcd") * 10)
    first, second = (
        pairs.under("official, wrong queries", seed).table["query_id"].tolist() for seed in (0, 1)
    )
    assert first != second
    assert first == pairs.under("official, wrong queries", 0).table["query_id"].tolist()
    assert pairs.under(WRONG_QUERIES).protocol == Protocol(changes=("wrong queries",))
