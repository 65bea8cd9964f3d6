import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from published_evaluators import OURS, score_pair

from vid2vidmr.data.pairs import PairSet
from vid2vidmr.errors import DataError, UserError
from vid2vidmr.evaluation import (
    broken_bounds,
    combine_seeds,
    evaluate,
    paired_difference,
    query_sensitivity,
    rank_windows,
)
from vid2vidmr.evaluation.bootstrap import resampled_means
from vid2vidmr.evaluation.metrics import per_pair_metrics
from vid2vidmr.records import Prediction

# Seconds and durations on a grid, so that overlaps equal thresholds and scores tie.
seconds = st.integers(-4, 44).map(lambda k: k / 2)
scores = st.integers(0, 5).map(lambda k: k / 5)
windows = st.lists(st.tuples(seconds, seconds, scores), max_size=12)
moments = st.tuples(st.integers(0, 30), st.integers(1, 9)).map(lambda m: (m[0] / 2, sum(m) / 2))
cases = st.lists(st.tuples(moments, windows), min_size=1, max_size=8)
quick = settings(max_examples=40)


def pair_set(truths, duration=20.0, videos=3):
    n = len(truths)
    table = pd.DataFrame(
        {
            "pair_id": [f"p{i}" for i in range(n)],
            "query_video": [f"q{i % videos}" for i in range(n)],
            "target_video": [f"t{i % (videos + 1)}" for i in range(n)],
            "clip_start_s": 5.0,
            "clip_end_s": 5.0 + np.full(n, duration),
            "start_s": [float(start) for start, _ in truths],
            "end_s": [float(end) for _, end in truths],
        }
    )
    return PairSet(table, "test")


def predictions_of(found):
    return [Prediction(pair_id=f"p{i}", windows=w) for i, w in enumerate(found)]


def build(case):
    return pair_set([truth for truth, _ in case]), predictions_of([found for _, found in case])


def values(evaluation):
    return {name: interval.value for name, interval in evaluation.metrics.items()}


@quick
@given(cases, st.randoms(use_true_random=False))
def test_order_of_pairs_and_predictions_does_not_matter(case, random):
    pairs, predictions = build(case)
    expected = evaluate(predictions, pairs, resamples=20)
    random.shuffle(predictions)
    order = list(range(len(pairs)))
    random.shuffle(order)
    got = evaluate(predictions, pairs.take(np.array(order)), resamples=20)
    for name, interval in expected.metrics.items():
        other = got.metrics[name]
        assert (other.value, other.low, other.high) == pytest.approx(
            (interval.value, interval.low, interval.high), abs=1e-9
        )
    assert (got.invalid, got.coverage) == (expected.invalid, expected.coverage)


@quick
@given(cases)
def test_only_the_order_of_scores_matters(case):
    pairs, predictions = build(case)
    changed = predictions_of([[(s, e, np.exp(3 * x) - 7) for s, e, x in w] for _, w in case])
    assert values(evaluate(changed, pairs, resamples=0)) == values(
        evaluate(predictions, pairs, resamples=0)
    )


@quick
@given(cases)
def test_recall_is_monotone_and_bounds_the_mean(case):
    pairs, predictions = build(case)
    metrics = values(evaluate(predictions, pairs, resamples=0))
    for rank in (1, 5):
        assert metrics[f"R{rank}@0.3"] >= metrics[f"R{rank}@0.5"] >= metrics[f"R{rank}@0.7"]
    for threshold in (0.3, 0.5, 0.7):
        assert metrics[f"R5@{threshold}"] >= metrics[f"R1@{threshold}"]
    assert metrics["mAP@0.5"] >= metrics["mAP"] >= 0
    assert metrics["mAP@0.5"] >= metrics["R1@0.5"] - 1e-9
    assert broken_bounds(metrics, decimals=9) == []


@quick
@given(st.lists(moments, min_size=2, max_size=8))
def test_the_ground_truth_scores_100(truths):
    found = evaluate(predictions_of([[(*t, 1.0)] for t in truths]), pair_set(truths))
    assert set(values(found).values()) == {100.0}
    assert all(i.low == i.high == 100.0 for i in found.metrics.values() if i.low is not None)


@quick
@given(st.lists(windows.filter(len), min_size=1, max_size=5), st.lists(moments, min_size=1))
def test_several_ground_truths_take_the_best(found, truths):
    pairs = pair_set([truths[0]] * len(found))
    ranked = rank_windows(predictions_of(found), pairs).windows
    several = per_pair_metrics(ranked, np.array([truths] * len(found)))
    single = [per_pair_metrics(ranked, np.array([[t]] * len(found))) for t in truths]
    for name in several:
        if not name.startswith("mAP"):
            best = np.max([metrics[name] for metrics in single], axis=0)
            np.testing.assert_allclose(several[name], best)


