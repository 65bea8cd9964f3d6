"""The window that looks most like the query, frames in any order. See README.md."""

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
    step_s : float
        Seconds between the starts that are tried.
    overlap : float
        IoU above which the worse of two windows is left out.
    windows : int
        Windows a pair, at most.
    """

    step_s: float = 0.5
    overlap: float = 0.7
    windows: int = 10


class VideoMatch(FrameMatch):
    """Slide a window of the query's length over the target and take the largest mean cosine."""

    info = MethodInfo(
        name="video-match",
        title="Sliding window of mean cosine, any order of frames",
        kind="untrained",
        source="own; the frame-matching baseline of Feng et al., Video Re-localization, ECCV 2018",
        licence="own",
        deviations="window of the query's length, features centred on the train mean",
    )
    presets: ClassVar = {"default": VideoMatchConfig()}

    def candidates(
        self, cosines: np.ndarray, query_s: float, target_s: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """Mean over the window of each target frame's mean cosine to the query's frames."""
        length = min(query_s, target_s)
        starts = np.arange(0, target_s - length + 1e-9, self.config.step_s)
        windows = np.column_stack([starts, starts + length])
        likeness = cosines.mean(axis=1)
        # Rows are samples of a signal at 0, 2, 4, ... s: read it in between as straight lines, so
        # that windows off the grid have their own score. `area` is its integral from 0.
        knots = np.append(STEP_S * np.arange(len(likeness)), max(target_s, STEP_S * len(likeness)))
        values = np.append(likeness, likeness[-1])
        area = np.append(0, np.cumsum(np.diff(knots) * (values[1:] + values[:-1]) / 2))

        def integral(t: np.ndarray) -> np.ndarray:
            k = np.clip(np.searchsorted(knots, t, side="right") - 1, 0, len(knots) - 2)
            past = t - knots[k]
            slope = (values[k + 1] - values[k]) / (knots[k + 1] - knots[k])
            total: np.ndarray = area[k] + past * (values[k] + slope * past / 2)
            return total

        return windows, (integral(windows[:, 1]) - integral(windows[:, 0])) / length
