import numpy as np
import pytest
import torch
from golden_cases import golden_cases
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vid2vidmr.alignment import (
    dtw,
    soft_dtw,
    subsequence_dtw,
    subsequence_ends,
    subsequence_posterior,
    subsequence_soft_dtw,
)

SOFT = {"fixed": soft_dtw, "subsequence": subsequence_soft_dtw}
sizes = st.tuples(st.integers(1, 9), st.integers(1, 7))
costs = sizes.flatmap(lambda s: arrays(np.float64, s, elements=st.floats(0, 2, width=32)))


def hard(cost: np.ndarray, form: str) -> float:
    return dtw(cost)[0] if form == "fixed" else subsequence_dtw(cost)[0]


def naive(cost: np.ndarray, free: bool) -> float:
    """Shortest path by plain enumeration of the recursion, without tricks."""
    rows, columns = cost.shape
    best = np.full((rows, columns), np.inf)
    for i in range(rows):
        for j in range(columns):
            before = [0.0] if j == 0 and (i == 0 or free) else []
            before += [
                best[a, b] for a, b in ((i - 1, j), (i, j - 1), (i - 1, j - 1)) if min(a, b) >= 0
            ]
            best[i, j] = cost[i, j] + min(before)
    return float(best[:, -1].min() if free else best[-1, -1])


def golden_matrices() -> list:
    found = []
    for path in golden_cases("softdtw*.npz"):
        with np.load(path) as file:
            values = dict(file)
        found += [(values, f"c{i}") for i in range(int(values["n_cases"]))]
    return found


@pytest.mark.parametrize(("values", "case"), golden_matrices())
def test_golden_hard_paths(values: dict, case: str) -> None:
    cost = values[f"{case}_cost"]
    value, path = dtw(cost)
    assert value == pytest.approx(values[f"{case}_hard_cost"], rel=1e-6)
    visited = np.zeros(cost.shape)
    visited[tuple(path.T)] = 1
    assert (visited == values[f"{case}_hard_path"]).all()
    value, start, end = subsequence_dtw(cost)
    assert value == pytest.approx(values[f"{case}_subseq_cost"], rel=1e-6)
    assert [start, end] == values[f"{case}_subseq_start_end_excl"].tolist()


@pytest.mark.parametrize(("values", "case"), golden_matrices())
def test_golden_soft_dtw_value_and_gradient(values: dict, case: str) -> None:
    for gamma in values["gammas"]:
        cost = torch.tensor(values[f"{case}_cost"], dtype=torch.float64)[None].requires_grad_()
        value = soft_dtw(cost, float(gamma))
        value.sum().backward()
        name = f"{case}_g{gamma}_standard"
        assert value.item() == pytest.approx(values[f"{name}_value"], rel=1e-5, abs=1e-5)
        np.testing.assert_allclose(cost.grad[0], values[f"{name}_grad"], atol=1e-5)


@given(costs)
def test_hard_values_agree_with_plain_recursion(cost: np.ndarray) -> None:
    assert dtw(cost)[0] == pytest.approx(naive(cost, free=False))
    assert subsequence_dtw(cost)[0] == pytest.approx(naive(cost, free=True))


@given(costs)
def test_subsequence_is_fixed_end_dtw_of_its_part(cost: np.ndarray) -> None:
    value, start, end = subsequence_dtw(cost)
    assert 0 <= start < end <= len(cost)
    assert value == pytest.approx(dtw(cost[start:end])[0])
    values, starts = subsequence_ends(cost)
    for last in range(len(cost)):
        assert values[last] == pytest.approx(dtw(cost[starts[last] : last + 1])[0])


@pytest.mark.parametrize("form", SOFT)
@given(cost=costs)
def test_soft_value_is_below_hard_and_meets_it_as_gamma_vanishes(
    form: str, cost: np.ndarray
) -> None:
    x = torch.tensor(cost)[None]
    exact = hard(cost, form)
    assert SOFT[form](x, 0.1).item() <= exact + 1e-9
    assert SOFT[form](x, 1e-4).item() == pytest.approx(exact, abs=1e-2)


@pytest.mark.parametrize("form", SOFT)
@given(cost=costs)
def test_gradient_is_an_expected_path(form: str, cost: np.ndarray) -> None:
    x = torch.tensor(cost)[None].requires_grad_()
    SOFT[form](x, 0.1).sum().backward()
    path = x.grad[0]
    assert (path >= 0).all()
    # Every path visits every query column at least once, and with fixed ends every target row too.
    assert (path.sum(0) >= 1 - 1e-9).all()
    if form == "fixed":
        assert (path.sum(1) >= 1 - 1e-9).all()
        assert path[0, 0].item() == pytest.approx(1)
        assert path[-1, -1].item() == pytest.approx(1)


