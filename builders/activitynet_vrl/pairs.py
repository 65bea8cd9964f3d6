"""Which query is paired with which target in ActivityNet-VRL."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd


def candidates(items: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """All ordered pairs of different moments of one class whose query fits into the target.

    A query fits when its segment is not longer than the target (the whole stretch around the
    other moment, not that moment): this is the rule that gives the 472,704 train pairs of the
    published data set. Moments of one video are paired too, as published; the sources in
    `vid2vidmr.data.pairs.PairSet` tell such pairs apart.

    Parameters
    ----------
    items : DataFrame
        Items of one split, see `builders.activitynet_vrl.tables.Released`.

    Returns
    -------
    query, target : ndarray of int, (pairs,)
        Positions in `items`, ordered by query, then by target.
    """
    query_length = (items["groundtruth_end"] - items["groundtruth_start"]).to_numpy()
    target_length = (items["location_end"] - items["location_start"]).to_numpy()
    pairs = []
    for rows in items.reset_index(drop=True).groupby("node").indices.values():
        fits = query_length[rows, None] <= target_length[rows]
        np.fill_diagonal(fits, False)
        query, target = np.nonzero(fits)
        pairs.append((rows[query], rows[target]))
    query, target = (np.concatenate(side) for side in zip(*pairs, strict=True))
    order = np.lexsort((target, query))
    return query[order], target[order]


def draw_targets(
    query: np.ndarray, target: np.ndarray, ids: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one target a query, uniformly from its candidates.

    The draw hashes seed and query id: it depends neither on the other queries nor on the version
    of a library. (The published draw, an op seed of TensorFlow 1, cannot be repeated.)

    Parameters
    ----------
    query, target : ndarray of int, (pairs,)
        What `candidates` gives.
    ids : ndarray of str, (items,)
        Moment ids.

    Returns
    -------
    query, target : ndarray of int, (queries,)
    """
    queries, first, count = np.unique(query, return_index=True, return_counts=True)
    draws = [
        int.from_bytes(hashlib.sha256(f"{seed}\x1f{ids[row]}".encode()).digest()[:8], "big")
        for row in queries
    ]
    chosen = [draw % n for draw, n in zip(draws, count.tolist(), strict=True)]
    return queries, target[first + np.array(chosen)]
