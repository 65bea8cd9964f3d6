"""Random changes of training samples: re-cropped targets, self-supervised and augmented queries.

Self-supervision is that of MATR (Kumar et al., ICCV 2025, section on pretraining): a random clip of
a video is the query, the video is the target, and a copy of the clip is augmented in one of four
ways: reversed, with Gaussian noise, slowed down, sped up.
"""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from typing import Self

import numpy as np

from vid2vidmr.data.pairs import PairSet
from vid2vidmr.data.protocols import recrop_windows
from vid2vidmr.errors import UnknownNameError
from vid2vidmr.train.batch import PairSamples, Sample
from vid2vidmr.train.config import AUGMENTATIONS, Augmentation, TrainingConfig


def recropped(sample: Sample, rng: np.random.Generator) -> Sample:
    """Cut the target as the recropped protocol does, with a cut of its own every time.

    All of several moments stay. Without one it is cut as if one as long as the query were anywhere:
    lengths do not tell.
    """
    duration = sample.duration_s
    if len(sample.windows_s):
        start, end = sample.windows_s[:, 0].min(), sample.windows_s[:, 1].max()
    else:
        length = min(sample.step_s * len(sample.query), duration)
        start = rng.random() * (duration - length)
        end = start + length
    cuts = recrop_windows(
        np.array([start]), np.array([end]), np.array([duration]), rng.random((1, 2))
    )
    cut_start, cut_end = float(cuts[0][0]), float(cuts[1][0])
    first = round(cut_start / sample.step_s)
    count = max(1, int(np.ceil((cut_end - cut_start) / sample.step_s)))
    rows = sample.target[first : first + count]
    windows_s = sample.windows_s - cut_start
    return replace(sample, target=rows, windows_s=windows_s, duration_s=cut_end - cut_start)


def self_supervised(
    sample: Sample, rng: np.random.Generator, clip_s: tuple[float, float]
) -> Sample:
    """Replace query and ground truth by a random clip of the target.

    The clip's length is uniform over the rows of `clip_s` (shortest, longest), cut off at a third
    of the target.
    """
    rows, step_s = len(sample.target), sample.step_s
    shortest, longest = (max(1, round(s / step_s)) for s in clip_s)
    shortest = min(shortest, rows)
    length = int(rng.integers(shortest, max(shortest, min(longest, rows // 3)) + 1))
    start = int(rng.integers(0, rows - length + 1))
    return replace(
        sample,
        query=sample.target[start : start + length],
        windows_s=np.array([[step_s * start, min(step_s * (start + length), sample.duration_s)]]),
        # Each clip is a class of its own: negative numbers never meet those of labels.
        group=-1 - int(rng.integers(2**31)),
    )


def draw_augmentation(
    rng: np.random.Generator, config: TrainingConfig
) -> tuple[Augmentation, float]:
    """Draw one augmentation and its strength.

    Returns
    -------
    kind : str
        One of ``config.augmentations``, each as likely.
    strength : float
        Of ``noise``: relative to the root mean square, uniform in ``config.augment_noise``. Of
        ``slow`` and ``fast``: how many times faster, log-uniform in ``config.augment_speed`` or its
        reciprocal. Of ``reverse``: 0.

    Raises
    ------
    UnknownNameError
        If ``config.augmentations`` names anything else.
    """
    kind = config.augmentations[rng.integers(len(config.augmentations))]
    if kind == "reverse":
        return kind, 0.0
    if kind == "noise":
        return kind, float(rng.uniform(*config.augment_noise))
    if kind in ("slow", "fast"):
        faster = float(np.exp(rng.uniform(*np.log(config.augment_speed))))
        return kind, 1 / faster if kind == "slow" else faster
    raise UnknownNameError("augmentation", kind, AUGMENTATIONS)


def augmented(query: np.ndarray, rng: np.random.Generator, config: TrainingConfig) -> np.ndarray:
    """Change a query (N, D) in exactly one of the ways of ``config.augmentations``."""
    kind, strength = draw_augmentation(rng, config)
    if kind == "reverse":
        return np.ascontiguousarray(query[::-1])
    if kind == "noise":
        return noisy(query, rng, strength)
    return resampled(query, strength)


def resampled(x: np.ndarray, faster: float) -> np.ndarray:
    """Play a sequence (n, D) so many times faster, interpolating rows; at least one row is left."""
    length = max(1, round(len(x) / faster))
    at = np.linspace(0, len(x) - 1, length)
    low = np.floor(at).astype(int)
    share = (at - low)[:, None].astype(x.dtype)
    mixed: np.ndarray = x[low] * (1 - share) + x[np.minimum(low + 1, len(x) - 1)] * share
    return mixed


def noisy(x: np.ndarray, rng: np.random.Generator, noise: float) -> np.ndarray:
    """Add Gaussian noise of `noise` times the root mean square of the elements."""
    scale = np.float32(noise * np.sqrt(np.square(x).mean()))
    disturbed: np.ndarray = x + scale * rng.standard_normal(x.shape, dtype=np.float32)
    return disturbed


class TrainingSamples(PairSamples):
    """Pairs of one epoch, changed at random as the config says (see the functions above).

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
