"""Splits, targets and pairs of moments of one's own."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vid2vidmr.dataset import SPLITS
from vid2vidmr.errors import DataError

SHARES = {"test": 0.2, "val": 0.1}
"""Shares of the classes (or videos); the rest is train."""
MOST_PAIRS = {"train": 750_000, "val": 10_000, "test": 10_000}
"""As many as SportsMoments has; where there are more, they are drawn evenly over the queries."""


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


def target_windows(
    table: pd.DataFrame, durations_s: pd.Series, margin_s: float | None, whole: bool
) -> pd.DataFrame:
    """Targets around moments: up to `margin_s` on either side, within the video.

    Parameters
    ----------
    table : DataFrame
        ``video, label, start_s, end_s``, seconds in the video.
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
    before = pd.Series(0.0, table.index)
    after = durations_s.astype("float64").copy()
    if not whole:
        ordered = table.sort_values("start_s")
        groups = ordered.groupby(["video", "label"], sort=False)
        before = groups["end_s"].shift(1).reindex(table.index).fillna(0.0)
        after = groups["start_s"].shift(-1).reindex(table.index).fillna(after)
    start = np.maximum(before, table["start_s"] - margin)
    wanted_end = table["end_s"] + margin
    end = np.fmin(after, wanted_end).where(np.isfinite(wanted_end), after)
    # Annotations may end a little behind the video: the moment stays whole.
    return pd.DataFrame({"clip_start_s": start, "clip_end_s": np.maximum(end, table["end_s"])})


def own_pairs(moments: pd.DataFrame, cross_video_only: bool, seed: int) -> dict[str, pd.DataFrame]:
    """All ordered pairs of different moments of one class, split by split.

    Parameters
    ----------
    moments : DataFrame
        ``moment_id, video_id, label, split``.
    cross_video_only : bool
        Leave out pairs within one video.
    seed : int
        Of the draw where a split has more than `MOST_PAIRS`.

    Returns
    -------
    dict of str to DataFrame
        ``pair_id, query_id, target_id``; splits without a pair are left out.

    Raises
    ------
    DataError
        If no split has a pair.
    """
    ids, videos = moments["moment_id"].to_numpy(), moments["video_id"].to_numpy()
    tables = {}
    for number, split in enumerate(SPLITS):
        rows = np.flatnonzero(moments["split"] == split)
        most = MOST_PAIRS[split]
        rng = np.random.default_rng([seed, number])
        drawn = []
        for query in rows:
            label = moments["label"].iat[query]
            fits = rows[(moments["label"].to_numpy()[rows] == label) & (rows != query)]
            if cross_video_only:
                fits = fits[videos[fits] != videos[query]]
            few = min(len(fits), -(-most // len(rows)))
            drawn.append((query, np.sort(rng.choice(fits, few, replace=False))))
        query = np.concatenate([np.full(len(t), q) for q, t in drawn] or [np.zeros(0, int)])
        target = np.concatenate([t for _, t in drawn] or [np.zeros(0, int)])
        if len(query) == 0:
            continue
        if len(query) > most:
            kept = np.sort(rng.choice(len(query), most, replace=False))
            query, target = query[kept], target[kept]
        digits = len(str(len(query)))
        tables[split] = pd.DataFrame(
            {
                "pair_id": [f"{split}-{i:0{digits}d}" for i in range(len(query))],
                "query_id": ids[query],
                "target_id": ids[target],
            }
        )
    if not tables:
        across = " in different videos" if cross_video_only else ""
        raise DataError(
            f"There are no pairs: no class has two moments{across} in one split. Add moments."
        )
    return tables