@quick
@given(windows.filter(len), st.lists(moments, min_size=2, max_size=4))
def test_average_precision_of_several_ground_truths(found, truths):
    ranked = rank_windows(predictions_of([found]), pair_set(truths[:1])).windows
    got = per_pair_metrics(ranked, np.array([truths]))
    expected = score_pair(found, truths, 20.0, OURS, [0.5, 0.75])
    assert got["mAP@0.5"][0] == pytest.approx(100 * expected["MR-mAP", 0.5])
    assert got["mAP@0.75"][0] == pytest.approx(100 * expected["MR-mAP", 0.75])


def test_strict_differs_where_an_overlap_equals_the_threshold():
    pairs, predictions = pair_set([(0, 10)]), predictions_of([[(0, 5, 1.0)]])
    assert values(evaluate(predictions, pairs))["R1@0.5"] == 100
    assert values(evaluate(predictions, pairs))["R1@avg"] == 20
    assert values(evaluate(predictions, pairs, strict=True))["R1@0.5"] == 0
    assert values(evaluate(predictions, pairs, strict=True))["R1@avg"] == 0


def test_faults_score_nothing_are_counted_and_keep_their_rank():
    nan, inf = float("nan"), float("inf")
    good = (2.0, 8.0, 0.1)
    found = [
        [(nan, 5.0, 0.9), good],
        [(8.0, 2.0, 0.9), good],
        [(5.0, 5.0, 0.9), good],
        [(20.0, 25.0, 0.9), good],
        [(-3.0, 0.0, 0.9), good],
        [(2.0, inf, 0.9), good],
        [(2.0, 8.0, nan), good],
        [(2.0, 8.0, inf), good],
        [],
    ]
    pairs = pair_set([(2, 8)] * 10)
    result = evaluate(predictions_of(found), pairs, resamples=0)
    assert result.invalid == {
        "missing": 1,
        "empty": 1,
        "not_finite": 4,
        "reversed": 2,
        "outside": 2,
    }
    assert result.coverage == pytest.approx(8 / 10)
    # A score that is not finite ranks last; all other faults stand where they were and score 0.
    assert result.iou.tolist() == [0, 0, 0, 0, 0, 0, 1, 1, 0, 0]
    assert result.per_pair["R5@0.7"].tolist() == [100] * 8 + [0, 0]
    assert result.per_pair["mAP"].tolist() == [50] * 6 + [100, 100, 0, 0]


def test_windows_are_clamped_to_the_target():
    pairs = pair_set([(0, 4), (16, 20)])
    found = evaluate(predictions_of([[(-9, 4, 1.0)], [(16, 90, 1.0)]]), pairs, resamples=0)
    assert found.iou.tolist() == [1, 1]
    np.testing.assert_array_equal(found.windows[:, 0], [[0, 4], [16, 20]])


def test_no_predictions_at_all_score_zero():
    found = evaluate([], pair_set([(0, 4)] * 3))
    assert set(values(found).values()) == {0.0}
    assert found.invalid["missing"] == 3


@pytest.mark.parametrize(
    ("predictions", "message"),
    [
        ([Prediction(pair_id="zzz", windows=())], "'zzz'.*not among the 2 test pairs"),
        ([Prediction(pair_id="p1", windows=())] * 2, "'p1' more than once"),
    ],
)
def test_unknown_and_duplicate_pairs_are_errors(predictions, message):
    with pytest.raises(DataError, match=message):
        evaluate(predictions, pair_set([(0, 4)] * 2))


def test_no_pairs_is_an_error():
    with pytest.raises(DataError, match="no pairs"):
        evaluate([], pair_set([(0, 4)]).take(np.array([], dtype=int)))


def noisy(pairs, shift, seed=0):
    rng = np.random.default_rng(seed)
    start = pairs.table["start_s"] + rng.normal(shift, 1.0, len(pairs))
    length = pairs.table["end_s"] - pairs.table["start_s"]
    rows = np.stack([start, start + length, np.ones(len(pairs))], axis=1).tolist()
    return predictions_of([[tuple(row)] for row in rows])


def test_resampled_means_equal_resampling_pair_by_pair():
    rng = np.random.default_rng(0)
    query, target = rng.integers(6, size=(2, 40))
    query[:6] = range(6)
    data = rng.random((40, 2))
    got = resampled_means(data, query, target, resamples=7, seed=3)
    drawn = np.random.default_rng(3).integers(6, size=(7, 6))
    for r in range(7):
        times = np.bincount(drawn[r], minlength=6)
        both = np.where(query == target, times[query], times[query] * times[target])
        np.testing.assert_allclose(got[r], np.repeat(data, both, axis=0).mean(axis=0))


def test_interval_covers_the_truth_when_videos_share_their_luck():
    # Scores depend on the videos only: intervals from pairs alone would be far too narrow.
    rng = np.random.default_rng(1)
    covered, covered_by_pairs, runs = 0, 0, 100
    query, target = (axis.ravel() for axis in np.meshgrid(np.arange(30), np.arange(30)))
    for run in range(runs):
        data = (rng.normal(size=30)[query] + rng.normal(size=30)[target])[:, None]
        for clusters, pair in [((query, 30 + target), False), ((np.arange(900),) * 2, True)]:
            means = resampled_means(data, *clusters, resamples=200, seed=run)
            low, high = np.nanpercentile(means, (2.5, 97.5))
            if pair:
                covered_by_pairs += low <= 0 <= high
            else:
                covered += low <= 0 <= high
    assert covered / runs > 0.88
    assert covered_by_pairs / runs < 0.7


