"""Action classes: each is an order of shots; twin classes share shots, not their order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from builders.minimatch.config import SPLITS
from builders.minimatch.shots import FAMILIES, FAMILY_OF

SETS_PER_SPLIT = {"train": 14, "val": 5, "test": 6}  # two classes each: 28 / 10 / 12
STREAM = 1  # keeps these draws apart from those of plans and pairs under the same seed


@dataclass(frozen=True)
class Script:
    """One action class: its label, its shots in order and the split it belongs to."""

    shots: tuple[str, ...]
    shot_set: int
    split: str

    @property
    def families(self) -> tuple[str, ...]:
        """Families of the shots, in order: what survives the swaps."""
        return tuple(FAMILY_OF[shot] for shot in self.shots)

    @property
    def label(self) -> str:
        """Readable class name: the families in order, as in `card-joy-stands`."""
        return "-".join(self.families)


def make_scripts(seed: int) -> dict[str, list[Script]]:
    """Draw the classes of every split, twins next to each other.

    Parameters
    ----------
    seed : int
        Seed of the data set.

    Returns
    -------
    dict of str to list of Script
        The scripts of train, val and test. No shot set is contained in another, so no class
        can be taken for a part of another one.
    """
    rng = np.random.default_rng([seed, STREAM])
    names = list(FAMILIES)
    chosen: list[frozenset[str]] = []
    scripts: dict[str, list[Script]] = {split: [] for split in SPLITS}
    for split in SPLITS:
        for _ in range(SETS_PER_SPLIT[split]):
            while True:
                size = int(rng.choice([3, 4, 5], p=[0.3, 0.4, 0.3]))
                order = [names[i] for i in rng.permutation(len(names))[:size]]
                families = frozenset(order)
                if not any(families <= other or other <= families for other in chosen):
                    break
            shots = tuple(str(rng.choice(FAMILIES[name])) for name in order)
            for version in (shots, _reorder(shots, rng)):
                scripts[split].append(Script(version, len(chosen), split))
            chosen.append(families)
    return scripts


def _reorder(shots: tuple[str, ...], rng: np.random.Generator) -> tuple[str, ...]:
    """Permute shots so that at least three places change."""
    while True:
        order = rng.permutation(len(shots))
        if np.sum(order != np.arange(len(shots))) >= 3:
            return tuple(shots[i] for i in order)
