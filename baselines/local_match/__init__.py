"""Local alignment of half-whitened principal components. See README.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import PositiveInt

from baselines.background import against_background
from baselines.matching import SEARCH, ComponentMatch, MatchConfig, copies_first, once
from vid2vidmr import alignment
from vid2vidmr.alignment.components import cosines, laid_cosines, staticness
from vid2vidmr.methods.info import MethodInfo
from vid2vidmr.train.config import Share


@dataclass(frozen=True)
class LocalMatchConfig(MatchConfig):
    """Config of `LocalMatch`.

    Attributes
    ----------
    threshold : float
        Cosine that is neither gain nor loss.
    static_gap : float
        Price of a step that repeats a query clip or a target clip, per squared `staticness` of the
        target. In a static shot the next clip matches as well as the one before: without a price
        for waiting there, windows swallow the shot.
    waiting : float
        Most that such a step gains all the same.
    components : int
        Principal components that are compared.
    whitening : float
        See `Components.unit`.
    """

    threshold: float = 0.45
    static_gap: float = 1.0
    waiting: float = 0.05
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
    presets: ClassVar = {"default": LocalMatchConfig()}
    search: ClassVar = {
        **SEARCH,
        "threshold": (0.35, 0.4, 0.45, 0.5, 0.55),
        "static_gap": (0.3, 0.6, 1.0, 1.4),
        "waiting": (0.0, 0.05, 0.1, 0.5),
    }

    @property
    def count(self) -> int:
        """Components to keep."""
        return self.config.components

    def windows(
        self, query: np.ndarray, target: np.ndarray, length: float, total: float
    ) -> tuple[np.ndarray, np.ndarray]:
        """For every end on the target the best path; its score is its gain per query row."""
        similarity, gap = self.similarity(query, target)
        threshold = self.config.threshold
        scores, starts = alignment.local_alignment(similarity, threshold, gap, self.config.waiting)
        windows = np.column_stack([starts, np.arange(1, len(starts) + 1)])
        windows, scores = copies_first(
            windows, scores / len(query), laid_cosines(similarity), len(query), 1 - threshold
        )
        return windows, scores

    @once
    def similarity(self, query: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, float]:
        """Cosines (M, N) of components, and the price of a gap."""
        components, power = self.components_for(target), self.config.whitening
        rows, asked = components.unit(target, power), self.asked(query, components, power)
        return cosines(rows, asked), self.config.static_gap * staticness(rows) ** 2

    def evidence(self, query: np.ndarray, target: np.ndarray, score: float) -> tuple[float, ...]:
        """Gain of the alignment, and how far it is above the target's background."""
        similarity, gap = self.similarity(query, target)
        threshold, waiting = self.config.threshold, self.config.waiting
        return against_background(similarity, threshold, gap, waiting)