def test_interval_is_seeded_and_narrows_with_more_videos():
    def width(n):
        pairs = pair_set([(4, 12)] * n, videos=n // 4)
        interval = evaluate(noisy(pairs, 1.0), pairs).metrics["mIoU"]
        assert interval == evaluate(noisy(pairs, 1.0), pairs).metrics["mIoU"]
        assert interval.low < interval.value < interval.high
        return interval.high - interval.low

    assert width(1600) < 0.7 * width(200)


def test_query_sensitivity_is_the_paired_drop():
    pairs = pair_set([(4, 12)] * 300, videos=40)
    right, wrong = (evaluate(noisy(pairs, shift), pairs) for shift in (0.0, 3.0))
    drop = query_sensitivity(right, wrong)
    assert drop.value == pytest.approx(values(right)["mIoU"] - values(wrong)["mIoU"])
    assert 0 < drop.low < drop.value < drop.high
    # The same method twice loses nothing, for certain.
    none = query_sensitivity(right, right)
    assert (none.value, none.low, none.high) == (0, 0, 0)


def test_difference_matches_pairs_by_id():
    pairs = pair_set([(4, 12)] * 60, videos=9)
    predictions = noisy(pairs, 1.0)
    first = evaluate(predictions, pairs)
    second = evaluate(predictions, pairs.take(np.arange(60)[::-1]))
    assert all(interval.value == 0 for interval in paired_difference(first, second).values())
    with pytest.raises(DataError, match="different pairs"):
        paired_difference(first, evaluate([], pairs.take(np.arange(9))))


def test_seeds_keep_two_kinds_of_error_apart():
    pairs = pair_set([(4, 12)] * 300, videos=40)
    runs = [evaluate(noisy(pairs, shift), pairs) for shift in (0.0, 1.0, 2.0)]
    mious = [values(run)["mIoU"] for run in runs]
    summary = combine_seeds(runs)["mIoU"]
    assert summary.mean.value == pytest.approx(np.mean(mious))
    assert summary.seed_sd == pytest.approx(np.std(mious, ddof=1))
    assert summary.seeds == 3
    one = combine_seeds(runs[:1])["mIoU"]
    assert one.seed_sd is None
    alone = runs[0].metrics["mIoU"]
    assert (one.mean.low, one.mean.high) == pytest.approx((alone.low, alone.high), abs=1e-9)
    # Between the intervals of its seeds: no narrower for having more of them.
    widths = [run.metrics["mIoU"].high - run.metrics["mIoU"].low for run in runs]
    assert 0.5 * min(widths) < summary.mean.high - summary.mean.low < max(widths)
    with pytest.raises(DataError, match="at least one"):
        combine_seeds([])


def test_impossible_rows_are_flagged():
    assert broken_bounds({"mIoU": 7.3, "R1@0.5": 16.2}) != []
    assert "impossible" in broken_bounds({"mIoU": 7.3, "R1@avg": 16.2})[0]
    assert broken_bounds({"mIoU": 8.1, "R1@0.5": 16.2}) == []
    assert broken_bounds({"mIoU": 5.0, "R1@0.3": 16.8}) == []  # 5.04 and 16.76 round to these
    assert broken_bounds({"mIoU": 5.0, "R1@0.3": 16.8}, decimals=2) != []
    assert broken_bounds({"mIoU": 40.0}) == broken_bounds({"R1@0.5": 90.0}) == []


def test_evaluate_does_not_import_torch():
    modules = "sys, vid2vidmr.evaluation, vid2vidmr.evaluation.predictions"
    code = f"import {modules}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout.strip().lower()) is False


def test_the_wrong_order_and_other_things_are_answered_in_one_line():
    pairs = pair_set([(0, 4)] * 2)
    predictions = predictions_of([[(0, 4, 1.0)]])
    with pytest.raises(UserError, match=r"evaluate\(predictions, pairs\); the second is a list"):
        evaluate(pairs, predictions)
    with pytest.raises(UserError, match="got a NoneType: read_predictions gives a header and"):
        evaluate((None, predictions), pairs)


def test_an_evaluation_shows_itself_in_one_line_and_as_a_table():
    pairs = pair_set([(0, 4), (0, 8)])
    found = evaluate(predictions_of([[(0, 4, 1.0), (1, 4, 0.5)], []]), pairs)
    assert repr(found) == "Evaluation(2 pairs, mIoU 50.00, R1@0.5 50.00, coverage 50.0%)"
    frame = found.to_frame()
    assert frame.index.tolist() == ["p0", "p1"]
    assert frame[["start_s", "end_s", "mIoU", "R1@0.5"]].to_numpy()[0].tolist() == [0, 4, 100, 100]
    assert frame[["start_s", "end_s"]].iloc[1].isna().all() and frame["mIoU"].iloc[1] == 0
