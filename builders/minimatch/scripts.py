"""Action classes: each is an order of shots; twin classes share shots, not their order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from builders.minimatch.config import SPLITS, MinimatchConfig
from builders.minimatch.shots import FAMILIES, FAMILY_OF, SHARED

SETS_PER_SPLIT = {"train": 14, "val": 5, "test": 6}  # two classes each: 28 / 10 / 12
DEALT = {"train": 7, "val": 6, "test": 6}
"""How many families each split has to itself in a world of unseen families."""
# Keep these draws apart from those of plans and pairs under the same seed.
STREAM, DEAL_STREAM = 1, 4


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


@dataclass(frozen=True)
class Repertoire:
    """What the videos of a split show.

    Attributes
    ----------
    families : tuple of str
        Of all shots, in moments and between them.
    scripts : tuple of Script
        The classes, twins next to each other.
    """

    families: tuple[str, ...]
    scripts: tuple[Script, ...]

    @property
    def usual(self) -> str:
        """The family that is seen most often between moments."""
        return "play" if "play" in self.families else self.families[0]


def deal_families(config: MinimatchConfig) -> dict[str, tuple[str, ...]]:
    """Families of shots that each split shows, dealt out by the seed where they are not shared."""
    if config.families == "shared":
        return dict.fromkeys(SPLITS, SHARED)
    names = np.random.default_rng([config.seed, DEAL_STREAM]).permutation(list(FAMILIES))
    ends = np.cumsum([DEALT[split] for split in SPLITS])
    parts = zip(SPLITS, np.split(names, ends[:-1]), strict=True)
    return {split: tuple(map(str, part)) for split, part in parts}


def make_repertoires(config: MinimatchConfig) -> dict[str, Repertoire]:
    """Draw the classes of every split.

    Returns
    -------
    dict of str to Repertoire
        Those of train, val and test. No shot set is contained in another, so no class can be taken
        for a part of another one.
    """
    rng = np.random.default_rng([config.seed, STREAM])
    chosen: list[frozenset[str]] = []
    found = {}
    for split, names in deal_families(config).items():
        scripts: list[Script] = []
        for _ in range(SETS_PER_SPLIT[split]):
            order = _draw_set(names, chosen, rng)
            shots = tuple(str(rng.choice(FAMILIES[name])) for name in order)
            twins = (shots, _reorder(shots, rng))
            scripts += [Script(version, len(chosen), split) for version in twins]
            chosen.append(frozenset(order))
        found[split] = Repertoire(names, tuple(scripts))
    return found


def _draw_set(
    names: Sequence[str], chosen: Sequence[frozenset[str]], rng: np.random.Generator
) -> list[str]:
    """Draw three to five families, in order, that neither hold nor lie in a chosen set.

    Sets of 3 and 4 leave room for 8 sets of six families and for 14 of seven in any order of
    drawing; with 5 there may be none left sooner.
    """
    largest = min(5, len(names) // 2 + 1)
    while True:
        size = min(largest, int(rng.choice([3, 4, 5], p=[0.3, 0.4, 0.3])))
        order = [names[i] for i in rng.permutation(len(names))[:size]]
        families = frozenset(order)
        if not any(families <= other or other <= families for other in chosen):
            return order


def _reorder(shots: tuple[str, ...], rng: np.random.Generator) -> tuple[str, ...]:
    """Permute shots so that at least three places change."""
    while True:
        order = rng.permutation(len(shots))
        if np.sum(order != np.arange(len(shots))) >= 3:
            return tuple(shots[i] for i in order)
