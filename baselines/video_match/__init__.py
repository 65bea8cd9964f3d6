"""The window that looks most like the query, frame by frame. See README.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from baselines.matching import FrameMatch, FrameMatchConfig
from vid2vidmr.methods.info import MethodInfo


@dataclass(frozen=True)
class VideoMatchConfig(FrameMatchConfig):
    """Config of `VideoMatch`.

    Attributes
    ----------
    level : {"frame", "video"}
        Compare frame by frame, in order, or the means over query and window.
    """

    level: Literal["frame", "video"] = "frame"


class VideoMatch(FrameMatch):
    """Lay the query over the target at every place, without warping; take the best cosine.

    It is the mean over the frames that lie on each other, or that of the mean features.
    """

    info = MethodInfo(
        name="video-match",
        title="Sliding window of mean cosine, frame by frame or of means",
        kind="untrained",
        source="own; the frame-matching baseline of Feng et al., Video Re-localization, ECCV 2018",
        licence="own",
        deviations="window of the query's length, features centred on the train mean",
    )
    config: VideoMatchConfig
    presets: ClassVar = {
        "default": VideoMatchConfig(),
        "frame": VideoMatchConfig(),
        "video": VideoMatchConfig(level="video"),
    }
    search: ClassVar = {**FrameMatch.search, "level": ("frame", "video")}

    def cosines(self, query: np.ndarray, target: np.ndarray) -> np.ndarray:
        """Cosines of frames; at the level of videos (M, 1), of windows from each target row on."""
        if self.config.level == "frame":
            return super().cosines(query, target)
        # The target's last frame stays on screen, as where frames are compared.
        padded = np.pad(target, ((0, len(query) - 1), (0, 0)), mode="edge")
        windows = np.lib.stride_tricks.sliding_window_view(padded, len(query), axis=0).mean(axis=-1)
        return super().cosines(query.mean(axis=0, keepdims=True), windows)

    def candidates(
        self, cosines: np.ndarray, length: float, total: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean cosine of the query's columns to the rows they lie on, for every start."""
        length = min(length, total)
        starts = np.arange(0.0, total - length + 5e-10)
        frames = np.arange(cosines.shape[1])
        rows = np.arange(len(starts))[:, None] + frames
        # A query longer than the target: the target's last frame stays on screen.
        scores = cosines[np.minimum(rows, len(cosines) - 1), frames].mean(axis=1)
        starts = np.clip(starts + _peak_offsets(scores), 0, total - length)
        return np.column_stack([starts, starts + length]), scores


def _peak_offsets(scores: np.ndarray) -> np.ndarray:
    """Where between the samples a peak lies, in steps: the vertex of the parabola through three."""
    offsets = np.zeros(len(scores))
    left, middle, right = scores[:-2], scores[1:-1], scores[2:]
    bend = left - 2 * middle + right
    peak = (middle >= left) & (middle >= right) & (bend < 0)
    offsets[1:-1][peak] = ((left - right)[peak] / bend[peak]) / 2
    return offsets
