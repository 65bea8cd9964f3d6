"""From pairs to padded tensors: samples, batches, and the samples of a training epoch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from vid2vidmr.augment import augmented, noisy, recropped, self_supervised
from vid2vidmr.data.pairs import PairSet

if TYPE_CHECKING:
    from vid2vidmr.neural import TrainingConfig


@dataclass(frozen=True)
class Sample:
    """One pair as arrays: query (N, D), target (M, D), ground truth and length in seconds."""

    query: np.ndarray
    target: np.ndarray
    window_s: tuple[float, float]
    duration_s: float
    group: int


@dataclass(frozen=True)
class Batch:
    """Padded samples.

    Attributes
    ----------
    target : Tensor, (B, M, D), float32
        Features of the targets, one row a 2 s clip; zeros on padding.
    target_mask : Tensor, (B, M), bool
        True where valid.
    query, query_mask : Tensor, (B, N, D) and (B, N)
    durations_s : Tensor, (B,), float32
        Lengths of the targets.
    windows_s : Tensor, (B, 2), float32
        Ground truth, seconds from the target's start.
    group : Tensor, (B,), int64
        Pairs of one group share a class: they are no negatives of each other.
    """

    target: Tensor
    target_mask: Tensor
    query: Tensor
    query_mask: Tensor
    durations_s: Tensor
    windows_s: Tensor
    group: Tensor

    def __len__(self) -> int:
        return len(self.durations_s)

    def to(self, device: torch.device) -> Self:
        """Copy to a device; from pinned memory without waiting."""
        return self._each(lambda x: x.to(device, non_blocking=x.is_pinned()))

    def pin_memory(self) -> Self:
        """Copy to memory that a GPU reads by itself; a `DataLoader` calls it."""
        return self._each(Tensor.pin_memory)

    def _each(self, function: Callable[[Tensor], Tensor]) -> Self:
        return type(self)(**{f.name: function(getattr(self, f.name)) for f in fields(self)})


def _pad(arrays: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    lengths = torch.tensor([len(a) for a in arrays])
    padded = torch.zeros(len(arrays), int(lengths.max()), arrays[0].shape[1])
    for row, array in zip(padded.numpy(), arrays, strict=True):
        row[: len(array)] = array
    return padded, torch.arange(padded.shape[1]) < lengths[:, None]


def collate(samples: Sequence[Sample]) -> Batch:
    """Pad samples into one batch."""
    target, target_mask = _pad([sample.target for sample in samples])
    query, query_mask = _pad([sample.query for sample in samples])
    return Batch(
        target,
        target_mask,
        query,
        query_mask,
        torch.tensor([sample.duration_s for sample in samples], dtype=torch.float32),
        torch.tensor([sample.window_s for sample in samples], dtype=torch.float32),
        torch.tensor([sample.group for sample in samples]),
    )


class PairSamples:
    """Pairs as they are, a map-style data set for a `DataLoader`."""

    def __init__(self, pairs: PairSet) -> None:
        self.pairs = pairs
        self.groups = pd.factorize(pairs.table["label"], sort=True)[0]
        self.windows = pairs.table[["start_s", "end_s"]].to_numpy("float64")
        self.durations = pairs.durations_s

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, i: int) -> Sample:
        return Sample(
            self.pairs.query_features(i),
            self.pairs.target_features(i),
            (float(self.windows[i, 0]), float(self.windows[i, 1])),
            float(self.durations[i]),
            int(self.groups[i]),
        )


class TrainingSamples(PairSamples):
    """Pairs of one epoch, changed at random as the config says (see `vid2vidmr.augment`).

    A sample depends on (seed, epoch, i) only, so that a run that was killed and continued sees the
    same samples as one that was not.
    """

    def __init__(self, pairs: PairSet, config: TrainingConfig, seed: int, epoch: int) -> None:
        super().__init__(pairs)
        self.config, self.stream = config, (seed, epoch)

    def of_epoch(self, epoch: int) -> Self:
        """Give the samples of another epoch; costs nothing, however many pairs there are."""
        other = copy(self)
        other.stream = (self.stream[0], epoch)
        return other

    def __getitem__(self, i: int) -> Sample:
        rng, config = np.random.default_rng([*self.stream, i]), self.config
        sample = super().__getitem__(i)
        # What is off draws nothing: switching one thing on leaves the draws of the others alone.
        if config.self_supervised and rng.random() < config.self_supervised:
            sample = self_supervised(sample, rng, config.clip_s)
            sample = replace(sample, query=self.pairs.seen(sample.query))
        if rng.random() < config.recrop:
            sample = recropped(sample, rng)
        if config.augmented and rng.random() < config.augmented:
            sample = replace(sample, query=augmented(sample.query, rng, config))
        if config.noise:
            query, target = (noisy(x, rng, config.noise) for x in (sample.query, sample.target))
            sample = replace(sample, query=query, target=target)
        return sample
