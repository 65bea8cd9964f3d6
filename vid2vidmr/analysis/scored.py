"""What was scored: the first fields of analyses and comparisons."""

from __future__ import annotations

from typing import Any

from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.records import Record
from vid2vidmr.text import counted


class ScoredOn(Record):
    """The pairs that runs were scored on.

    Attributes
    ----------
    synthetic, simulated : bool
        The videos were rendered; the features were made without a video.
    """

    dataset: str
    fingerprint: str
    split: str
    protocol: str
    synthetic: bool
    simulated: bool
    pairs: int

    @property
    def subtitle(self) -> str:
        """Data set, split, protocol and number of pairs."""
        marks = ["synthetic"] * self.synthetic + ["simulated features"] * self.simulated
        mark = f" ({', '.join(marks)})" if marks else ""
        pairs = counted(self.pairs, "pair")
        return f"{self.dataset}{mark}, {self.split} split, {self.protocol}, {pairs}"


def scored_on(pairs: PairSet, dataset: Dataset, simulated: bool) -> dict[str, Any]:
    """Give the fields of `ScoredOn`."""
    return {
        "dataset": dataset.name,
        "fingerprint": dataset.fingerprint,
        "split": pairs.split,
        "protocol": str(pairs.protocol),
        "synthetic": dataset.info.synthetic,
        "simulated": simulated,
        "pairs": len(pairs),
    }
