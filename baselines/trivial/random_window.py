"""Random windows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from vid2vidmr.methods.base import Method
from vid2vidmr.methods.info import MethodInfo
from vid2vidmr.records import Prediction

if TYPE_CHECKING:
    from vid2vidmr.data.pairs import PairSet


@dataclass(frozen=True)
class RandomConfig:
    """Config of `RandomWindow`.

    Attributes
    ----------
    windows : int
        Windows a pair.
    """

    windows: int = 10


class RandomWindow(Method):
    """Start and end drawn uniformly from the target, in order.

    The draw of a pair depends on the seed and the pair's id only, not on which others are scored.
    """

    info = MethodInfo(
        name="random",
        title="Random windows",
        kind="bias",
        source="Feng et al., Video Re-localization, ECCV 2018 (row Chance)",
        licence="own",
    )
    presets: ClassVar = {"default": RandomConfig()}

    def predict(self, pairs: PairSet) -> Iterator[Prediction]:
        """Yield ``config.windows`` windows a pair, scores falling with the rank."""
        pair_ids = pairs.table["pair_id"].tolist()
        n = self.config.windows
        digits = b"".join(
            hashlib.shake_256(f"{self.seed}\x1f{pair_id}".encode()).digest(16 * n)
            for pair_id in pair_ids
        )
        uniform = np.frombuffer(digits, "<u8").reshape(-1, n, 2) / 2.0**64
        windows = np.sort(uniform, axis=2) * pairs.durations_s[:, None, None]
        scores = np.broadcast_to(1.0 - np.arange(n) / n, (len(pair_ids), n))
        rows = np.concatenate([windows, scores[:, :, None]], axis=2).tolist()
        for pair_id, row in zip(pair_ids, rows, strict=True):
            yield Prediction(pair_id=pair_id, windows=row)
