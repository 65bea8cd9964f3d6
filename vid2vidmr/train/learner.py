"""What the training loop needs of a method."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import Tensor, nn

from vid2vidmr.contract import FeatureContract
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.train.batch import Batch

EXISTENCE = "existence"
"""Output of a network that says whether the target holds the moment, (B, 1): a logit."""


class Learner(Protocol):
    """A method that learns by gradient descent: see `vid2vidmr.methods.neural.NeuralMethod`."""

    config: Any
    seed: int
    provenance: dict[str, Any]
    model: nn.Module | None
    encoder_contract: FeatureContract | None
    caption_contract: FeatureContract | None
    init_sha256: str | None

    @property
    def info(self) -> Any:
        """What is known of the method before it runs."""

    def require_init(self) -> None:
        """Refuse to train from nothing what starts from a checkpoint."""

    def prepare(
        self, contract: FeatureContract, projection: tuple[np.ndarray, np.ndarray] | None
    ) -> None:
        """Build the model for features of a contract, seen through a projection."""

    def start_from(self, folder: Path) -> None:
        """Take weights and projection of a checkpoint."""

    def accepted(self, pairs: PairSet) -> PairSet:
        """Give the pairs with features and queries as the model expects them."""

    def losses(self, outputs: dict[str, Tensor], batch: Batch) -> dict[str, Tensor]:
        """Scalar losses; ``"loss"`` is the total to minimise."""

    def windows(self, outputs: dict[str, Tensor], batch: Batch) -> list[np.ndarray]:
        """Ranked windows of every pair, each (k, 3): start_s, end_s, score."""

    def save(self, folder: Path) -> None:
        """Leave a checkpoint."""
