"""Random changes of training samples: re-cropped targets, self-supervised and augmented queries.

Self-supervision is that of MATR (Kumar et al., ICCV 2025, section on pretraining): a random clip of
a video is the query, the video is the target, and a copy of the clip is augmented in one of four
ways: reversed, with Gaussian noise, slowed down, sped up.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from vid2vidmr.contract import STEP_S
from vid2vidmr.data.protocols import recrop_windows
from vid2vidmr.errors import UnknownNameError

if TYPE_CHECKING:
    from vid2vidmr.batch import Sample
    from vid2vidmr.neural import TrainingConfig

Augmentation = Literal["reverse", "noise", "slow", "fast"]
AUGMENTATIONS: tuple[Augmentation, ...] = ("reverse", "noise", "slow", "fast")


def parse_augmentations(names: str) -> tuple[Augmentation, ...]:
    """Read a comma-separated list of `AUGMENTATIONS`; an empty one is none.

    Raises
    ------
    UnknownNameError
        If a name is none of them.
    """
    given = [name.strip() for name in names.split(",") if name.strip()]
    for name in given:
        if name not in AUGMENTATIONS:
            raise UnknownNameError("augmentation", name, AUGMENTATIONS)
    return tuple(name for name in AUGMENTATIONS if name in given)


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
    return replace(sample, target=rows, window_s=window, duration_s=cut_end - cut_start)


def self_supervised(
    sample: Sample, rng: np.random.Generator, clip_s: tuple[float, float]
) -> Sample:
    """Replace query and ground truth by a random clip of the target.

    The clip's length is uniform over the rows of `clip_s` (shortest, longest), cut off at a third
    of the target.
    """
    rows = len(sample.target)
    shortest, longest = (max(1, round(s / STEP_S)) for s in clip_s)
    shortest = min(shortest, rows)
    length = int(rng.integers(shortest, max(shortest, min(longest, rows // 3)) + 1))
    start = int(rng.integers(0, rows - length + 1))
    return replace(
        sample,
        query=sample.target[start : start + length],
        window_s=(STEP_S * start, min(STEP_S * (start + length), sample.duration_s)),
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
