"""Which pairs a data set has: tables of ids from positions of moments, and limits on a class.

Positions are integers and ids categories, so that 750,000 pairs take a second and a few megabytes.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

_PART = 50_000


def numbered_pairs(
    query: np.ndarray, target: np.ndarray, ids: np.ndarray, split: str, digits: int | None = None
) -> pd.DataFrame:
    """Table of pairs with ids that number its rows, ``train-000042``.

    Parameters
    ----------
    query, target : ndarray of int, (pairs,)
        Positions in `ids`.
    ids : ndarray of str, (moments,)
        Moment ids, each once.
    digits : int, optional
        Of the numbers; by default as many as the number of pairs has.

    Returns
    -------
    DataFrame
        ``pair_id, query_id, target_id`` (`vid2vidmr.data.info.PAIR_COLUMNS`).
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    digits = digits or len(str(len(query)))
    parts = []
    for first in range(0, len(query), _PART):
        numbers = pa.array(np.arange(first, min(first + _PART, len(query)))).cast(pa.string())
        numbers = pc.utf8_lpad(numbers, digits, "0")
        parts.append(pc.binary_join_element_wise(split, numbers, "-"))
    return pd.DataFrame(
        {
            "pair_id": pa.chunked_array(parts, pa.string()).to_pandas(),
            "query_id": pd.Categorical.from_codes(query, pd.Index(ids)),
            "target_id": pd.Categorical.from_codes(target, pd.Index(ids)),
        }
    )


def at_most(
    most: int, query: np.ndarray, group: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw at most `most` pairs of every group, evenly over the queries of the group.

    A query has at most one pair more than another one of its group, unless the other has no more.

    Parameters
    ----------
    query : ndarray of int, (pairs,)
        The query of each pair.
    group : ndarray of int, (pairs,)
        What the limit is of, such as the class.

    Returns
    -------
    ndarray of int
        Positions of the kept pairs, in their order.
    """
    if np.bincount(group).max(initial=0) <= most:
        return np.arange(len(query))
    shuffled = rng.permutation(len(query))
    nth = _place(query[shuffled], group[shuffled])  # of its query's pairs in this group
    order = np.argsort(nth, kind="stable")
    kept = _place(group[shuffled][order]) < most
    return np.sort(shuffled[order[kept]])


def _place(*keys: np.ndarray) -> np.ndarray:
    """How many earlier entries have the same keys, (n,)."""
    order = np.lexsort(keys)
    new = np.zeros(len(order), bool)
    new[:1] = True
    for key in keys:
        new[1:] |= np.diff(key[order]) != 0
    place = np.empty(len(order), np.int64)
    first = np.maximum.accumulate(np.where(new, np.arange(len(order)), 0))
    place[order] = np.arange(len(order)) - first
    return place
