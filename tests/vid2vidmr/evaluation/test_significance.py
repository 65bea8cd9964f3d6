"""Intervals that cover, tests that do not cry wolf: by simulation, with known truth."""

import tracemalloc
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from simulated_rows import CLUSTERED, LAYOUTS, coverage, evaluation, rows

from vid2vidmr.errors import DataError
from vid2vidmr.evaluation import (
    detectable_difference,
    holm,
    paired_difference,
    paired_test,
    rank_bands,
    rows_above,
    significance,
)
from vid2vidmr.evaluation.bootstrap import intervals
from vid2vidmr.evaluation.variance import Deviations


@pytest.mark.parametrize("name", list(LAYOUTS))
def test_intervals_cover_the_truth_in_95_percent(name):
    alone, *clustered = (
        coverage.study(LAYOUTS[name], coverage.Shares(*shares), 1500, 300)
        for shares in [(0, 0), (0.2, 0.2), (0.5, 0.2)]
    )
    for rates in clustered:
        assert 93 < rates["ours"] < 97
        assert 92.5 < rates["difference"] < 97
        assert rates["false positives"] < 6.5  # 5 % are meant; the simulation's own error is 0.6
        if name == "300 pairs that share nothing":
            assert 93 < rates["naive"] < 97 < 99 < rates["pigeonhole"]
        else:
            assert rates["naive"] < 90
    # Where videos do not matter the intervals may be somewhat long.
    assert 93 < alone["naive"] < 97
    assert 93 < alone["ours"] < 98
    assert np.mean([rates["false positives"] for rates in (alone, *clustered)]) < 5.5


def test_intervals_cover_where_a_hard_query_is_a_hard_target():
    rates = coverage.study(LAYOUTS[CLUSTERED], coverage.Shares(0.1, 0.1, roles=1), 1500, 300)
    assert 93 < rates["ours"] < 97
    assert 93 < rates["difference"] < 97
    assert rates["naive"] < 90 and rates["pigeonhole"] < 98
    assert rates["false positives"] < 6


def plain_variance(values, query, target):
    """Products of all two pairs that share a video, summed one by one."""
    error = values - values.mean()
    shared = [
        error[i] * error[j]
        for i in range(len(values))
        for j in range(len(values))
        if {query[i], target[i]} & {query[j], target[j]}
    ]
    return sum(shared) / len(values) ** 2


def test_variance_sums_over_pairs_that_share_a_video_in_any_role():
    # Every video in as many pairs as any other: what the jackknife adds is then one factor.
    query = np.repeat(np.arange(20), 6)
    target = (query + np.tile([0, 1, 2, -1, 5, 7], 20)) % 20
    values = np.random.default_rng(0).normal(size=120) + (query % 3) + (target % 3)
    found = Deviations.of(values[:, None], query, target)
    ends = [(query == video) | (target == video) for video in range(20)]
    for video, pairs in enumerate(ends):
        moved = values.mean() - values[~pairs].mean()
        left = 1 - pairs.mean()
        assert found.video[video, 0] == pytest.approx(moved * left**0.5)
    error, _ = found.errors()
    video = sum((values - values.mean())[pairs].sum() ** 2 for pairs in ends)
    dyads = {frozenset(dyad) for dyad in zip(query, target, strict=True)}
    twice = sum(
        (values - values.mean())[[{q, t} == dyad for q, t in zip(query, target, strict=True)]].sum()
        ** 2
        for dyad in dyads
        if len(dyad) == 2
    )
    assert video - twice == pytest.approx(120**2 * plain_variance(values, query, target))
    assert error[0] ** 2 == pytest.approx(plain_variance(values, query, target), rel=0.2)


def test_variance_is_the_published_one_where_no_video_is_query_and_target():
    layout = LAYOUTS["12 x 12 videos, all pairs"]
    values = coverage.draw(np.random.default_rng(0), layout, coverage.Shares(0.3, 0.3), 1)
    means = values.reshape(12, 12) - values.mean()
    query, target = (((means.sum(axis=axis) / 144) ** 2).sum() for axis in (1, 0))
    cell = ((means / 144) ** 2).sum()
    assert plain_variance(values[:, 0], *layout) == pytest.approx(query + target - cell)
    error, degrees = Deviations.of(values, *layout).errors()
    assert error[0] ** 2 == pytest.approx(query + target - cell, rel=0.25)
    assert 3 <= degrees[0] <= 23


def test_variance_of_unshared_pairs_is_that_of_a_mean():
    values = np.random.default_rng(0).random((300, 1))
    error, degrees = Deviations.of(values, *LAYOUTS["300 pairs that share nothing"]).errors()
    assert error[0] == pytest.approx(values.std(ddof=1) / 300**0.5)
    assert degrees[0] > 250


def test_one_query_video_tells_of_targets_only():
    values = 100 * np.random.default_rng(0).random((50, 1))
    one, own = np.zeros(50, dtype=int), 1 + np.arange(50)
    error, _ = Deviations.of(values, one, own).errors()
    assert error[0] == pytest.approx(values.std(ddof=1) / 50**0.5)
    nothing = intervals(["m"], values, one, one, 50, 0)["m"]
    assert (nothing.low, nothing.high) == (0, 100)
    nothing = intervals(["m"], values, one, one, 50, 0, signed=True)["m"]
    assert (nothing.low, nothing.high) == (-100, 100)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 4)), min_size=1),
    st.booleans(),
)
def test_intervals_hold_their_mean_and_stay_in_range(pairs, signed):
    query, target, quarter = np.array(pairs).T
    found = intervals(["m"], 25.0 * quarter[:, None], query, target, 40, 0, signed=signed)["m"]
    assert (-100 if signed else 0) <= found.low
    assert found.low <= found.value + 1e-9
    assert found.high >= found.value - 1e-9
    assert found.high <= 100


