"""Config of align_refine."""

from __future__ import annotations

from dataclasses import dataclass

from baselines.matching import MatchConfig


@dataclass(frozen=True)
class AlignRefineConfig(MatchConfig):
    """How a pair is shown to the network, and how its windows are read.

    Attributes
    ----------
    components : int
        Base number of principal components, half-whitened; half and twice as many are seen, too.
    """

    components: int = 32


PRESETS = {"default": AlignRefineConfig(), "open": AlignRefineConfig(overlap=0.4)}
"""Where a target may hold several moments, neighbours of the first must leave room for the next."""
