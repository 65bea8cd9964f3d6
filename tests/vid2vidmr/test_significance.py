"""Intervals that cover, tests that do not cry wolf, ranks that follow from them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy import toy_pairs

from vid2vidmr.errors import DataError
from vid2vidmr.evaluation import (
    detectable_difference,
    evaluate,
    holm,
    paired_difference,
    paired_test,
    rank_bands,
)
from vid2vidmr.evaluation.bootstrap import intervals
from vid2vidmr.evaluation.clusters import cluster_variance
from vid2vidmr.records import Prediction

REPEATS = 4000


def crossed(queries, targets):
    query, target = np.meshgrid(np.arange(queries), np.arange(targets))
    return query.ravel(), target.ravel()


def uneven(pairs=500, seed=1):
    """Few videos have most pairs, as in the real data sets."""
    rng = np.random.default_rng(seed)
    popularity = rng.dirichlet(np.full(40, 1.0))
    query, target = rng.choice(40, pairs, p=popularity), rng.integers(0, 40, pairs)
    return np.unique(query, return_inverse=True)[1], np.unique(target, return_inverse=True)[1]


def simulated(layout, shares, seed, skewed=False):
    rng = np.random.default_rng(seed)
    query, target = layout
    values = (
        rng.normal(0, shares[0] ** 0.5, (query.max() + 1, REPEATS))[query]
        + rng.normal(0, shares[1] ** 0.5, (target.max() + 1, REPEATS))[target]
        + rng.normal(0, (1 - sum(shares)) ** 0.5, (len(query), REPEATS))
    )
    return (values > 0).astype(float) - 0.5 if skewed else values


LAYOUTS = {"crossed": crossed(25, 25), "uneven": uneven()}


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("shares", [(0.1, 0.1), (0.3, 0.1), (0.1, 0.3), (0.3, 0.3)])
@pytest.mark.parametrize("skewed", [False, True])
def test_intervals_cover_and_tests_do_not_reject_too_often(name, shares, skewed):
    layout = LAYOUTS[name]
    values = simulated(layout, shares, 7, skewed)
    mean = values.mean(axis=0)
    naive = 1.96 * values.std(axis=0, ddof=1) / len(values) ** 0.5
    naive_covers = np.mean(np.abs(mean) <= naive)
    names = [str(k) for k in range(REPEATS)]
    found = intervals(names, values, *layout, 300, 0, (-1e9, 1e9))
    ours = np.mean([found[n].low <= 0 <= found[n].high for n in names])
    assert naive_covers < 0.90
    assert 0.93 <= ours <= 0.97
    from scipy.stats import t

    variance = cluster_variance(values, *layout)
    rejects = np.mean(np.abs(mean) > t.ppf(0.975, variance.degrees) * np.sqrt(variance.cautious))
    assert rejects <= 0.05


def test_without_shared_videos_the_interval_is_that_of_pairs_alone():
    rng = np.random.default_rng(0)
    values = rng.normal(50, 10, (400, 5))
    own = np.arange(400)
    found = intervals(list("abcde"), values, own, own, 1000, 0)
    for k, interval in enumerate(found.values()):
        expected = 1.96 * values[:, k].std(ddof=1) / 20
        assert interval.high - interval.low == pytest.approx(2 * expected, rel=0.1)


def test_the_jackknife_of_means_of_clusters_is_the_textbook_variance():
    rng = np.random.default_rng(0)
    values = rng.normal(size=(30, 1)).repeat(4, axis=0)  # four equal pairs a query video
    query, target = np.arange(30).repeat(4), np.arange(120)
    variance = cluster_variance(values, query, target)
    assert variance.query[0] == pytest.approx(values[::4].var(ddof=1) / 30)
    assert variance.total[0] == pytest.approx(variance.query[0])
    assert variance.degrees == pytest.approx(29)


def test_one_cluster_says_nothing_of_others():
    values = np.arange(6.0)[:, None]
    variance = cluster_variance(values, np.zeros(6, int), np.arange(6))
    assert variance.query[0] == 0
    assert variance.degrees == 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_holm_is_between_the_p_value_and_bonferroni(p_values):
    corrected = holm(p_values)
    for p, c in zip(p_values, corrected, strict=True):
        assert p <= c <= min(1.0, p * len(p_values)) + 1e-12
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(corrected)[order]) >= 0).all()


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == []


PAIRS = toy_pairs(240, seed=3, classes=8)


def evaluation(spread_s, seed=0):
    rng = np.random.default_rng(seed)
    shift = rng.normal(0, spread_s, len(PAIRS)) if spread_s else np.zeros(len(PAIRS))
    t = PAIRS.table
    return evaluate(
        PAIRS,
        [
            Prediction(pair_id=p, windows=((s + d, e + d, 1.0),))
            for p, s, e, d in zip(t["pair_id"], t["start_s"], t["end_s"], shift, strict=True)
        ],
        resamples=0,
    )


def test_a_clear_difference_is_found_and_none_where_there_is_none():
    good, bad, other = evaluation(1.0), evaluation(9.0, 1), evaluation(9.0, 2)
    assert paired_test(good, bad) < 1e-6
    assert paired_test(good, bad) == paired_test(bad, good)
    assert paired_test(bad, other) > 0.01
    assert paired_test(good, good) == 1
    assert paired_test(evaluation(0), evaluation(0)) == 1


def test_rank_bands():
    rows = {"a": evaluation(1.0), "b": evaluation(9.0, 1), "c": evaluation(9.0, 2)}
    assert rank_bands(rows) == {"a": (1, 1), "b": (2, 3), "c": (2, 3)}
    assert rank_bands({"a": rows["a"]}) == {"a": (1, 1)}
    assert rank_bands({"a": rows["a"], "again": rows["a"]}) == {"a": (1, 2), "again": (1, 2)}


def test_what_a_split_can_show_shrinks_with_its_size():
    half = PAIRS.table.head(60)
    rows = [evaluation(9.0, 1), evaluation(9.0, 2)]
    full = detectable_difference(rows)
    few = []
    for row in rows:
        keep = pd.factorize(half["query_video"], sort=True)[0]
        few.append(
            type(row)(
                **{
                    **row.__dict__,
                    "per_pair": row.per_pair.head(60),
                    "query_clusters": keep,
                    "target_clusters": pd.factorize(half["target_video"], sort=True)[0],
                }
            )
        )
    assert 0 < full < detectable_difference(few)
    assert np.isnan(detectable_difference(rows[:1]))


def test_different_pairs_are_refused():
    other = evaluate(toy_pairs(60, seed=9, classes=4), [], resamples=0)
    with pytest.raises(DataError, match="different pairs"):
        paired_test(evaluation(1.0), other)


def test_bounds_of_metrics_and_of_differences():
    perfect, good = evaluation(0), evaluation(0.5)
    assert perfect.metrics["mIoU"].value == 100
    found = paired_difference(good, perfect)["mIoU"]
    assert -100 <= found.low <= found.value <= found.high <= 100
    assert found.high < 0
