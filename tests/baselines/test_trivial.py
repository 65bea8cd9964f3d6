from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from baselines.trivial import CentreWindow, FittedPrior, RandomWindow, WholeVideo
from vid2vidmr.data.pairs import PairSet, pair_table
from vid2vidmr.data.protocols import WRONG_QUERIES
from vid2vidmr.data.targets import Targets
from vid2vidmr.errors import UserError
from vid2vidmr.evaluation import evaluate
from vid2vidmr.methods.load import method_class
from vid2vidmr.windows import temporal_iou

METHODS = [RandomWindow, WholeVideo, CentreWindow, FittedPrior]


def pair_set(n=200, split="train", place=None, length=None, seed=0):
    """Pairs whose moments lie at `place` of the target (else anywhere), `length` of it long."""
    rng = np.random.default_rng(seed)
    duration = rng.uniform(60, 150, n)
    share = np.full(n, length) if length else rng.uniform(0.05, 0.4, n)
    start = np.full(n, place) if place is not None else rng.random(n) * (1 - share)
    table = pair_table(
        [f"{split}-{i}" for i in range(n)], [f"q{i % 17}" for i in range(n)],
        [f"t{i % 23}" for i in range(n)],
        query_s=(0.0, 8.0), clip_s=(10.0, 10.0 + duration),
        truth_s=(start * duration, (start + share) * duration),
        label=[f"c{i % 4}" for i in range(n)],
    )  # fmt: skip
    return PairSet(table, split)


def test_a_train_split_without_open_targets_serves_the_other_protocols(tmp_path):
    none = Targets(pd.DataFrame({"source": [], "label": []}), pd.DataFrame(columns=["clip"]))
    method = CentreWindow()
    method.fit(replace(pair_set(), targets=none), pair_set(split="val"), tmp_path)
    assert list(method.predict(pair_set(split="test").under("recropped")))


@pytest.mark.parametrize("cls", METHODS)
@pytest.mark.parametrize("protocol", ["official", "recropped", "balanced"])
def test_windows_are_valid_ranked_and_survive_a_checkpoint(cls, protocol, tmp_path):
    method = cls(seed=3)
    method.fit(pair_set(), pair_set(split="val"), tmp_path)
    test = pair_set(split="test", seed=1).under(protocol)
    predictions = list(method.predict(test))
    assert [p.pair_id for p in predictions] == test.table["pair_id"].tolist()
    found = evaluate(predictions, test, resamples=0)
    assert found.coverage == 1
    assert sum(found.invalid.values()) == 0
    for prediction in predictions:
        scores = [window[2] for window in prediction.windows]
        assert scores == sorted(scores, reverse=True)
    assert list(cls.load(tmp_path).predict(test)) == predictions
    assert method_class(cls.info.name) is cls


def test_random_does_not_depend_on_the_other_pairs():
    pairs = pair_set()
    some = pairs.take(np.array([7, 3, 50]))
    by_id = {p.pair_id: p for p in RandomWindow(seed=1).predict(pairs)}
    assert [by_id[i] for i in some.table["pair_id"]] == list(RandomWindow(seed=1).predict(some))
    assert list(RandomWindow(seed=2).predict(some)) != list(RandomWindow(seed=1).predict(some))


def test_random_windows_are_uniform_in_the_target():
    pairs = pair_set(4000)
    windows = np.array([p.windows for p in RandomWindow().predict(pairs)])[:, :, :2]
    relative = windows / pairs.durations_s[:, None, None]
    # Order statistics of two uniform draws: means 1/3 and 2/3.
    np.testing.assert_allclose(relative.mean(axis=(0, 1)), [1 / 3, 2 / 3], atol=0.01)


def test_whole_video_finds_the_share_of_the_moment():
    pairs = pair_set(length=0.25)
    found = evaluate(WholeVideo().predict(pairs), pairs, resamples=0)
    assert found.metrics["mIoU"].value == pytest.approx(25.0)


def test_prior_finds_where_the_moments_are(tmp_path):
    train, test = pair_set(place=0.4, length=0.1), pair_set(split="test", place=0.4, length=0.1)
    method = FittedPrior()
    method.fit(train, train, tmp_path)
    assert method.state()["windows"]["official"][0]["window"] == [0.4, 0.5, 0.0, 0.0]
    found = evaluate(method.predict(test), test, resamples=0)
    assert found.metrics["mIoU"].value == pytest.approx(100.0)
    # On the recropped pairs the place is gone, and the prior with it.
    recropped = test.under("recropped")
    again = evaluate(method.predict(recropped), recropped, resamples=0)
    assert again.metrics["mIoU"].value < 50


def test_centre_stays_at_the_centre_and_learns_the_length(tmp_path):
    train = pair_set(place=0.4, length=0.2)
    method = CentreWindow()
    method.fit(train, train, tmp_path)
    first = np.array([p.windows[0][:2] for p in method.predict(train)])
    np.testing.assert_allclose(first.mean(axis=1), train.durations_s / 2)
    np.testing.assert_allclose(first[:, 1] - first[:, 0], 0.2 * train.durations_s)


def test_further_windows_of_the_prior_differ(tmp_path):
    train = pair_set()
    method = FittedPrior()
    method.fit(train, train, tmp_path)
    prediction = next(iter(method.predict(train.take(np.argsort(train.durations_s)[[100]]))))
    windows = np.array(prediction.windows)[:, :2]
    assert len(windows) >= 5
    overlap = temporal_iou(windows[:, None], windows[None])
    np.fill_diagonal(overlap, 0)
    assert overlap.max() < 0.55  # fitted at 0.5 in a target of median length


def test_fit_says_what_it_was_fitted_on_and_refuses_test(tmp_path):
    val = pair_set(split="val")
    method = CentreWindow()
    method.fit(val, val, tmp_path)
    assert method.state()["fitted_on"] == "val"
    with pytest.raises(UserError, match="test"):
        method.fit(pair_set(split="test"), val, tmp_path)


def test_unfitted_prior_says_what_to_run():
    with pytest.raises(UserError, match="vid2vidmr train prior"):
        next(iter(FittedPrior().predict(pair_set())))


def test_bias_rows_lose_nothing_with_wrong_queries(tmp_path):
    test = pair_set(split="test")
    for cls in METHODS:
        method = cls()
        method.fit(pair_set(), pair_set(split="val"), tmp_path / cls.info.name)
        assert list(method.predict(test)) == list(method.predict(test.under(WRONG_QUERIES)))
