"""Pairs joined with their moments, and the protocols that change their targets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd

from vid2vidmr.data.protocols import PROTOCOLS, pair_stream, recrop_windows
from vid2vidmr.errors import DataError, FeatureError, UserError
from vid2vidmr.records import Pair, Split, Window

if TYPE_CHECKING:
    from vid2vidmr.contract import CaptionSource, FeatureSource

Query = Literal["video", "middle-frame", "text"]
"""What a method is given as the query: all frames, the middle one, or a caption's tokens."""
QUERIES: tuple[Query, ...] = get_args(Query)


@dataclass(frozen=True)
class PairSet:
    """Pairs of one split, as a table, with the features of their videos.

    Attributes
    ----------
    table : DataFrame
        One row a pair: ``pair_id, label, query_id, target_id``; ``query_video, target_video`` and
        ``query_source, target_source`` (the recordings the files come from);
        ``query_start_s, query_end_s`` (the query in its file; NaN: the whole file);
        ``clip_start_s, clip_end_s`` (the target in its file); ``start_s, end_s`` (ground truth,
        seconds from the target's start).
    split : {"train", "val", "test"}
    protocol : str
        ``official``, or the name of what was changed.
    features : FeatureSource or None
    query : {"video", "middle-frame", "text"}
        What `query_features` gives.
    captions : CaptionSource or None
        Features of captions, by query moment instead of video: one row a token.
    """

    table: pd.DataFrame
    split: Split
    protocol: str = "official"
    features: FeatureSource | None = None
    query: Query = "video"
    captions: CaptionSource | None = None

    @classmethod
    def join(
        cls,
        pairs: pd.DataFrame,
        moments: pd.DataFrame,
        videos: pd.DataFrame,
        split: str,
        features: FeatureSource | None = None,
    ) -> PairSet:
        """Join the id table of a data set with its moments and videos.

        Ids, labels, videos and sources are categories: 750,000 pairs take 70 MB.
        """
        source = moments["video_id"].map(videos.set_index("video_id")["source_id"])
        known = pd.Index(moments["moment_id"])
        query, target = (
            _positions(pairs[side], known, split) for side in ("query_id", "target_id")
        )
        texts = {
            "id": moments["moment_id"],
            "video": moments["video_id"],
            "source": source,
            "label": moments["label"],
        }
        codes = {name: pd.Categorical(text) for name, text in texts.items()}
        seconds = {
            name: moments[name].to_numpy("float64")
            for name in ("clip_start_s", "clip_end_s", "start_s", "end_s")
        }
        start, end = (seconds["clip_start_s"] + seconds[name] for name in ("start_s", "end_s"))
        table = pd.DataFrame(
            {
                "pair_id": pairs["pair_id"].array,
                "label": codes["label"][target],
                "query_id": codes["id"][query],
                "target_id": codes["id"][target],
                "query_video": codes["video"][query],
                "query_source": codes["source"][query],
                "query_start_s": start[query],
                "query_end_s": end[query],
                "target_video": codes["video"][target],
                "target_source": codes["source"][target],
                **{name: values[target] for name, values in seconds.items()},
            },
            copy=False,
        )
        if table["start_s"].isna().any() or table["end_s"].isna().any():
            raise DataError(f"A target of the {split} pairs has no ground truth window.")
        return cls(table, split, features=features)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[Pair]:
        return map(self._pair, self.table.itertuples(index=False))

    def __getitem__(self, i: int) -> Pair:
        return self._pair(self.table.iloc[i])

    def _pair(self, row: Any) -> Pair:
        query: Window | None = (float(row.query_start_s), float(row.query_end_s))
        return Pair(
            pair_id=row.pair_id,
            query_id=row.query_id,
            target_id=row.target_id,
            query_video_id=row.query_video,
            target_video_id=row.target_video,
            query_window=None if np.isnan(row.query_start_s) else query,
            target_window=(float(row.clip_start_s), float(row.clip_end_s)),
            windows=((float(row.start_s), float(row.end_s)),),
            label=row.label,
            split=self.split,
        )

    @property
    def durations_s(self) -> np.ndarray:
        """Length of every target in seconds, (pairs,)."""
        return (self.table["clip_end_s"] - self.table["clip_start_s"]).to_numpy("float64")

    def query_features(self, i: int) -> np.ndarray:
        """Features of the query of pair `i`, (N, dim), N >= 1; what they are of says `query`."""
        if self.query == "text":
            if self.captions is None:
                raise FeatureError("These pairs have no captions: pass their features to `pairs`.")
            return self.captions.rows(self._columns["query_id"][i])
        return self.seen(self._rows(i, "query_video", "query_start_s", "query_end_s"))

    def seen(self, rows: np.ndarray) -> np.ndarray:
        """Give what is seen of a query's frames (n, dim): all, or the middle one, (1, dim)."""
        return rows[len(rows) // 2][None] if self.query == "middle-frame" else rows

    def require_captions(self) -> None:
        """Refuse pairs that ask by captions and have none for some queries.

        Raises
        ------
        FeatureError
            Tells how many, and the command that makes them.
        """
        captions, queries = self.captions, self.table["query_id"].unique()
        missing = [query for query in queries if captions is None or query not in captions]
        if missing:
            raise FeatureError(
                f"{len(missing)} of the {len(queries)} {self.split} queries have no caption with "
                f"features, for example {missing[0]!r}: complete the file of captions, move the "
                "folder of their features away if there is one, and run `vid2vidmr features "
                "DATASET --captions FILE`."
            )

    def target_features(self, i: int) -> np.ndarray:
        """Features of the target of pair `i`, (M, dim), M >= 1; row k is at 2 k seconds."""
        return self._rows(i, "target_video", "clip_start_s", "clip_end_s")

    def _rows(self, i: int, video: str, start: str, end: str) -> np.ndarray:
        if self.features is None:
            raise FeatureError("These pairs have no features: pass a feature store to `pairs`.")
        columns = self._columns
        video_id, start_s = columns[video][i], float(columns[start][i])
        if np.isnan(start_s):
            return self.features.rows(video_id)
        return self.features.rows(video_id, start_s, float(columns[end][i]))

    @cached_property
    def _columns(self) -> dict[str, np.ndarray]:
        """Columns that say which rows are read, as arrays: a row of a table costs ten reads."""
        names = ("query_id", "query_video", "target_video")
        spans = ("query_start_s", "query_end_s", "clip_start_s", "clip_end_s")
        return {
            **{name: _texts(self.table[name]) for name in names},
            **{name: self.table[name].to_numpy("float64") for name in spans},
        }

    def take(self, rows: np.ndarray) -> PairSet:
        """Select the pairs at the given positions, or where a boolean mask is true."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        return replace(self, table=self.table.iloc[rows].reset_index(drop=True))

    def named(self, protocol: str) -> PairSet:
        """Give the same pairs under another name of their protocol: what was changed."""
        return replace(self, protocol=protocol)

    def under(self, protocol: str, seed: int = 0) -> PairSet:
        """Give the same pairs under a protocol of `PROTOCOLS`."""
        if protocol == "official":
            return self
        if protocol == "recropped":
            return self.recropped(seed)
        raise UserError(f"Unknown protocol {protocol!r}: expected one of {', '.join(PROTOCOLS)}.")

    def recropped(self, seed: int = 0) -> PairSet:
        """Cut every target to a random sub-window that holds its moment.

        The moment's relative position in the cut is uniform wherever the target has room for it,
        and the cut is at least twice the moment and at least 30 s long where the target allows,
        so that neither position nor context length tells where the moment is. Each pair has its
        own random stream: the cut of a pair does not depend on which others are scored.

        The cut starts on the 2 s grid of the target, so that features are sliced, not computed.
        """
        table = self.table.copy()
        uniform = np.stack([pair_stream(seed, pair_id).random(2) for pair_id in table["pair_id"]])
        cut_start, cut_end = recrop_windows(
            table["start_s"].to_numpy(), table["end_s"].to_numpy(), self.durations_s, uniform
        )
        table["start_s"] -= cut_start
        table["end_s"] -= cut_start
        table["clip_end_s"] = table["clip_start_s"] + cut_end
        table["clip_start_s"] += cut_start
        return replace(self, table=table, protocol="recropped")

    def wrong_queries(self, seed: int = 0) -> PairSet:
        """Give every target the query of another class: what a method loses is what it used.

        Raises
        ------
        UserError
            If one class has more than half of the pairs, so that no such exchange exists.
        """
        labels = self.table["label"].to_numpy()
        largest = int(self.table["label"].value_counts().iloc[0])
        if 2 * largest > len(self):
            raise UserError(
                f"Queries of another class cannot be dealt out: one class has {largest} of the "
                f"{len(self)} pairs, at most half was expected."
            )
        # In an order sorted by class, a roll by the largest class's size always changes the class.
        order = np.lexsort((np.random.default_rng(seed).random(len(self)), labels))
        donor = np.empty(len(self), dtype=int)
        donor[order] = np.roll(order, largest)
        table = self.table.copy()
        columns = [column for column in table.columns if column.startswith("query_")]
        for column in columns:
            table[column] = table[column].array[donor]
        return replace(self, table=table, protocol=f"{self.protocol}, wrong queries")


def _positions(ids: pd.Series, known: pd.Index, split: str) -> np.ndarray:
    """Where ids are among the known ones, (n,)."""
    ids = ids.astype("category")
    found = known.get_indexer(ids.cat.categories)
    if (found < 0).any():
        unknown = ids.cat.categories[found < 0][0]
        raise DataError(f"The {split} pairs name a moment that is not there: {unknown!r}.")
    return found.astype(np.int32)[ids.cat.codes]


def _texts(column: pd.Series) -> np.ndarray:
    """Values as an array of str; those that are equal are one object."""
    column = column.astype("category")
    return column.cat.categories.to_numpy(object)[column.cat.codes]
