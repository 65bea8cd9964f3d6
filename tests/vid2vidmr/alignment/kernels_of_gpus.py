"""Cases of the Triton kernels: in the interpreter on CPUs, else on the GPU; see test_gpu.py."""

import os

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from vid2vidmr.alignment import (
    batched_ends,
    drop_dtw,
    gpu,
    paths,
    soft_dtw,
    subsequence_ends,
    subsequence_posterior,
    subsequence_segments,
    subsequence_soft_dtw,
)

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
DEVICE = torch.device("cpu" if INTERPRETED else "cuda")
EXAMPLES = 5 if INTERPRETED else 100
LARGE = () if INTERPRETED else ((1200, 75, 8), (32, 512, 512), (8, 2048, 2048), (2, 9, 5000))
FORMS = {"fixed": soft_dtw, "free": subsequence_soft_dtw, "drop": drop_dtw}
if INTERPRETED:
    import interpreter  # noqa: F401


@pytest.fixture(autouse=True)
def kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Float32 and less goes to the kernels of GPUs, wherever it lies; float64 does not."""
    if INTERPRETED:
        monkeypatch.setattr(
            paths, "way", lambda x: "numba" if x.dtype == torch.float64 else "triton"
        )


def found(
    form: str, cost: Tensor, gamma: float, m: Tensor, n: Tensor, drop: Tensor
) -> tuple[Tensor, ...]:
    """Values, gradient by the costs, and by the drops of that form."""
    leaves = [cost.clone().requires_grad_()]
    if form == "drop":
        leaves.append(drop.to(cost).requires_grad_())
    value = FORMS[form](*leaves, gamma, m, n)
    # Another weight for each pair: gradients must not be mixed up.
    weights = torch.arange(1, len(cost) + 1, device=cost.device).to(value)
    gradients = torch.autograd.grad((value * weights).sum(), leaves)
    return value.detach(), *gradients


def check(form: str, cost: Tensor, gamma: float, m: Tensor, n: Tensor) -> None:
    """The kernels have the values and gradients of the float64 reference on a CPU."""
    drop = 0.2 + 0.3 * torch.rand(cost.shape[:2], generator=torch.Generator().manual_seed(1))
    expected = found(form, cost.double(), gamma, m, n, drop.double())
    got = found(form, cost.to(DEVICE), gamma, m.to(DEVICE), n.to(DEVICE), drop.to(DEVICE))
    for i, (ours, reference) in enumerate(zip(got, expected, strict=True)):
        scale = len(cost) if i else max(1.0, float(reference.abs().max()))
        tolerance = (1e-4 if i else 1e-5) * scale
        torch.testing.assert_close(ours.cpu().double(), reference, atol=tolerance, rtol=0)


def padded(seed: int, lengths: list[tuple[int, int]], high: float = 2.0) -> tuple[Tensor, ...]:
    """Costs with nan on padding, and lengths."""
    m, n = torch.tensor(lengths).T
    shape = (len(lengths), max(1, int(m.max())), max(1, int(n.max())))
    cost = high * torch.rand(shape, generator=torch.Generator().manual_seed(seed))
    return cost.masked_fill(~paths.valid_cells(cost, m, n), torch.nan), m, n


RAGGED = [(19, 7), (7, 5), (1, 2), (12, 1), (0, 3), (4, 0)]


@pytest.mark.parametrize(("form", "gamma"), [
    ("fixed", 1e-3), ("fixed", 10.0), ("free", 1e-3), ("free", 0.1), ("drop", 1e-3), ("drop", 10.0),
])  # fmt: skip
def test_values_and_gradients(form: str, gamma: float) -> None:
    check(form, *padded(0, RAGGED)[:1], gamma, *padded(0, RAGGED)[1:])


@pytest.mark.parametrize("form", FORMS)
def test_rows_and_columns_beyond_a_block(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Targets longer than what a program takes at once, queries of more columns than parts."""
    if INTERPRETED:
        monkeypatch.setattr(gpu, "MOST_ROWS", 16)
        monkeypatch.setattr(gpu, "PARTS", 2)
    cost, m, n = padded(1, [(35, 3), (17, 5)] if INTERPRETED else [(3000, 40), (1025, 33)])
    check(form, cost, 0.1, m, n)


lengths = st.lists(st.tuples(st.integers(0, 17), st.integers(0, 5)), min_size=1, max_size=3)


@settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
@given(
    form=st.sampled_from(list(FORMS)), lengths=lengths, gamma=st.sampled_from([1e-3, 0.1, 10.0]),
    seed=st.integers(0, 99), levels=st.sampled_from([2, 1000]),
)  # fmt: skip
def test_ragged_batches(form: str, lengths: list, gamma: float, seed: int, levels: int) -> None:
    """Few levels of cost make many paths equal."""
    cost, m, n = padded(seed, lengths)
    check(form, (cost * levels).round() / levels, gamma, m, n)


def test_posterior() -> None:
    cost, m, n = padded(2, [(9, 4), (5, 5), (1, 1)])
    expected = subsequence_posterior(cost.double(), 0.1, m, n)
    got = subsequence_posterior(cost.to(DEVICE), 0.1, m.to(DEVICE), n.to(DEVICE))
    for ours, reference in zip(got, expected, strict=True):
        torch.testing.assert_close(ours.cpu().double(), reference, atol=1e-6, rtol=0)


def test_hard_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    if INTERPRETED:
        monkeypatch.setattr(gpu, "MOST_ROWS", 16)
    cost, m, n = padded(3, [(35, 5), *RAGGED])
    cost = cost - 0.4  # below 0, paths take more than they must
    values, starts = (x.cpu() for x in batched_ends(*(x.to(DEVICE) for x in (cost, m, n))))
    for b, (rows, columns) in enumerate(zip(m.tolist(), n.tolist(), strict=True)):
        assert values[b, rows if columns else 0 :].isinf().all()
        if rows and columns:
            ends, first = subsequence_ends(cost[b, :rows, :columns].numpy())
            np.testing.assert_allclose(values[b, :rows], ends, atol=1e-5)
            np.testing.assert_array_equal(starts[b, :rows], first)
    segments = subsequence_segments(*(x.to(DEVICE) for x in (cost, m, n))).cpu()
    torch.testing.assert_close(segments, subsequence_segments(cost.double(), m, n))


def test_equal_paths_start_where_they_do_on_a_cpu() -> None:
    cost, m, n = torch.zeros(1, 6, 3), torch.tensor([6]), torch.tensor([3])
    _, starts = batched_ends(cost.to(DEVICE), m.to(DEVICE), n.to(DEVICE))
    np.testing.assert_array_equal(starts[0].cpu(), subsequence_ends(cost[0].numpy())[1])


def test_half_the_precision_outside_is_all_of_it_inside() -> None:
    cost, m, n = padded(4, [(9, 4)])
    half = cost.bfloat16()
    value, gradient = found("free", half.to(DEVICE), 0.1, m.to(DEVICE), n.to(DEVICE), m)
    assert value.dtype == gradient.dtype == torch.bfloat16
    exact = found("free", half.double(), 0.1, m, n, m)
    torch.testing.assert_close(value.cpu().double(), exact[0], atol=0, rtol=2**-8)
    torch.testing.assert_close(gradient.cpu().double(), exact[1], atol=2**-8, rtol=0)


def test_what_is_no_number_stays_in_its_pair() -> None:
    cost = torch.rand(4, 5, 3, generator=torch.Generator().manual_seed(0))
    cost[0, 2, 1] = torch.nan
    cost[1] = torch.inf
    cost[2, 2:4] = torch.inf  # can be left out by paths with a free start
    m = torch.full((4,), 5, device=DEVICE)
    value = subsequence_soft_dtw(cost.to(DEVICE), 0.1, m).cpu()
    assert value[0].isnan()
    assert value[1].isposinf()
    expected = subsequence_soft_dtw(cost[2:].double(), 0.1)
    torch.testing.assert_close(value[2:].double(), expected, atol=1e-5, rtol=0)


def test_batches_of_nothing() -> None:
    for shape in ((0, 3, 2), (2, 0, 3), (2, 3, 0)):
        cost = torch.zeros(shape, device=DEVICE, requires_grad=True)
        soft_dtw(cost).sum().backward()
        assert cost.grad is not None and cost.grad.shape == shape


@pytest.mark.parametrize("shape", LARGE)
@pytest.mark.parametrize("form", FORMS)
def test_large(form: str, shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(0)
    lengths = [tuple(rng.integers(1, [shape[1] + 1, shape[2] + 1])) for _ in range(shape[0])]
    cost, m, n = padded(5, lengths)
    check(form, cost, 0.1, m, n)
