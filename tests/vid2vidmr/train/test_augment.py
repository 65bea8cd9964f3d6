from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from toy import toy_pairs

from baselines.matr import Matr
from vid2vidmr.errors import UnknownNameError
from vid2vidmr.train.augment import TrainingSamples, augmented, draw_augmentation, resampled
from vid2vidmr.train.batch import PairSamples
from vid2vidmr.train.config import AUGMENTATIONS, parse_augmentations

PLAIN = replace(Matr.presets["small"], recrop=0.0, self_supervised=0.0)


def one_way(name: str, **changes: object) -> object:
    return replace(PLAIN, augmented=1.0, augmentations=(name,), **changes)


def query(rows: int = 12, dim: int = 16) -> np.ndarray:
    return np.random.default_rng(0).standard_normal((rows, dim)).astype(np.float32)


def test_reversal_is_the_query_backwards() -> None:
    x = query()
    np.testing.assert_array_equal(
        augmented(x, np.random.default_rng(1), one_way("reverse")), x[::-1]
    )


def test_noise_is_as_strong_as_its_range_says() -> None:
    x = query(200, 64)
    config = one_way("noise", augment_noise=(0.2, 0.4))
    strengths = []
    for seed in range(40):
        y = augmented(x, np.random.default_rng(seed), config)
        assert y.dtype == np.float32
        strengths.append(np.sqrt(np.square(y - x).mean() / np.square(x).mean()))
    assert 0.195 < min(strengths) < 0.25
    assert 0.35 < max(strengths) < 0.405


@pytest.mark.parametrize(("way", "lengths"), [("slow", (18, 24)), ("fast", (6, 8))])
def test_speed_changes_length_within_its_range(way: str, lengths: tuple[int, int]) -> None:
    x = query(12)
    found = {
        len(augmented(x, np.random.default_rng(seed), one_way(way, augment_speed=(1.5, 2.0))))
        for seed in range(60)
    }
    assert min(found) >= lengths[0]
    assert max(found) <= lengths[1]
    assert len(found) > 1


def test_each_way_is_as_likely() -> None:
    rng = np.random.default_rng(0)
    drawn = Counter(draw_augmentation(rng, PLAIN)[0] for _ in range(4000))
    assert set(drawn) == set(AUGMENTATIONS)
    assert min(drawn.values()) > 900


@given(rows=st.integers(1, 30), faster=st.floats(0.25, 4))
def test_resampling_keeps_order_and_ends(rows: int, faster: float) -> None:
    ramp = np.arange(rows, dtype=np.float32)[:, None]
    y = resampled(ramp, faster)[:, 0]
    assert len(y) == max(1, round(rows / faster))
    assert y[0] == 0
    assert (np.diff(y) >= 0).all()
    assert y.max() <= rows - 1
    if len(y) > 1:
        assert y[-1] == rows - 1


def test_a_share_of_queries_is_augmented_and_nothing_else_changes() -> None:
    pairs = toy_pairs(200)
    plain = PairSamples(pairs)
    half = TrainingSamples(pairs, replace(PLAIN, augmented=0.5), seed=0, epoch=0)
    changed = 0
    for i in range(len(pairs)):
        a, b = plain[i], half[i]
        assert (a.duration_s, a.group) == (b.duration_s, b.group)
        np.testing.assert_array_equal(a.windows_s, b.windows_s)
        np.testing.assert_array_equal(a.target, b.target)
        changed += not np.array_equal(a.query, b.query)
    assert 70 < changed < 130


def test_clips_are_as_long_as_their_range_and_the_cut_holds_them() -> None:
    pairs = toy_pairs(100, rows=90)
    config = replace(PLAIN, self_supervised=1.0, clip_s=(6.0, 20.0), recrop=1.0)
    samples = TrainingSamples(pairs, config, seed=3, epoch=1)
    lengths, targets = [], []
    for i in range(len(pairs)):
        sample = samples[i]
        first, end = (round(s / 2) for s in sample.windows_s[0])
        np.testing.assert_array_equal(sample.target[first:end], sample.query)
        lengths.append(len(sample.query))
        targets.append(len(sample.target))
    assert (min(lengths), max(lengths)) == (3, 10)
    assert min(targets) < 60, "targets are not cut"


def test_list_of_ways_is_read_and_wrong_names_are_refused() -> None:
    assert parse_augmentations("fast, reverse") == ("reverse", "fast")
    assert parse_augmentations("") == ()
    with pytest.raises(UnknownNameError, match="did you mean 'reverse'"):
        parse_augmentations("reversed")
    with pytest.raises(UnknownNameError, match="augmentation"):
        augmented(query(), np.random.default_rng(0), one_way("blur"))


def test_config_from_json_equals_the_one_that_was_written() -> None:
    listed = {k: list(v) if isinstance(v, tuple) else v for k, v in vars(PLAIN).items()}
    assert type(PLAIN)(**listed) == PLAIN
