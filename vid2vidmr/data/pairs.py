"""Pairs joined with their moments, and the protocols that change their targets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from vid2vidmr.data.protocols import (
    OFFICIAL,
    Protocol,
    subset_of,
    truth_columns,
    truth_of,
)
from vid2vidmr.data.shots import query_columns
from vid2vidmr.errors import DataError, FeatureError
from vid2vidmr.records import Pair, Query, Split, Window

if TYPE_CHECKING:
    from vid2vidmr.contract import CaptionSource, FeatureSource
    from vid2vidmr.data.availability import Manifest
    from vid2vidmr.data.targets import Targets


def pair_table(
    pair_id: Any,
    query_video: Any,
    target_video: Any,
    *,
    query_s: tuple[Any, Any],
    clip_s: tuple[Any, Any],
    truth_s: tuple[Any, Any],
    label: Any = "",
    ids: tuple[Any, Any] | None = None,
    sources: tuple[Any, Any] | None = None,
) -> pd.DataFrame:
    """Make the table of a `PairSet`; all but the ids of pairs are (pairs,) or one for all.

    Parameters
    ----------
    pair_id, query_video, target_video : array of str
    query_s, clip_s, truth_s : (start, end)
        Seconds: the query in its file (NaN: the whole file), the target in its file, and the ground
        truth from the target's start.
    label : array of str
    ids, sources : (query, target), optional
        Moments, and the recordings that the files come from; by default the names of the videos.
    """
    query_id, target_id = ids or (query_video, target_video)
    query_source, target_source = sources or (query_video, target_video)
    return pd.DataFrame(
        {
            "pair_id": pair_id,
            "label": label,
            "query_id": query_id,
            "target_id": target_id,
            "query_video": query_video,
            "query_source": query_source,
            "query_start_s": query_s[0],
            "query_end_s": query_s[1],
            "target_video": target_video,
            "target_source": target_source,
            "clip_start_s": clip_s[0],
            "clip_end_s": clip_s[1],
            "start_s": truth_s[0],
            "end_s": truth_s[1],
        },
        copy=False,
    )


@dataclass(frozen=True)
class PairSet:
    """Pairs of one split, as a table, with the features of their videos.

    Attributes
    ----------
    table : DataFrame
        One row a pair, see `pair_table`; further windows have columns, see `truth_columns`.
    protocol : Protocol
        What was changed of the pairs as they are annotated.
    query : {"video", "middle-frame", "text"}
        What `query_features` gives.
    captions : CaptionSource or None
        Features of captions, by query moment instead of video: one row a token.
    targets : Targets or None
        What the protocol ``open`` draws from.
    """

    table: pd.DataFrame
    split: Split
    protocol: Protocol = OFFICIAL
    features: FeatureSource | None = None
    query: Query = "video"
    captions: CaptionSource | None = None
    targets: Targets | None = None

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
        table = pair_table(
            pairs["pair_id"].array,
            codes["video"][query],
            codes["video"][target],
            query_s=(start[query], end[query]),
            clip_s=(seconds["clip_start_s"][target], seconds["clip_end_s"][target]),
            truth_s=(seconds["start_s"][target], seconds["end_s"][target]),
            label=codes["label"][target],
            ids=(codes["id"][query], codes["id"][target]),
            sources=(codes["source"][query], codes["source"][target]),
        )
        if table["start_s"].isna().any() or table["end_s"].isna().any():
            raise DataError(f"A target of the {split} pairs has no ground truth window.")
        return cls(table, split, features=features)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[Pair]:
        return map(self._pair, self.table.itertuples(index=False))

    def __getitem__(self, i: int) -> Pair:
        if not -len(self) <= i < len(self):
            raise IndexError(f"There are {len(self)} pairs, counted from 0; {i} is none of them.")
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
            windows=self._windows(row),
            label=row.label,
            split=self.split,
        )

    def _windows(self, row: Any) -> tuple[Window, ...]:
        ends = [float(getattr(row, name)) for name in self._truth_columns]
        windows = zip(ends[::2], ends[1::2], strict=True)
        return tuple(window for window in windows if not np.isnan(window[0]))

    @cached_property
    def _truth_columns(self) -> list[str]:
        return truth_columns(self.table)

    @cached_property
    def truth(self) -> np.ndarray:
        """Ground truth of every pair, (P, G, 2), see `truth_of`."""
        return truth_of(self.table)

    @property
    def durations_s(self) -> np.ndarray:
        """Length of every target in seconds, (pairs,)."""
        return (self.table["clip_end_s"] - self.table["clip_start_s"]).to_numpy("float64")

    @property
    def step_s(self) -> float:
        """Seconds between two rows of the features."""
        return self._source().contract.step_s

    def query_features(self, i: int) -> np.ndarray:
        """Features of the query of pair `i`, (N, dim), N >= 1; what they are of says `query`."""
        if self.query == "text":
            if self.captions is None:
                raise FeatureError("These pairs have no captions: pass their features to `pairs`.")
            return self.captions.rows(self._columns["query_id"][i])
        return self._features_at(self.query_places(i)[0])

    def example_features(self, i: int) -> list[np.ndarray]:
        """Features of the query of pair `i`, and of the further examples that it is asked with."""
        shots = self.protocol.shots
        if shots is None:
            return [self.query_features(i)]
        return [self._features_at(place) for place in self.query_places(i)[: shots.asked]]

    def query_places(self, i: int) -> list[tuple[str, float, float]]:
        """Where the query of pair `i` lies, and further examples of it that are known.

        Video, start and end in seconds; NaN: a file of its own.
        """
        known = 1 if self.protocol.shots is None else self.protocol.shots.known
        found = []
        for example in range(known):
            video, start_s, end_s = (self._columns[name][i] for name in query_columns(example))
            found.append((video, float(start_s), float(end_s)))
        return found

    def _features_at(self, place: tuple[str, float, float]) -> np.ndarray:
        features, (video, start_s, end_s) = self._source(), place
        if np.isnan(start_s):
            return self.seen(features.rows(video))
        return self.seen(features.query_rows(video, start_s, end_s))

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
                "--dataset DATASET --captions FILE`."
            )

    def target_features(self, i: int) -> np.ndarray:
        """Features of the target of pair `i`, (M, dim), M >= 1; row k is at k steps."""
        features, columns = self._source(), self._columns
        start_s, end_s = float(columns["clip_start_s"][i]), float(columns["clip_end_s"][i])
        return features.rows(columns["target_video"][i], start_s, end_s)

    def _source(self) -> FeatureSource:
        if self.features is None:
            raise FeatureError("These pairs have no features: pass a feature store to `pairs`.")
        return self.features

    @cached_property
    def _columns(self) -> dict[str, np.ndarray]:
        """Columns that say which rows are read, as arrays: a row of a table costs ten reads."""
        read = re.compile(r"query_(id|video|start_s|end_s)(_\d+)?|target_video|clip_(start|end)_s")
        return {
            name: self.table[name].to_numpy("float64") if "_s" in name else _texts(self.table[name])
            for name in map(str, self.table.columns)
            if read.fullmatch(name)
        }

    def take(self, rows: np.ndarray) -> PairSet:
        """Select the pairs at the given positions, or where a boolean mask is true."""
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows
        return replace(self, table=self.table.iloc[rows].reset_index(drop=True))

    def under(
        self, protocol: Protocol | str, seed: int | None = None, only: Manifest | None = None
    ) -> PairSet:
        """Give these pairs with what a protocol changes, after what was changed of them already.

        Parameters
        ----------
        protocol : Protocol or str
            ``official`` (nothing), ``recropped``, either with ``, wrong queries``, or ``open``.
        seed : int, optional
            Of the draws of a protocol given as text; by default 0, or that of these pairs.
        only : Manifest, optional
            The availability manifest that `protocol` names; if it names none, the pairs are
            restricted to its videos, last, and their protocol says so.

        Raises
        ------
        UserError
            If the protocol is unknown or these pairs cannot be changed so.
        DataError
            If no pair is left, or `only` is not the manifest that is named.
        """
        if isinstance(protocol, str):
            protocol = Protocol.parse(protocol, self.protocol.seed if seed is None else seed)
        if only is not None and protocol.subset is None:
            protocol = protocol.then(subset_of(only))
        both = self.protocol.then(protocol)
        table = replace(protocol, seed=both.seed).apply(self.table, only, self.targets)
        if only is not None and table.empty:
            raise DataError(
                f"None of the {len(self)} {self.split} pairs has both videos in the manifest "
                f"({len(only.available)} of {len(only.videos)} videos are available): there is "
                "nothing to score."
            )
        return self if both == self.protocol else replace(self, table=table, protocol=both)


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