def test_difference_and_test_agree_on_the_error():
    methods = rows([0, 4])
    test = paired_test(methods["m1"], methods["m0"])
    interval = paired_difference(methods["m1"], methods["m0"])["mIoU"]
    assert test.difference == pytest.approx(interval.value)
    reach = stats.t.ppf(0.975, test.degrees) * test.error
    assert (interval.high - interval.low) / 2 == pytest.approx(reach, rel=0.1)
    assert test.p == pytest.approx(2 * stats.t.sf(test.difference / test.error, test.degrees))
    assert paired_test(methods["m0"], methods["m1"]).p == test.p


def test_equal_methods_do_not_differ():
    (only,) = rows([0]).values()
    assert paired_test(only, only).p == 1
    assert rank_bands({"a": only, "b": only}) == {"a": (1, 2), "b": (1, 2)}
    assert detectable_difference({"a": only, "b": only}) == 0


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_is_the_step_down_procedure(p):
    adjusted = holm(p)
    for level in (0.01, 0.05, 0.3):
        rejected = set()
        for step, k in enumerate(sorted(range(len(p)), key=p.__getitem__)):
            if p[k] * (len(p) - step) > level:
                break
            rejected.add(k)
        assert {k for k, value in enumerate(adjusted) if value <= level} == rejected


def test_bands_are_what_the_tests_leave_open():
    methods = rows([0, 30, 29.9, 10, 30.2])
    bands = rank_bands(methods)
    pairs = combinations(methods, 2)
    tests = {(a, b): paired_test(methods[a], methods[b]) for a, b in pairs}
    adjusted = holm([test.p for test in tests.values()])
    better = dict.fromkeys(methods, 0)
    worse = dict.fromkeys(methods, 0)
    for ((a, b), test), p in zip(tests.items(), adjusted, strict=True):
        if p <= 0.05:
            first, second = (a, b) if test.difference > 0 else (b, a)
            better[second] += 1
            worse[first] += 1
    assert bands == {m: (1 + better[m], 5 - worse[m]) for m in methods}
    assert bands["m0"] == (5, 5)
    assert bands["m3"] == (4, 4)
    assert bands["m1"][0] == 1 < bands["m1"][1]
    # Whatever the order of the rows.
    assert rank_bands(dict(reversed(methods.items()))) == bands


def test_above_one_row_are_those_that_tests_against_it_alone_find():
    table = rows([0, 3, 4, 30, -30, 0.1])
    asked = [name for name in table if name != "m0"]
    tests = [paired_test(table[name], table["m0"]) for name in asked]
    better = {
        name
        for name, test, p in zip(asked, tests, holm([t.p for t in tests]), strict=True)
        if p <= 0.05 and test.difference > 0
    }
    assert "m3" in better and "m4" not in better
    assert rows_above(table, "m0", asked) == better
    assert rows_above(table, "m0", ["m3"]) == {"m3"}
    assert rows_above(table, "m0", []) == set()


def test_rows_that_nobody_asks_about_do_not_hide_that_one_is_above():
    few, many = rows([0, 2.6]), rows([0, 2.6, *np.linspace(-20, 20, 18)])
    assert rows_above(few, "m0", ["m1"]) == rows_above(many, "m0", ["m1"])


def test_bands_do_not_depend_on_how_many_tests_are_in_memory(monkeypatch):
    table = rows(np.linspace(0, 6, 12))
    whole = rank_bands(table), detectable_difference(table)
    monkeypatch.setattr(significance, "_BLOCK", 1)
    one_by_one = rank_bands(table), detectable_difference(table)
    assert one_by_one[0] == whole[0]
    assert one_by_one[1] == pytest.approx(whole[1], rel=1e-12)


def test_all_tests_of_a_large_table_take_bounded_memory():
    layout, rng = LAYOUTS["300 pairs that share nothing"], np.random.default_rng(0)
    table = {
        f"m{k}": evaluation(rng.uniform(0, 100, len(layout.query)), layout) for k in range(200)
    }
    tracemalloc.start()
    rank_bands(table)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # 19,900 differences of 900 deviations: all at once they are arrays of 143 MB.
    assert peak < 140e6


def test_one_row_and_none_have_bands():
    assert rank_bands({}) == {}
    assert rank_bands(rows([0])) == {"m0": (1, 1)}
    with pytest.raises(DataError, match="at least two"):
        detectable_difference(rows([0]))


def test_bands_rarely_part_methods_that_are_equal():
    parted = sum(
        any(band != (1, 6) for band in rank_bands(rows([0] * 6, seed)).values())
        for seed in range(60)
    )
    assert parted <= 6  # 3 are meant


def test_a_detectable_difference_is_seen_four_times_in_five():
    size = np.median([detectable_difference(rows([0, 0], seed)) for seed in range(50)])
    seen = [paired_test(*rows([size, 0], seed).values()).p <= 0.05 for seed in range(150)]
    assert 0.7 < np.mean(seen) < 0.9


def test_methods_on_other_pairs_are_refused():
    whole = rows([0])["m0"]
    part = evaluation([1.0] * 300, LAYOUTS["300 pairs that share nothing"])
    with pytest.raises(DataError, match="different pairs"):
        rank_bands({"a": whole, "b": part})