@pytest.mark.parametrize("form", SOFT)
def test_result_does_not_depend_on_batch_or_padding(form: str) -> None:
    rng = np.random.default_rng(0)
    lengths = [(9, 4), (5, 7), (1, 1), (3, 7)]
    padded = torch.full((4, 9, 7), torch.nan, dtype=torch.float64)
    for i, (m, n) in enumerate(lengths):
        padded[i, :m, :n] = torch.tensor(rng.random((m, n)))
    padded.requires_grad_()
    m, n = torch.tensor(lengths).T
    together = SOFT[form](padded, 0.1, m, n)
    together.sum().backward()
    for i, (m, n) in enumerate(lengths):
        alone = padded.detach()[i : i + 1, :m, :n].clone().requires_grad_()
        value = SOFT[form](alone, 0.1)
        value.sum().backward()
        assert together[i].item() == pytest.approx(value.item(), abs=1e-12)
        torch.testing.assert_close(padded.grad[i, :m, :n], alone.grad[0])
        assert padded.grad[i, m:].nan_to_num(1).sum() == 0
        assert padded.grad[i, :, n:].nan_to_num(1).sum() == 0


@pytest.mark.parametrize("form", SOFT)
def test_gradcheck(form: str) -> None:
    x = torch.rand(3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    m, n = torch.tensor([5, 3, 1]), torch.tensor([4, 2, 3])
    assert torch.autograd.gradcheck(lambda c: SOFT[form](c, 0.3, m, n), x.requires_grad_())


@pytest.mark.parametrize("form", SOFT)
def test_no_nan_for_empty_identical_or_large_input(form: str) -> None:
    for x in (torch.zeros(2, 6, 4), 1e4 * torch.rand(2, 6, 4), torch.rand(2, 1, 1)):
        x = x.requires_grad_()
        m = torch.tensor([x.shape[1], 0])
        value = SOFT[form](x, 0.1, m)
        value.sum().backward()
        assert torch.isfinite(value).all()
        assert torch.isfinite(x.grad).all()
        assert value[1] == 0
        assert (x.grad[1] == 0).all()
    assert SOFT[form](torch.zeros(2, 0, 4)).tolist() == [0, 0]


def paths(rows: int, columns: int) -> list[list[tuple[int, int]]]:
    """All subsequence paths of a small matrix, by plain enumeration."""
    growing = [[(i, 0)] for i in range(rows)]
    done = []
    while growing:
        path = growing.pop()
        i, j = path[-1]
        if j == columns - 1:
            done.append(path)
        steps = ((i + 1, j), (i, j + 1), (i + 1, j + 1))
        growing += [[*path, step] for step in steps if step[0] < rows and step[1] < columns]
    return done


@pytest.mark.parametrize("way", ["kernels", "anti-diagonals"])
def test_posterior_is_that_of_all_paths(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if way == "anti-diagonals":
        monkeypatch.setattr("vid2vidmr.alignment.paths.way", lambda cost: "torch")
    rng = np.random.default_rng(0)
    lengths = [(4, 3), (3, 2), (1, 3), (4, 1)]
    cost = torch.full((4, 4, 3), torch.nan, dtype=torch.float64)
    for i, (m, n) in enumerate(lengths):
        cost[i, :m, :n] = torch.tensor(rng.random((m, n)))
    start, end = subsequence_posterior(cost, 0.2, *torch.tensor(lengths).T)
    for i, (m, n) in enumerate(lengths):
        expected = np.zeros((2, 4))
        for path in paths(m, n):
            weight = np.exp(-sum(cost[i, a, b].item() for a, b in path) / 0.2)
            expected[0, path[0][0]] += weight
            expected[1, path[-1][0]] += weight
        expected /= expected.sum(1, keepdims=True)
        np.testing.assert_allclose(start[i], expected[0], atol=1e-12)
        np.testing.assert_allclose(end[i], expected[1], atol=1e-12)


def test_wrong_shape_is_an_error() -> None:
    with pytest.raises(ValueError, match="expected costs"):
        soft_dtw(torch.zeros(3, 4))
    with pytest.raises(ValueError, match="gamma must be positive"):
        soft_dtw(torch.zeros(1, 3, 4), gamma=0)
    with pytest.raises(ValueError, match="M, N >= 1"):
        dtw(np.zeros((0, 3)))
