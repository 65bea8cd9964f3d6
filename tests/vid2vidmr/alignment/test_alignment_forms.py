"""Drop-DTW, the published recursion, TCC, batched hard paths, and both devices' ways."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from golden_cases import golden_cases
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import Tensor

from vid2vidmr.alignment import (
    drop_dtw,
    drop_path,
    dtw,
    paths,
    percentile_drop,
    prob_dtw,
    soft_dtw,
    subsequence_dtw,
    subsequence_posterior,
    subsequence_segments,
    subsequence_soft_dtw,
    tcc,
)

sizes = st.tuples(st.integers(1, 7), st.integers(1, 5))
costs = sizes.flatmap(lambda s: arrays(np.float64, s, elements=st.floats(0, 2, width=32)))


def dropped(cost: Tensor, gamma: float, m: Tensor | None = None, n: Tensor | None = None) -> Tensor:
    return drop_dtw(cost, cost.new_full((len(cost), 1), 0.3), gamma, m, n)


FORMS: dict[str, Callable[..., Tensor]] = {
    "fixed": soft_dtw, "subsequence": subsequence_soft_dtw, "prob": prob_dtw, "drop": dropped,
}  # fmt: skip


@pytest.fixture
def other_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the way of other devices on the CPU."""
    monkeypatch.setattr(paths, "way", lambda cost: "torch")


def value_and_gradient(form: str, cost: Tensor, m: Tensor, n: Tensor) -> tuple[Tensor, Tensor]:
    leaf = cost.clone().requires_grad_()
    value = FORMS[form](leaf, 0.1, m, n)
    value.sum().backward()
    assert leaf.grad is not None
    return value.detach(), leaf.grad


