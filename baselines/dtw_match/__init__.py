"""The part of the target onto which the query can be warped most cheaply. See README.md."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from baselines.matching import FrameMatch, FrameMatchConfig
from vid2vidmr import alignment
from vid2vidmr.methods.info import MethodInfo


class DtwMatch(FrameMatch):
    """Subsequence dynamic time warping on 1 - cosine."""

    info = MethodInfo(
        name="dtw-match",
        title="Subsequence dynamic time warping of frames",
        kind="untrained",
        source="Müller, Information Retrieval for Music and Motion, 2007, ch. 4 (subsequence DTW)",
        licence="own",
        deviations="cost divided by length, features centred on the train mean",
    )
    presets: ClassVar = {"default": FrameMatchConfig()}

    def candidates(
        self, cosines: np.ndarray, length: float, total: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """For every end on the target the cheapest path that takes in the whole query."""
        costs, starts = alignment.subsequence_ends(1 - cosines)
        ends = np.arange(1, len(costs) + 1)
        # The sum grows with the path, which would favour the shortest windows.
        scores = -costs / (ends - starts + cosines.shape[1])
        return np.column_stack([starts, ends]), scores
