"""From pairs to padded tensors: samples, batches, and the samples of a training epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from vid2vidmr.contract import STEP_S
from vid2vidmr.data.pairs import PairSet


@dataclass(frozen=True)
class Sample:
    """One pair as arrays: query (N, D), target (M, D); truth (n, 2), length and step in seconds."""

    query: np.ndarray
    target: np.ndarray
    windows_s: np.ndarray
    duration_s: float
    group: int
    step_s: float = STEP_S


@dataclass(frozen=True)
class Batch:
    """Padded samples.

    Attributes
    ----------
    target : Tensor, (B, M, D), float32
        Features of the targets, one row a clip; zeros on padding.
    target_mask : Tensor, (B, M), bool
        True where valid.
    query, query_mask : Tensor, (B, N, D) and (B, N)
    durations_s : Tensor, (B,), float32
        Lengths of the targets.
    windows_s : Tensor, (B, W, 2), float32
        Ground truth, seconds from the target's start; NaN where a target has fewer; W >= 1.
    group : Tensor, (B,), int64
        Pairs of one group share a class: they are no negatives of each other.
    step_s : float
        Seconds a clip.
    """

    target: Tensor
    target_mask: Tensor
    query: Tensor
    query_mask: Tensor
    durations_s: Tensor
    windows_s: Tensor
    group: Tensor
    step_s: float = STEP_S

    def __len__(self) -> int:
        return len(self.durations_s)

    def to(self, device: torch.device) -> Self:
        """Copy to a device; from pinned memory without waiting."""
        return self._each(lambda x: x.to(device, non_blocking=x.is_pinned()))

    @property
    def present(self) -> Tensor:
        """Targets that hold the moment at all, (B,), bool."""
        return ~self.windows_s[:, :, 0].isnan().all(1)

    def take(self, rows: Tensor) -> Self:
        """Select samples by a mask (B,)."""
        return self._each(lambda x: x[rows])

    def pin_memory(self) -> Self:
        """Copy to memory that a GPU reads by itself; a `DataLoader` calls it."""
        return self._each(Tensor.pin_memory)

    def _each(self, function: Callable[[Tensor], Tensor]) -> Self:
        tensors = [field.name for field in fields(self) if field.name != "step_s"]
        moved: Any = {name: function(getattr(self, name)) for name in tensors}
        return replace(self, **moved)


def _pad(arrays: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(a) for a in arrays])
    kind = torch.from_numpy(np.empty(0, arrays[0].dtype)).dtype
    padded = torch.zeros(len(arrays), int(lengths.max()), arrays[0].shape[1], dtype=kind)
    for row, array in zip(padded.numpy(), arrays, strict=True):
        row[: len(array)] = array
    return padded, torch.arange(padded.shape[1]) < lengths[:, None]


def collate(samples: Sequence[Sample]) -> Batch:
    """Pad samples into one batch."""
    target, target_mask = _pad([sample.target for sample in samples])
    query, query_mask = _pad([sample.query for sample in samples])
    most = max(1, *(len(sample.windows_s) for sample in samples))
    windows_s = torch.full((len(samples), most, 2), torch.nan)
    for row, sample in zip(windows_s.numpy(), samples, strict=True):
        row[: len(sample.windows_s)] = sample.windows_s
    return Batch(
        target,
        target_mask,
        query,
        query_mask,
        torch.tensor([sample.duration_s for sample in samples], dtype=torch.float32),
        windows_s,
        torch.tensor([sample.group for sample in samples]),
        samples[0].step_s,
    )


class PairSamples:
    """Pairs as they are, a map-style data set for a `DataLoader`."""

    def __init__(self, pairs: PairSet) -> None:
        self.pairs = pairs
        self.groups = pd.factorize(pairs.table["label"], sort=True)[0]
        self.windows = pairs.truth
        self.durations = pairs.durations_s

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, i: int) -> Sample:
        return Sample(
            self.pairs.query_features(i),
            self.pairs.target_features(i),
            self.windows[i][~np.isnan(self.windows[i, :, 0])],
            float(self.durations[i]),
            int(self.groups[i]),
            self.pairs.step_s,
        )
