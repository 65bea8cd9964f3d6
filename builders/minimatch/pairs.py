"""Queries and targets: which moments are paired."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

STREAM = 3


def pair_up(
    labels: Sequence[str], videos: Sequence[str], limit: int, seed: int, split_index: int
) -> list[tuple[int, int]]:
    """Pair moments of one split with others of the same class, evenly over targets and queries.

    Parameters
    ----------
    labels : sequence of str
        Class of each moment.
    videos : sequence of str
        Video of each moment; query and target are from different ones.
    limit : int
        Largest number of pairs; all ordered pairs are taken when there are fewer.
    seed, split_index : int
        Seed of the draws.

    Returns
    -------
    list of (int, int)
        Query and target as indices into `labels`, ordered by target, then query. Each round of
        the draw gives every target one more query and uses every query once more.
    """
    rng = np.random.default_rng([seed, STREAM, split_index])
    groups = []
    for label in sorted(set(labels)):
        members = [i for i, other in enumerate(labels) if other == label]
        groups.append([members[i] for i in rng.permutation(len(members))])
    pairs: list[tuple[int, int]] = []
    for step in range(1, max(map(len, groups), default=0)):
        this_round = [
            (members[(place + step) % len(members)], target)
            for members in groups
            if step < len(members)
            for place, target in enumerate(members)
            if videos[members[(place + step) % len(members)]] != videos[target]
        ]
        room = limit - len(pairs)
        pairs += [this_round[i] for i in rng.permutation(len(this_round))[:room]]
    return sorted(pairs, key=lambda pair: (pair[1], pair[0]))