@pytest.mark.parametrize("form", FORMS)
def test_kernels_and_anti_diagonals_agree(form: str, request: pytest.FixtureRequest) -> None:
    cost = torch.rand(5, 20, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    m, n = torch.tensor([20, 7, 1, 12, 0]), torch.tensor([6, 6, 2, 1, 3])
    compiled = value_and_gradient(form, cost, m, n)
    single = value_and_gradient(form, cost.float(), m, n)
    request.getfixturevalue("other_device")
    on_other = value_and_gradient(form, cost, m, n)
    for a, b, c in zip(compiled, on_other, single, strict=True):
        torch.testing.assert_close(a, b, atol=1e-10, rtol=1e-10)
        torch.testing.assert_close(a.float(), c, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("form", ["fixed", "subsequence"])
def test_single_precision_of_many_pairs(form: str, request: pytest.FixtureRequest) -> None:
    """More pairs than lanes, none of which may leak into another."""
    rng = np.random.default_rng(0)
    m = torch.tensor(rng.integers(0, 61, 19))
    n = torch.tensor(rng.integers(0, 21, 19))
    cost = torch.tensor(2 * rng.random((19, 60, 20)))
    padding = (torch.arange(60)[:, None] >= m[:, None, None]) | (
        torch.arange(20) >= n[:, None, None]
    )
    cost[padding] = torch.nan
    value, gradient = value_and_gradient(form, cost.float(), m, n)
    start, end = subsequence_posterior(cost.float(), 0.1, m.clamp(min=1), n.clamp(min=1))
    request.getfixturevalue("other_device")
    cost[padding] = 0
    expected = value_and_gradient(form, cost, m, n)
    torch.testing.assert_close(value.double(), expected[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(gradient.double(), expected[1], atol=1e-4, rtol=0)
    some = (m > 0) & (n > 0)
    posterior = subsequence_posterior(cost[some], 0.1, m[some], n[some])
    torch.testing.assert_close(start[some].double(), posterior[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(end[some].double(), posterior[1], atol=1e-5, rtol=0)


@pytest.mark.parametrize("form", ["fixed", "subsequence"])
def test_huge_and_missing_costs(form: str) -> None:
    cost = torch.rand(6, 5, 4, generator=torch.Generator().manual_seed(0))
    cost[1] *= 1e8
    cost[2, 1, 2] = torch.inf  # a path can avoid it
    cost[3, :, 2] = torch.inf
    cost[4, 1, 2] = torch.nan
    value, gradient = value_and_gradient(form, cost, torch.full((6,), 5), torch.full((6,), 4))
    plain = FORMS[form](cost[[0, 5]])
    torch.testing.assert_close(value[[0, 5]], plain)
    hard = dtw(cost[1].numpy())[0] if form == "fixed" else subsequence_dtw(cost[1].numpy())[0]
    assert value[1].item() == pytest.approx(hard, rel=1e-6)
    assert value[2].isfinite()
    assert gradient[2, 1, 2] == 0
    assert value[3].isposinf()
    assert value[4].isnan()
    assert gradient[[0, 1, 2, 5]].isfinite().all()


@pytest.mark.parametrize("way", ["kernels", "anti-diagonals"])
@pytest.mark.parametrize("form", ["fixed", "subsequence", "prob", "drop"])
def test_gradcheck(form: str, way: str, request: pytest.FixtureRequest) -> None:
    if way == "anti-diagonals":
        request.getfixturevalue("other_device")
    x = torch.rand(3, 5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    m, n = torch.tensor([5, 3, 1]), torch.tensor([4, 2, 3])
    assert torch.autograd.gradcheck(lambda c: FORMS[form](c, 0.3, m, n), x.requires_grad_())
    drop = torch.rand(3, 5, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda d: drop_dtw(x.detach(), d, 0.3, m, n), drop)


def golden() -> list[dict[str, np.ndarray]]:
    found = []
    for path in golden_cases("softdtw*.npz"):
        with np.load(path) as file:
            found.append(dict(file))
    return found


@pytest.mark.parametrize("values", golden())
def test_golden_published_recursion(values: dict[str, np.ndarray]) -> None:
    for i in range(int(values["n_cases"])):
        for gamma in values["gammas"]:
            name = f"c{i}_g{gamma}_official_prob"
            cost = torch.tensor(values[f"c{i}_cost"], dtype=torch.float64)[None].requires_grad_()
            value = prob_dtw(cost, float(gamma))
            value.sum().backward()
            assert value.item() == pytest.approx(float(values[f"{name}_value"]), rel=1e-4, abs=1e-5)
            assert cost.grad is not None
            scale = max(1e-3, float(np.abs(values[f"{name}_grad"]).max()))
            np.testing.assert_allclose(cost.grad[0], values[f"{name}_grad"], atol=1e-3 * scale)


def naive_drop(cost: np.ndarray, drop: float) -> float:
    """Cheapest way, by trying all: rows before the first and after the last match are dropped."""
    rows, columns = cost.shape

    def best(i: int, j: int) -> float:
        """Cell (i, j) is matched; what the rest costs, its own cost included."""
        ways = [drop * (rows - 1 - i)] if j == columns - 1 else []
        if j + 1 < columns:
            ways.append(best(i, j + 1))
        for later in range(i + 1, rows):
            skipped = drop * (later - i - 1)
            ways.append(skipped + best(later, j))
            if j + 1 < columns:
                ways.append(skipped + best(later, j + 1))
        return float(cost[i, j]) + min(ways, default=np.inf)

    return min(drop * i + best(i, 0) for i in range(rows))


@given(costs, st.floats(0, 1))
def test_drop_dtw_is_the_cheapest_way(cost: np.ndarray, drop: float) -> None:
    value, path = drop_path(cost, drop)
    assert value == pytest.approx(naive_drop(cost, drop), abs=1e-9)
    kept = len(np.unique(path[:, 0]))
    assert value == pytest.approx(cost[tuple(path.T)].sum() + drop * (len(cost) - kept), abs=1e-9)
    x = torch.tensor(cost)[None]
    soft = drop_dtw(x, torch.tensor([[drop]], dtype=x.dtype), 1e-3).item()
    assert soft <= value + 1e-9
    assert soft == pytest.approx(value, abs=5e-2)


@pytest.mark.parametrize("form", FORMS)
def test_a_pair_without_clips_has_value_and_gradient_zero(form: str) -> None:
    cost = torch.rand(3, 5, 4, generator=torch.Generator().manual_seed(0))
    value, gradient = value_and_gradient(
        form, cost, torch.tensor([5, 0, 0]), torch.tensor([4, 0, 2])
    )
    assert (value[1:] == 0).all()
    assert (gradient[1:] == 0).all()
    assert gradient[0].any()


def test_percentile_ignores_padding() -> None:
    cost = torch.rand(2, 6, 4)
    cost[1, 3:] = torch.nan
    found = percentile_drop(cost, 0.3, torch.tensor([6, 3]), torch.tensor([4, 4]))
    assert found[1].item() == pytest.approx(float(np.quantile(cost[1, :3].numpy(), 0.3)), abs=1e-6)


def test_segments_of_a_batch_are_those_of_its_pairs() -> None:
    cost = torch.rand(6, 12, 5, generator=torch.Generator().manual_seed(0))
    m, n = torch.tensor([12, 5, 1, 0, 7, 12]), torch.tensor([5, 2, 4, 3, 1, 0])
    found = subsequence_segments(cost, m, n)
    for b in range(6):
        expected = subsequence_dtw(cost[b, : m[b], : n[b]].numpy())[1:] if m[b] * n[b] else (0, 0)
        assert tuple(found[b]) == expected


def slow_tcc(query: np.ndarray, target: np.ndarray, temperature: float) -> float:
    losses = []
    for i, u in enumerate(query):
        weight = np.exp(-np.square(target - u).sum(1) / temperature)
        nearest = (weight[:, None] * target).sum(0) / weight.sum()
        back = -np.square(query - nearest).sum(1) / temperature
        losses.append(np.log(np.exp(back).sum()) - back[i])
    return float(np.mean(losses))


def test_tcc_is_its_definition_and_ignores_padding() -> None:
    rng = np.random.default_rng(0)
    query, target = (
        torch.full((3, 5, 4), torch.nan).double(),
        torch.full((3, 9, 4), torch.nan).double(),
    )
    n, m = torch.tensor([5, 2, 0]), torch.tensor([9, 4, 3])
    for b in range(3):
        query[b, : n[b]] = torch.tensor(0.3 * rng.normal(size=(int(n[b]), 4)))
        target[b, : m[b]] = torch.tensor(0.3 * rng.normal(size=(int(m[b]), 4)))
    found = tcc(query, target, n, m)
    for b in range(2):
        expected = slow_tcc(query[b, : n[b]].numpy(), target[b, : m[b]].numpy(), 0.1)
        assert found[b].item() == pytest.approx(expected)
    assert found[2] == 0
    q, t = (
        torch.rand(2, 3, 2).double().requires_grad_(),
        torch.rand(2, 4, 2).double().requires_grad_(),
    )
    assert torch.autograd.gradcheck(lambda a, b: tcc(a, b, temperature=0.5), (q, t))


def test_against_pysdtw_and_tslearn() -> None:
    from pysdtw import SoftDTW
    from tslearn.metrics import SoftDTWLossPyTorch

    cost = torch.rand(3, 12, 5, generator=torch.Generator().manual_seed(1))
    unused = torch.zeros(3, 5, 5)
    layers = [
        SoftDTW(gamma=0.1, dist_func=lambda x, y: x, use_cuda=False),
        SoftDTWLossPyTorch(gamma=0.1, dist_func=lambda x, y: x),
    ]
    leaf = cost.clone().requires_grad_()
    value = soft_dtw(leaf)
    value.sum().backward()
    for layer in layers:
        other = cost.clone().requires_grad_()
        found = layer(other, unused)
        found.sum().backward()
        torch.testing.assert_close(found, value, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(other.grad, leaf.grad, atol=1e-3, rtol=1e-3)


def test_low_precision_is_computed_in_single() -> None:
    cost = torch.rand(2, 30, 6)
    for form in FORMS.values():
        low = form(cost.bfloat16(), 0.1)
        assert low.dtype == torch.bfloat16
        torch.testing.assert_close(low, form(cost.bfloat16().float(), 0.1).bfloat16())
