"""From pairs to padded tensors: samples, batches, and the training set with its augmentations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from vid2vidmr.pairs import STEP_S, PairSet, recrop_windows

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
        """Copy to a device."""
        moved = {f.name: getattr(self, f.name).to(device) for f in fields(self)}
        return type(self)(**moved)


def _pad(arrays: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    padded = pad_sequence([torch.tensor(a) for a in arrays], batch_first=True)
    lengths = torch.tensor([len(a) for a in arrays])
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
        labels = pairs.table["label"].to_numpy()
        self.groups = np.unique(labels, return_inverse=True)[1]
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
    """Pairs of one epoch: re-cropped targets, self-supervised queries, noise, changed speed.

    A sample depends on (seed, epoch, i) only, so that a run that was killed and continued sees the
    same samples as one that was not.
    """

    def __init__(self, pairs: PairSet, config: TrainingConfig, seed: int, epoch: int) -> None:
        super().__init__(pairs)
        self.config, self.stream = config, (seed, epoch)

    def __getitem__(self, i: int) -> Sample:
        rng = np.random.default_rng([*self.stream, i])
        sample = super().__getitem__(i)
        if rng.random() < self.config.recrop:
            sample = recropped(sample, rng)
        if rng.random() < self.config.self_supervised:
            sample = self_supervised(sample, rng)
        if self.config.speed:
            sample = Sample(
                **{**vars(sample), "query": resampled(sample.query, rng, self.config.speed)}
            )
        if self.config.noise:
            query, target = (
                noisy(x, rng, self.config.noise) for x in (sample.query, sample.target)
            )
            sample = Sample(**{**vars(sample), "query": query, "target": target})
        return sample


def recropped(sample: Sample, rng: np.random.Generator) -> Sample:
    """Cut the target as the recropped protocol does, with a cut of its own every time."""
    (start, end), duration = sample.window_s, sample.duration_s
    cuts = recrop_windows(
        np.array([start]), np.array([end]), np.array([duration]), rng.random((1, 2))
    )
    cut_start, cut_end = float(cuts[0][0]), float(cuts[1][0])
    first = round(cut_start / STEP_S)
    rows = sample.target[first : first + max(1, int(np.ceil((cut_end - cut_start) / STEP_S)))]
    window = (start - cut_start, end - cut_start)
    return Sample(sample.query, rows, window, cut_end - cut_start, sample.group)


def self_supervised(sample: Sample, rng: np.random.Generator) -> Sample:
    """Replace query and ground truth by a random clip of the target (MATR, section on pretraining).

    The clip is as long as a labelled query may be: 2 rows up to a third of the target.
    """
    rows = len(sample.target)
    length = int(rng.integers(min(2, rows), max(min(2, rows), rows // 3) + 1))
    start = int(rng.integers(0, rows - length + 1))
    end_s = min(STEP_S * (start + length), sample.duration_s)
    # Each clip is a class of its own: negative numbers never meet those of labels.
    group = -1 - int(rng.integers(2**31))
    query = sample.target[start : start + length]
    return Sample(query, sample.target, (STEP_S * start, end_s), sample.duration_s, group)


def resampled(x: np.ndarray, rng: np.random.Generator, speed: float) -> np.ndarray:
    """Play a sequence at a random speed in [1 / (1 + speed), 1 + speed], interpolating rows."""
    factor = np.exp(rng.uniform(-1, 1) * np.log1p(speed))
    length = max(1, round(len(x) / factor))
    at = np.linspace(0, len(x) - 1, length)
    low = np.floor(at).astype(int)
    share = (at - low)[:, None].astype(x.dtype)
    mixed: np.ndarray = x[low] * (1 - share) + x[np.minimum(low + 1, len(x) - 1)] * share
    return mixed


def noisy(x: np.ndarray, rng: np.random.Generator, noise: float) -> np.ndarray:
    """Add Gaussian noise of `noise` times the root mean square of a feature's elements."""
    scale = noise * np.sqrt(np.square(x).mean())
    disturbed: np.ndarray = x + scale * rng.standard_normal(x.shape, dtype=np.float32)
    return disturbed
