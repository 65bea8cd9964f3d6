"""The score by what pairs are like: lengths, ratios, position, class, source."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from vid2vidmr.data.pairs import PairSet
from vid2vidmr.evaluation.bootstrap import intervals
from vid2vidmr.evaluation.evaluate import Evaluation
from vid2vidmr.records import Interval, Record

METRICS = ("mIoU", "R1@0.5", "R1@0.7")
MOMENT_S = (4.0, 8.0, 16.0, 32.0)
"""Edges of moment lengths, seconds: 4 s are two frames of the feature grid, then doubling."""
TARGET_S = (15.0, 30.0, 60.0, 120.0)
"""Edges of target lengths, seconds."""
PART = (1 / 16, 1 / 8, 1 / 4, 1 / 2)
"""Edges of a length as part of the target's."""
RATIO = (1 / 2, 4 / 5, 5 / 4, 2.0)
"""Edges of query length / moment length; the middle group are queries as long as the moment."""
POSITION = (0.2, 0.4, 0.6, 0.8)
"""Edges of the moment's centre in the target, 0 its start and 1 its end."""
MIN_VIDEOS = 5
"""Query and target videos below which a group's interval would say nothing."""


class Group(Record):
    """Pairs that are alike in one thing.

    Attributes
    ----------
    metrics : dict of str to Interval
        `METRICS`, percent; no intervals from fewer than 5 query videos or 5 target videos.
    """

    name: str
    pairs: int
    metrics: dict[str, Interval]


class Breakdown(Record):
    """All pairs, split into groups by one thing; groups without pairs are left out.

    Attributes
    ----------
    name : str
        ``moment length``, ``class``, ...
    groups : tuple of Group
        In the order of the edges; classes and sources best mIoU first.
    """

    name: str
    groups: tuple[Group, ...]


def breakdowns(
    pairs: PairSet, evaluation: Evaluation, videos: pd.DataFrame, resamples: int
) -> tuple[Breakdown, ...]:
    """Split the score in every way this module knows.

    Parameters
    ----------
    evaluation : Evaluation
        Of these pairs.
    videos : DataFrame
        Of the data set: lengths of queries that are whole files.
    resamples : int
        Of the bootstrap, for every group.
    """
    table, target = pairs.table, pairs.durations_s
    start, end = (table[name].to_numpy("float64") for name in ("start_s", "end_s"))
    query = (table["query_end_s"] - table["query_start_s"]).to_numpy("float64")
    file = table["query_video"].map(videos.set_index("video_id")["duration_s"]).to_numpy("float64")
    query = np.where(np.isnan(query), file, query)
    moment = end - start
    same = np.where(table["query_source"] == table["target_source"], "same", "other")
    keys: dict[str, pd.Series] = {
        "moment length": _binned(moment, MOMENT_S, [f"{edge:g}" for edge in MOMENT_S], " s"),
        "target length": _binned(target, TARGET_S, [f"{edge:g}" for edge in TARGET_S], " s"),
        "moment / target length": _binned(moment / target, PART, ["1/16", "1/8", "1/4", "1/2"]),
        "query / target length": _binned(query / target, PART, ["1/16", "1/8", "1/4", "1/2"]),
        "query / moment length": _binned(query / moment, RATIO, ["1/2", "4/5", "5/4", "2"]),
        "position of the centre": _binned(
            (start + end) / 2 / target, POSITION, [f"{edge:g}" for edge in POSITION]
        ),
        "class": table["label"].astype(str),
        "source recording": pd.Series(same),
    }
    return tuple(
        Breakdown(name=name, groups=_groups(key, evaluation, resamples))
        for name, key in keys.items()
    )


def _binned(
    values: np.ndarray, edges: Sequence[float], texts: Sequence[str], unit: str = ""
) -> pd.Series:
    """Names of the bins (.., edge], (edge, edge], .., in their order."""
    names = [
        f"≤ {texts[0]}{unit}",
        *(f"{low}–{high}{unit}" for low, high in pairwise(texts)),
        f"> {texts[-1]}{unit}",
    ]
    bins = [-np.inf, *edges, np.inf]
    # To 9 digits: 7.2 + 2 is not quite 9.2, and must not fall on the other side of an edge.
    binned = pd.Series(pd.cut(np.round(values, 9), bins, labels=names))
    return binned.cat.add_categories("unknown").fillna("unknown")


def _groups(key: pd.Series, evaluation: Evaluation, resamples: int) -> tuple[Group, ...]:
    values = evaluation.per_pair[list(METRICS)].to_numpy()
    ordered = isinstance(key.dtype, pd.CategoricalDtype)
    names = list(key.cat.categories) if ordered else sorted(key.unique())
    found = []
    for name in names:
        rows = np.flatnonzero(key.to_numpy(object) == name)
        if not len(rows):
            continue
        query, target = evaluation.query_clusters[rows], evaluation.target_clusters[rows]
        few = min(len(np.unique(query)), len(np.unique(target))) < MIN_VIDEOS
        metrics = intervals(list(METRICS), values[rows], query, target, 0 if few else resamples)
        found.append(Group(name=name, pairs=len(rows), metrics=metrics))
    if not ordered:
        found.sort(key=lambda group: -group.metrics["mIoU"].value)
    return tuple(found)
