"""Splits, targets and pairs of moments of one's own."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vid2vidmr.data.choice import at_most, numbered_pairs
from vid2vidmr.data.info import SPLITS
from vid2vidmr.errors import DataError

SHARES = {"test": 0.2, "val": 0.1}
"""Shares of the classes (or videos); the rest is train."""
MOST_PAIRS = {"train": 750_000, "val": 10_000, "test": 10_000}
"""As many as SportsMoments has; where there are more, they are drawn evenly over the queries."""
FEWEST = 10
"""Moments of a class that val and test may have."""
BLOCK = 1_000_000
"""Candidates that are looked at together."""


def split_groups(names: list[str], seed: int) -> dict[str, str]:
    """Deal classes or videos out to splits.

    One is test; two are train and test; of three and more each split has at least one.
    """
    order = [sorted(names)[i] for i in np.random.default_rng(seed).permutation(len(names))]
    counts = {split: max(1, round(share * len(order))) for split, share in SHARES.items()}
    if len(order) < 3:
        counts["val"] = 0
    splits = ["test"] * counts["test"] + ["val"] * counts["val"]
    return {name: (splits[i] if i < len(splits) else "train") for i, name in enumerate(order)}


def split_classes(labels: pd.Series, seed: int) -> dict[str, str]:
    """Deal classes out as `split_groups` does, but for those of few moments: they are train."""
    counts = labels.value_counts()
    dealt = split_groups(list(counts.index[counts >= FEWEST]), seed)
    return {label: dealt.get(label, "train") for label in counts.index}


def target_windows(
    table: pd.DataFrame, durations_s: pd.Series, margin_s: float | None, whole: bool
) -> pd.DataFrame:
    """Targets around moments: up to `margin_s` on either side, within the video.

    Parameters
    ----------
    table : DataFrame
        ``video, label, start_s, end_s``, seconds in the video; perhaps ``from_s`` and ``until_s``,
        the part of it that was annotated.
    durations_s : Series of float
        Length of each row's video; NaN where not known.
    margin_s : float or None
        None for the whole video.
    whole : bool
        Whether other moments of the class stay in the target. Else it is cut where they begin or
        end, so that it holds one answer.

    Returns
    -------
    DataFrame
        ``clip_start_s, clip_end_s``, index as in `table`. Where the video is not known and
        `margin_s` is None, the end is NaN.
    """
    margin = np.inf if margin_s is None else margin_s
    before = table.get("from_s", pd.Series(0.0, table.index))
    after = table.get("until_s", durations_s.astype("float64"))
    if not whole:
        ordered = table.sort_values("start_s")
        parts = ["from_s"] if "from_s" in table else []
        groups = ordered.groupby(["video", "label", *parts], sort=False)
        before = groups["end_s"].shift(1).reindex(table.index).fillna(before)
        after = groups["start_s"].shift(-1).reindex(table.index).fillna(after)
    start = np.maximum(before, table["start_s"] - margin)
    wanted_end = table["end_s"] + margin
    end = np.fmin(after, wanted_end).where(np.isfinite(wanted_end), after)
    # Annotations may end a little behind the video: the moment stays whole.
    return pd.DataFrame({"clip_start_s": start, "clip_end_s": np.maximum(end, table["end_s"])})


def custom_pairs(
    moments: pd.DataFrame,
    cross_video_only: bool,
    seed: int,
    max_pairs_per_class: int | None = None,
) -> dict[str, pd.DataFrame]:
    """All ordered pairs of different moments of one class, split by split.

    Parameters
    ----------
    moments : DataFrame
        ``moment_id, video_id, label, split``.
    cross_video_only : bool
        Leave out pairs within one video.
    seed : int
        Of the draw where a split has more than `MOST_PAIRS`, or a class more than its limit.
    max_pairs_per_class : int, optional
        Hard limit on the pairs of a class in a split.

    Returns
    -------
    dict of str to DataFrame
        ``pair_id, query_id, target_id``; splits without a pair are left out.

    Raises
    ------
    DataError
        If no split has a pair.
    """
    ids = moments["moment_id"].to_numpy()
    videos = pd.factorize(moments["video_id"])[0]
    labels = pd.factorize(moments["label"])[0]
    tables = {}
    for number, split in enumerate(SPLITS):
        rows = np.flatnonzero(moments["split"] == split).astype(np.int32)
        most = MOST_PAIRS[split]
        of_class = min(max_pairs_per_class or most, most)
        rng = np.random.default_rng([seed, number])
        # No query needs more than its share of all pairs, nor of those of its class.
        share = -(-most // max(len(rows), 1))
        found = [np.zeros((2, 0), np.int32)]
        for members in pd.Series(rows).groupby(labels[rows]).indices.values():
            few = min(share, -(-of_class // len(members)))
            found.append(_drawn(rows[members], videos, cross_video_only, few, rng))
        query, target = _in_order(np.concatenate(found, axis=1), len(moments))
        kept = at_most(of_class, query, labels[query], rng)
        query, target = query[kept], target[kept]
        kept = at_most(most, query, np.zeros_like(query), rng)
        if len(kept):
            tables[split] = numbered_pairs(query[kept], target[kept], ids, split)
    if not tables:
        across = " in different videos" if cross_video_only else ""
        raise DataError(
            f"There are no pairs: no class has two moments{across} in one split. Add moments."
        )
    return tables


def _drawn(
    rows: np.ndarray, videos: np.ndarray, cross_video_only: bool, few: int, rng: np.random.Generator
) -> np.ndarray:
    """At most `few` targets a query among the moments `rows` of one class, (2, pairs)."""
    drawn = []
    step = max(1, BLOCK // len(rows))
    for first in range(0, len(rows), step):
        queries = np.arange(first, min(first + step, len(rows)))
        if cross_video_only:
            fits = videos[rows[queries], None] != videos[rows]
        else:
            fits = queries[:, None] != np.arange(len(rows))
        if few < len(rows) - 1:
            keys = rng.random(fits.shape, np.float32)
            keys[~fits] = np.inf
            least = np.argpartition(keys, few, axis=1)[:, :few]
            chosen = np.zeros_like(fits)
            np.put_along_axis(chosen, least, True, axis=1)
            fits &= chosen
        query, target = np.nonzero(fits)
        drawn.append(np.stack([rows[queries[query]], rows[target]]))
    return np.concatenate(drawn, axis=1)


def _in_order(pairs: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of positions below `count`, ordered by query, then by target."""
    query, target = np.divmod(np.sort(pairs[0].astype(np.int64) * count + pairs[1]), max(count, 1))
    return query.astype(np.int32), target.astype(np.int32)
