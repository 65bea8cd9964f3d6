"""Local alignment of half-whitened principal components. See README.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import PositiveInt

from baselines.matching import SEARCH, ComponentMatch, MatchConfig
from vid2vidmr.alignment import local_alignment, staticness
from vid2vidmr.alignment.components import cosines
from vid2vidmr.contract import STEP_S
from vid2vidmr.methods.info import MethodInfo
from vid2vidmr.train.config import Share


@dataclass(frozen=True)
class LocalMatchConfig(MatchConfig):
    """Config of `LocalMatch`.

    Attributes
    ----------
    threshold : float
        Cosine that is neither gain nor loss.
    gap : float
        Price of a step that repeats a query clip or a target clip, whatever the target.
    static_gap : float
        The same per squared `staticness` of the target. In a static shot the next clip matches as
        well as the one before: without a price for waiting there, windows swallow the shot.
    components : int
        Principal components that are compared.
    whitening : float
        See `Components.unit`.
    """

    threshold: float = 0.45
    gap: float = 0.0
    static_gap: float = 1.2
    components: PositiveInt = 32
    whitening: Share = 0.5


class LocalMatch(ComponentMatch):
    """Sum what the whole query gains above a threshold along a monotone path."""

    info = MethodInfo(
        name="local-match",
        title="Local alignment of frames, half-whitened",
        kind="untrained",
        source="own; local alignment is of Smith and Waterman, J. Mol. Biol. 147, 1981",
        licence="own",
        deviations="the query is consumed whole; the gap depends on how static the target is",
    )
    config: LocalMatchConfig
    presets: ClassVar = {
        "default": LocalMatchConfig(),
        "edited": LocalMatchConfig(threshold=0.4, gap=0.3, static_gap=0.0),
    }
    search: ClassVar = {
        **SEARCH,
        "threshold": (0.35, 0.4, 0.45, 0.5, 0.55),
        "gap": (0.0, 0.15, 0.3),
        "static_gap": (0.0, 0.6, 1.2, 1.8),
    }

    @property
    def count(self) -> int:
        """Components to keep."""
        return self.config.components

    def windows(
        self, query: np.ndarray, target: np.ndarray, query_s: float, target_s: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """For every end on the target the best path; its score is the mean gain of a query row."""
        config, components = self.config, self.components_for(target)
        rows = components.unit(target, config.whitening)
        gap = config.gap + config.static_gap * staticness(rows) ** 2
        similarity = cosines(rows, components.unit(query, config.whitening))
        scores, starts = local_alignment(similarity, config.threshold, gap)
        ends = np.arange(1, len(starts) + 1)
        return STEP_S * np.column_stack([starts, ends]), scores / len(query)
