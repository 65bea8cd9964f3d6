"""Local alignment against all monotone paths, and the components that it is given."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vid2vidmr.alignment import Components, local_alignment, staticness
from vid2vidmr.alignment.components import cosines, laid_cosines

SIMILARITIES = st.tuples(st.integers(1, 4), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.floats(-1, 1, width=16))
)
PRICES = st.sampled_from([0.0, 0.25, 1.5])
STEPS = ((1, 1), (1, 0), (0, 1))


def paths(cell: tuple[int, int], last_row: int, columns: int) -> Iterator[list[tuple[int, int]]]:
    """All monotone paths from a cell to the last column in a row."""
    i, j = cell
    if (i, j) == (last_row, columns - 1):
        yield [cell]
    for down, right in STEPS:
        if i + down <= last_row and j + right < columns:
            for rest in paths((i + down, j + right), last_row, columns):
                yield [cell, *rest]


def gained(path: list[tuple[int, int]], gains: np.ndarray, gap: float, most: float):
    total = gains[path[0]]
    for a, b in pairwise(path):
        repeats = a[0] == b[0] or a[1] == b[1]
        total += min(gains[b] - gap, most) if repeats else gains[b]
    return total


@settings(max_examples=60)
@given(
    SIMILARITIES, st.sampled_from([-0.5, 0.0, 0.5]), PRICES, st.sampled_from([0.0, 0.25, np.inf])
)
def test_it_is_the_best_of_all_paths(similarity, threshold, gap, most) -> None:
    scores, starts = local_alignment(similarity, threshold, gap, most)
    for end in range(len(similarity)):
        by_start = {
            start: max(
                gained(path, similarity - threshold, gap, most)
                for path in paths((start, 0), end, similarity.shape[1])
            )
            for start in range(end + 1)
        }
        assert scores[end] == pytest.approx(max(by_start.values()), abs=1e-5)
        assert by_start[int(starts[end])] == pytest.approx(scores[end], abs=1e-5)


@settings(max_examples=60)
@given(SIMILARITIES, PRICES)
def test_windows_are_inside_and_a_price_never_gains(similarity, gap) -> None:
    scores, starts = local_alignment(similarity, 0.5, gap)
    dear, _ = local_alignment(similarity, 0.5, gap + 0.5)
    ends = np.arange(len(similarity))
    assert np.isfinite(scores).all()
    assert (starts >= 0).all() and (starts <= ends).all()
    assert (dear <= scores + 1e-6).all()


def test_a_query_of_one_row_waits_only_where_it_gains() -> None:
    similarity = np.array([[0.0], [0.9], [0.8], [0.1]])
    scores, starts = local_alignment(similarity, 0.5, 0.0)
    np.testing.assert_allclose(scores, [-0.5, 0.4, 0.7, 0.3], atol=1e-6)
    assert starts.tolist() == [0, 1, 1, 1]
    assert local_alignment(similarity, 0.5, 0.5)[1].tolist() == [0, 1, 2, 3]


def test_a_query_longer_than_the_target_takes_all_of_it() -> None:
    scores, starts = local_alignment(np.ones((2, 5)), 0.5, 0.0)
    assert starts.tolist() == [0, 0]
    np.testing.assert_allclose(scores, [2.5, 3.0])


def test_rows_of_zeros_lose_the_threshold() -> None:
    scores, starts = local_alignment(np.zeros((3, 2)), 0.5, 0.25)
    np.testing.assert_allclose(scores, [-1.25, -1.0, -1.0])
    assert starts.tolist() == [0, 0, 1]


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (3,)])
def test_wrong_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="expected similarities"):
        local_alignment(np.zeros(shape), 0.5, 0.0)


@pytest.mark.parametrize("rows", [12, 80])
def test_components_are_those_of_the_covariance(rows: int) -> None:
    features = np.random.default_rng(0).normal(size=(rows, 20)) * np.arange(1, 21) + 5
    found = Components.of(features, 6)
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(6), atol=1e-9)
    projected = (features - features.mean(axis=0)) @ found.axes.T
    np.testing.assert_allclose(projected.std(axis=0), found.deviations, rtol=1e-9)
    spectrum = np.linalg.eigvalsh(np.cov(features.T, bias=True))[::-1]
    np.testing.assert_allclose(found.deviations**2, spectrum[:6], rtol=1e-9)
    assert found.first(2).axes.shape == (2, 20)


def test_whitening_takes_deviations_off() -> None:
    features = np.random.default_rng(1).normal(size=(200, 4)) * [8, 4, 2, 1]
    found = Components.of(features, 4)
    shares = [(found.unit(features, power) ** 2).mean(axis=0) for power in (0.0, 0.5, 1.0)]
    assert shares[0][0] > shares[1][0] > shares[2][0]
    np.testing.assert_allclose(shares[2], 0.25, atol=0.03)


def test_rows_are_projected_once_for_several_numbers_of_components() -> None:
    features = np.random.default_rng(1).normal(size=(50, 12)).astype(np.float32)
    found = Components.of(features, 8)
    for count, unit in zip((2, 5, 20), found.units(features, (2, 5, 20)), strict=True):
        np.testing.assert_array_equal(unit, found.first(count).unit(features))


def test_features_that_never_change_point_nowhere() -> None:
    still = Components.of(np.full((5, 8), 3.0), 4)
    assert still.unit(np.full((2, 8), 3.0)).tolist() == [[], []]
    assert not cosines(still.unit(np.full((5, 8), 3.0)), still.unit(np.ones((2, 8)))).any()
    rows = np.random.default_rng(2).normal(size=(6, 8))
    found = Components.of(rows, 64)
    assert len(found.axes) == 5  # six rows lie in five directions about their mean
    assert not found.unit(found.mean[None]).any()


def test_staticness() -> None:
    rows = np.eye(3, dtype=np.float32)
    assert staticness(rows) == 0
    assert staticness(rows[[0, 0, 0]]) == staticness(rows[:1]) == 1
    assert staticness(rows[[0, 0, 1]]) == 0.5
    assert staticness(np.stack([rows[0], -rows[0]])) == 0


def test_a_copy_lies_beside_its_own_clips() -> None:
    rows = Components.of(np.random.default_rng(0).normal(size=(20, 8)), 8)
    unit = rows.unit(np.random.default_rng(0).normal(size=(20, 8)))
    laid = laid_cosines(cosines(unit, unit[7:11]))
    assert laid.shape == (17,) and laid.argmax() == 7
    assert laid[7] == pytest.approx(1) and laid[6] < 0.9
    assert laid_cosines(cosines(unit[:3], unit)).shape == (0,)
