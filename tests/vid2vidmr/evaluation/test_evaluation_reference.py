"""The evaluator against the slow one of `reference_evaluator`, on random and on awkward cases."""

import numpy as np
import pandas as pd
import pytest
import reference_evaluator as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from vid2vidmr.data.pairs import PairSet
from vid2vidmr.evaluation import evaluate
from vid2vidmr.records import Prediction

NAN, INF = float("nan"), float("inf")
# On a grid overlaps equal thresholds and scores tie; windows reach past either end of the target.
seconds = st.one_of(st.integers(-8, 56).map(lambda k: k / 2), st.sampled_from([NAN, INF, -INF]))
scores = st.one_of(st.integers(0, 4).map(lambda k: k / 4), st.sampled_from([NAN, INF, -INF]))
windows = st.lists(st.tuples(seconds, seconds, scores), max_size=14)
durations = st.integers(8, 48).map(lambda k: k / 2)


@st.composite
def pairs(draw):
    """Duration and ground truth of a pair, and its windows: None where it has no prediction."""
    duration = draw(durations)
    start = draw(st.integers(0, int(2 * duration) - 1)) / 2
    end = draw(st.integers(int(2 * start) + 1, int(2 * duration))) / 2
    near = st.tuples(
        st.integers(-2, 2).map(lambda k: start + k / 2),
        st.integers(-2, 2).map(lambda k: end + k / 2),
        scores,
    )
    found = draw(st.none() | windows | st.lists(near, max_size=12))
    return (start, end), duration, found


def both(cases, strict):
    """Results of the evaluator and of the reference."""
    ids = [f"p{i}" for i in range(len(cases))]
    truths, lengths, found = zip(*cases, strict=True)
    table = pd.DataFrame(
        {
            "pair_id": ids, "query_video": "q", "target_video": "t", "clip_start_s": 3.0,
            "clip_end_s": 3.0 + np.array(lengths), "start_s": [s for s, _ in truths],
            "end_s": [e for _, e in truths],
        }
    )  # fmt: skip
    given_windows = [(i, w) for i, w in zip(ids, found, strict=True) if w is not None]
    predictions = [Prediction(pair_id=i, windows=w) for i, w in reversed(given_windows)]
    ours = evaluate(predictions, PairSet(table, "test"), resamples=0, strict=strict)
    expected = list(zip(ids, truths, lengths, strict=True))
    return ours, reference.score(expected, given_windows, strict)


def assert_equal(ours, expected):
    rows, faults, coverage = expected
    assert ours.invalid == faults
    assert ours.coverage == pytest.approx(coverage)
    assert list(ours.per_pair.columns) == list(rows[0])
    wanted = np.array([list(row.values()) for row in rows])
    np.testing.assert_allclose(ours.per_pair.to_numpy(), wanted, rtol=0, atol=1e-9)
    means = [interval.value for interval in ours.metrics.values()]
    np.testing.assert_allclose(means, wanted.mean(axis=0), rtol=0, atol=1e-9)


@settings(max_examples=200)
@given(st.lists(pairs(), min_size=1, max_size=12), st.booleans())
def test_equals_the_reference(cases, strict):
    assert_equal(*both(cases, strict))


@pytest.mark.parametrize("strict", [False, True])
def test_equals_the_reference_on_thousands_of_pairs(strict):
    rng = np.random.default_rng(int(strict))
    cases = []
    for _ in range(2500):
        duration = rng.integers(8, 120) / 2
        start = rng.integers(0, int(2 * duration)) / 2
        end = rng.integers(int(2 * start) + 1, int(2 * duration) + 1) / 2
        count = rng.integers(0, 13)
        near = np.round(2 * rng.normal([start, end], 2, (count, 2))) / 2
        given_scores = rng.integers(0, 6, count) / 5
        rows = np.column_stack([near, given_scores])
        rows[rng.random(rows.shape) < 0.01] = NAN
        found = None if rng.random() < 0.05 else [tuple(row) for row in rows.tolist()]
        cases.append(((start, end), duration, found))
    ours, expected = both(cases, strict)
    assert_equal(ours, expected)
    # The cases are not empty: every fault, and every threshold met exactly, is among them.
    assert min(ours.invalid.values()) > 0
    for metric in ("R1@0.3", "R1@0.5", "R1@0.7"):
        threshold = 100 * float(metric[3:])
        met = np.isclose(ours.per_pair["mIoU"], threshold)
        assert met.any()
        assert (ours.per_pair[metric][met] == (0 if strict else 100)).all()


def test_off_the_grid_it_equals_the_reference_where_no_threshold_is_met():
    rng = np.random.default_rng(0)
    cases = []
    for _ in range(500):
        duration, (start, end) = rng.uniform(20, 90), np.sort(rng.uniform(0, 20, 2))
        near = rng.normal([start, end], 3, (10, 2))
        found = np.column_stack([near, rng.random(10)]).tolist()
        cases.append(((start, end), duration, [tuple(row) for row in found]))
    assert_equal(*both(cases, strict=False))
