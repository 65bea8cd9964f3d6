"""A training step on random features: its CPU time, operations, and where the time goes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile, record_function
from torch.utils.flop_counter import FlopCounterMode

from vid2vidmr.contract import FeatureContract
from vid2vidmr.methods.neural import NeuralMethod
from vid2vidmr.train.batch import Batch

torch.set_num_threads(1)
DIM, M, N = 512, 75, 8
SQUARE = 4096
"""Rows and columns of the matrix product that shows what the machine can do."""
CONTRACT = FeatureContract(
    encoder="random", weights_sha256="0", dim=DIM, sampling="none", preprocessing="none",
    decoder="none", dtype="float32", simulated=True,
)  # fmt: skip


def random_batch(size: int) -> Batch:
    """Full targets and queries with one moment each: nothing is padding."""
    rng = torch.Generator().manual_seed(0)
    start_s = torch.rand(size, generator=rng) * M
    return Batch(
        target=torch.randn(size, M, DIM, generator=rng),
        target_mask=torch.ones(size, M, dtype=torch.bool),
        query=torch.randn(size, N, DIM, generator=rng),
        query_mask=torch.ones(size, N, dtype=torch.bool),
        durations_s=torch.full((size,), 2.0 * M),
        windows_s=torch.stack([start_s, start_s + 20], 1).unsqueeze(1),
        group=torch.arange(size),
    )


def lstm_flop(x: torch.Size, w: torch.Size, w_state: torch.Size, *_: Any, **__: Any) -> int:
    """Operations of the products of an LSTM layer, by the shapes of its input and weights."""
    return 2 * x[:-1].numel() * (w.numel() + w_state.numel())


LSTM_FLOP = {
    torch.ops.aten.mkldnn_rnn_layer: lstm_flop,
    torch.ops.aten.mkldnn_rnn_layer_backward: lambda *shapes, **_: 2 * lstm_flop(*shapes),
}
"""What `FlopCounterMode` does not count by itself."""


class Stepper:
    """A method's model with its optimizer; `step` does what a step of training does."""

    def __init__(
        self,
        method: NeuralMethod,
        contract: FeatureContract = CONTRACT,
        projection: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> None:
        torch.manual_seed(0)
        self.method, config = method, method.config
        method.prepare(contract, projection)
        assert method.model is not None
        self.model = method.model.train()
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(p.numel() for p in self.model.parameters())

    def step(self, batch: Batch, more: Callable[[dict[str, Tensor]], Tensor] | None = None) -> None:
        """Forward, losses (and `more`), backward, clipped update."""
        self.optimizer.zero_grad()
        outputs = self.model(batch)
        with record_function("losses"):
            loss = self.method.losses(outputs, batch)["loss"]
        if more is not None:
            loss = loss + more(outputs)
        loss.backward()
        with record_function("clip"):
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.method.config.clip_norm)
        self.optimizer.step()

    def gflop(self, batch: Batch) -> float:
        """Operations of matrix products, convolutions and LSTMs of a step, in 10^9."""
        with FlopCounterMode(display=False, custom_mapping=LSTM_FLOP) as counter:
            self.step(batch)
        return counter.get_total_flops() / 1e9


def large_product() -> Callable[[], Tensor]:
    """Give a product of two large matrices, a side for `medians`; its rate: `product_rate`."""
    square = torch.randn(SQUARE, SQUARE)
    return lambda: square @ square


def product_rate(ms: float) -> float:
    """GFLOP a second of `large_product`, from its time."""
    return 2 * SQUARE**3 / 1e6 / ms


def profiled(
    stepper: Stepper,
    batch: Batch,
    groups: Sequence[tuple[str, Sequence[str]]],
    apart: Collection[str] = (),
    steps: int = 3,
) -> Counter[str]:
    """Time of a few steps by group of operators.

    An operator is of the first group that has a text in its own name or in that of one it runs in;
    in the backward pass, of the group of the forward operator it is of. What has no group is
    ``other``, which is also where time between operators goes.

    The own time of an operator in `apart` counts by its name, wherever it runs.
    """
    with profile(activities=[ProfilerActivity.CPU]) as found:
        for _ in range(steps):
            with record_function("step"):
                stepper.step(batch)
    events = list(found.events())
    forward: dict[int, str] = {}

    def group(event: Any) -> str:
        chain = [event]
        while chain[-1].cpu_parent is not None:
            chain.append(chain[-1].cpu_parent)
        names = [e.name for e in chain]
        for title, texts in groups:
            if any(text in name for text in texts for name in names):
                return title
        return "other"

    backward = "autograd::engine::evaluate_function"
    for event in events:
        if event.sequence_nr >= 0 and backward not in event.name:
            # The outermost of the operators that share a number comes first.
            forward.setdefault(event.sequence_nr, group(event))
    times: Counter[str] = Counter()
    for event in events:
        top = event
        while top.cpu_parent is not None and backward not in top.name:
            top = top.cpu_parent
        title = group(event)
        if backward in top.name:
            title = forward.get(top.sequence_nr, title)
        times[event.name if event.name in apart else title] += event.self_cpu_time_total
    return times
