"""The window that looks most like the query, frame by frame. See README.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from baselines.matching import FrameMatch
from vid2vidmr.method import MethodInfo
from vid2vidmr.pairs import STEP_S


@dataclass(frozen=True)
class VideoMatchConfig:
    """Config of `VideoMatch`.

    Attributes
    ----------
    overlap : float
        IoU above which the worse of two windows is left out.
    windows : int
        Windows a pair, at most.
    """

    overlap: float = 0.7
    windows: int = 10


class VideoMatch(FrameMatch):
    """Lay the query over the target at every place, without warping; take the best mean cosine."""

    info = MethodInfo(
        name="video-match",
        title="Sliding window of mean cosine, frame by frame",
        kind="untrained",
        source="own; the frame-matching baseline of Feng et al., Video Re-localization, ECCV 2018",
        licence="own",
        deviations="window of the query's length, features centred on the train mean",
    )
    presets: ClassVar = {"default": VideoMatchConfig()}

    def candidates(
        self, cosines: np.ndarray, query_s: float, target_s: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean cosine of the query's frames to those they lie on, for every start on the grid."""
        length = min(query_s, target_s)
        starts = np.arange(0, target_s - length + 1e-9, STEP_S)
        frames = np.arange(cosines.shape[1])
        rows = np.arange(len(starts))[:, None] + frames
        # A query longer than the target: the target's last frame stays on screen.
        scores = cosines[np.minimum(rows, len(cosines) - 1), frames].mean(axis=1)
        starts = np.clip(starts + STEP_S * _peak_offsets(scores), 0, target_s - length)
        return np.column_stack([starts, starts + length]), scores


def _peak_offsets(scores: np.ndarray) -> np.ndarray:
    """Where between the samples a peak lies, in steps: the vertex of the parabola through three."""
    offsets = np.zeros(len(scores))
    left, middle, right = scores[:-2], scores[1:-1], scores[2:]
    bend = left - 2 * middle + right
    peak = (middle >= left) & (middle >= right) & (bend < 0)
    offsets[1:-1][peak] = ((left - right)[peak] / bend[peak]) / 2
    return offsets
