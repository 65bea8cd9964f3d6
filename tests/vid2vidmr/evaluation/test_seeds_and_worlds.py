"""Seeds and worlds as sources of error: what they add to intervals and tests."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_rows import CLUSTERED, LAYOUTS, coverage, evaluation, rows
from toy import toy_pairs

from vid2vidmr.data.protocols import Protocol
from vid2vidmr.errors import DataError
from vid2vidmr.evaluation import (
    combine_seeds,
    detectable_difference,
    evaluate,
    mean_evaluation,
    paired_test,
    pool_worlds,
    query_sensitivity,
    rank_bands,
)
from vid2vidmr.records import Prediction

PAIRS = toy_pairs(6)


def seeds_of(gain, spread, noise, own=0.0):
    """One method whose seeds are that far apart, on the same pairs."""
    layout, rng = LAYOUTS[CLUSTERED], np.random.default_rng(0)
    common = coverage.draw(rng, layout, coverage.Shares(0.2, 0.2), 1)[:, 0]
    return mean_evaluation(
        [
            evaluation(50 + gain + spread * shift + 10 * common + own * k)
            for k, shift in enumerate(noise)
        ]
    )


@settings(max_examples=20)
@given(
    st.integers(2, 5),
    st.floats(0.1, 20),
    st.floats(0.01, 1),
    st.integers(0, 1000),
)
def test_rows_whose_seeds_differ_more_than_their_means_are_not_told_apart(n, sd, share, seed):
    noise = np.random.default_rng(seed).normal(size=(2, n))
    noise = (noise - noise.mean(axis=1, keepdims=True)) / noise.std(axis=1, ddof=1, keepdims=True)
    table = {"a": seeds_of(share * sd, sd, noise[0]), "b": seeds_of(0, sd, noise[1])}
    assert rank_bands(table) == {"a": (1, 2), "b": (1, 2)}
    assert detectable_difference(table) > sd * (2 / n) ** 0.5
    # The same means of seeds that agree are apart: pair by pair nothing else varies.
    alike = {"a": seeds_of(share * sd, 0, noise[0]), "b": seeds_of(0, 0, noise[1])}
    assert rank_bands(alike)["a"] == (1, 1)


def test_equal_methods_of_few_seeds_are_called_different_at_most_at_the_level():
    rng, layout = np.random.default_rng(0), LAYOUTS[CLUSTERED]
    common = 10 * coverage.draw(rng, layout, coverage.Shares(0.2, 0.2), 1)[:, 0]
    for seeds, spread in [(2, 2.0), (3, 0.5), (5, 4.0)]:
        apart = 0
        for _ in range(100):
            both = []
            for _ in range(2):
                own = coverage.draw(rng, layout, coverage.Shares(0.2, 0.2), seeds).T
                runs = 50 + common + 5 * own + spread * rng.normal(size=(seeds, 1))
                both.append(mean_evaluation([evaluation(run) for run in runs]))
            apart += paired_test(*both).p <= 0.05
        assert apart <= 10  # 5 are meant, fewer where seeds count twice


def test_rows_of_one_seed_are_tested_over_videos_alone():
    methods = rows([0, 4])
    assert paired_test(*methods.values()) == paired_test(*map(one_seed, methods.values()))


def one_seed(run):
    return mean_evaluation([run])


def test_a_mean_over_seeds_says_nothing_of_the_first_alone():
    """Open pairs of two seeds, one of them in another order."""
    pairs = replace(PAIRS, protocol=Protocol("open"))
    answers = [
        [
            Prediction(pair_id=pair.pair_id, windows=((*pair.windows[0], 1.0),), exists=exists)
            for pair in pairs
        ]
        for exists in (0.9, 0.6)
    ]
    answers[1][0] = Prediction(pair_id=pairs[0].pair_id, windows=())
    seeds = [evaluate(answers[0], pairs), evaluate(answers[1], pairs.take(np.arange(5, -1, -1)))]
    mean = mean_evaluation(seeds)
    assert mean.metrics["ECE"].value == pytest.approx((10 + (5 * 40 + 100) / 6) / 2)
    assert mean.metrics["Acc"].value == pytest.approx((100 + 500 / 6) / 2)
    assert "coverage 91.7%" in repr(mean) and mean.invalid["empty"] == 1
    assert mean.exists == pytest.approx([0.45, *[0.75] * 5])
    assert mean.iou == pytest.approx([0.5, *[1.0] * 5])
    assert np.isnan(mean.windows).all()
    found = combine_seeds(seeds)["ECE"]
    assert found.mean == mean.metrics["ECE"] and found.seeds == 2
    with pytest.raises(DataError, match="no wrong queries"):
        query_sensitivity(mean, mean)


def worlds_of(gains, shift=0.0):
    """Methods in worlds, the last easier by `shift`: world to name to evaluation."""
    return [
        {
            name: evaluation(run.per_pair["mIoU"].to_numpy() + shift * (seed == 2))
            for name, run in rows(gains, seed).items()
        }
        for seed in range(3)
    ]


def pooled(worlds):
    return {name: pool_worlds([world[name] for world in worlds]) for name in worlds[0]}


def test_error_over_worlds_is_that_of_a_mean_of_independent_means():
    worlds = worlds_of([0, 2])
    apart = [paired_test(world["m1"], world["m0"]) for world in worlds]
    one = paired_test(*reversed(pooled(worlds).values()))
    assert one.difference == pytest.approx(np.mean([test.difference for test in apart]))
    assert one.error == pytest.approx(sum(test.error**2 for test in apart) ** 0.5 / 3)
    assert one.degrees > max(test.degrees for test in apart)
    # How much easier a world is is no sampling error, neither of a difference nor of a mean.
    easier = pooled(worlds_of([0, 2], shift=20.0))
    assert paired_test(easier["m1"], easier["m0"]) == pytest.approx(one)
    lengths = [
        (found := combine_seeds([each])["mIoU"].mean).high - found.low
        for each in (pooled(worlds)["m0"], easier["m0"])
    ]
    assert lengths[0] == pytest.approx(lengths[1], rel=0.05)


def test_one_world_is_itself():
    run = rows([0])["m0"]
    assert pool_worlds([run]) is run


def test_worlds_count_alike_and_both_spreads_stand_apart():
    few, many = LAYOUTS["300 pairs that share nothing"], LAYOUTS[CLUSTERED]
    seeds = [
        pool_worlds(
            [
                evaluation(np.full(300, 20.0 + k), few),
                evaluation(np.full(500, 60.0 + 3 * k), many),
            ]
        )
        for k in (0, 2)
    ]
    found = combine_seeds(seeds, resamples=50)["mIoU"]
    assert found.mean.value == pytest.approx((21 + 63) / 2)
    assert found.world_sd == pytest.approx(np.std([21, 63], ddof=1))
    assert found.seed_sd == pytest.approx(np.mean([2.0, 18.0]) ** 0.5)
    assert found.spread == "3.2 / 29.7"


def test_a_world_of_two_videos_tells_nothing():
    lone = SimpleNamespace(query=np.zeros(40, int), target=np.ones(40, int))
    run = pool_worlds([rows([0])["m0"], evaluation(np.linspace(0, 100, 40), lone)])
    found = combine_seeds([run])["mIoU"].mean
    assert (found.low, found.high) == (0, 100)


def test_intervals_over_worlds_cover_95_percent():
    layout = LAYOUTS["12 x 12 videos, all pairs"]
    rng, held = np.random.default_rng(1), 0
    for _ in range(300):
        worlds = [
            evaluation(
                50 + 10 * k + 10 * coverage.draw(rng, layout, coverage.Shares(0.3, 0.2), 1)[:, 0],
                layout,
            )
            for k in range(3)
        ]
        found = combine_seeds([pool_worlds(worlds)], resamples=200)["mIoU"].mean
        held += found.low <= 60 <= found.high
    assert 273 <= held <= 297  # 285 are meant
