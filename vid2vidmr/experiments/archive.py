"""The protocol ``archive``: every query, or several examples, asked of all targets at once.

A prediction's windows are seconds on one time line, on which the targets lie one after the other
(`vid2vidmr.data.targets.Targets.starts_s`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from vid2vidmr.archive.search import Searcher
from vid2vidmr.archive.store import Archive
from vid2vidmr.contract import FeatureContract, FeatureSource
from vid2vidmr.data.pairs import PairSet, pair_table
from vid2vidmr.data.protocols import OPEN, Protocol, pair_stream
from vid2vidmr.data.targets import OWN, Targets
from vid2vidmr.errors import UserError
from vid2vidmr.evaluation.archive_retrieval import ARCHIVE_WINDOWS
from vid2vidmr.methods.base import Method
from vid2vidmr.records import Prediction
from vid2vidmr.windows import temporal_iou


def search_archive(method: Method, pairs: PairSet) -> Iterator[Prediction]:
    """Yield the windows of every query, at most `ARCHIVE_WINDOWS`, best first.

    Methods that compare features read what an archive's scan finds, as `vid2vidmr search` does;
    bias rows answer in every target alike.

    Raises
    ------
    UserError
        If the method is neither.
    """
    targets = pairs.targets
    assert targets is not None  # or the protocol had refused
    if method.info.kind == "bias":
        yield from _blind(method, pairs, targets)
        return
    if pairs.features is None:
        raise UserError(f"{method.info.name} does not compare features of videos: leave it away.")
    searcher = Searcher(archive_of(targets, pairs.features), method)
    pairs = replace(pairs, query=method.query)
    fuse = pairs.protocol.shots.fuse if pairs.protocol.shots else "mean"
    for i, pair_id in enumerate(pairs.table["pair_id"]):
        places = targets.own(*pairs.query_places(i))
        own = [(str(clip), start_s, end_s) for clip, start_s, end_s in places]
        rows = pairs.example_features(i)
        found = searcher.candidates(rows, own=own, top=ARCHIVE_WINDOWS, fuse=fuse)
        yield _prediction(
            pair_id, targets, np.array(found.videos, int), found.windows, found.scores
        )


def archive_of(targets: Targets, features: FeatureSource) -> Archive:
    """Give open targets as an archive in memory, whose videos are their numbers."""
    return Archive.of(_Clips(features, targets), _lengths(targets))


class _Clips:
    """Features of the targets by their numbers, see `FeatureSource`."""

    def __init__(self, features: FeatureSource, targets: Targets) -> None:
        clips = targets.clips
        self._features, self._videos = features, clips["video"].tolist()
        self._spans = clips[["clip_start_s", "clip_end_s"]].to_numpy("float64").tolist()

    @property
    def contract(self) -> FeatureContract:
        return self._features.contract

    def rows(self, video_id: str, start_s: float = 0.0, end_s: float | None = None) -> np.ndarray:
        first_s, last_s = self._spans[int(video_id)]
        end_s = last_s if end_s is None else min(last_s, first_s + end_s)
        return self._features.rows(self._videos[int(video_id)], first_s + start_s, end_s)

    def query_rows(self, video_id: str, start_s: float, end_s: float) -> np.ndarray:
        return self.rows(video_id, start_s, end_s)


def _lengths(targets: Targets) -> dict[str, float]:
    lengths_s = targets.clips["clip_end_s"] - targets.clips["clip_start_s"]
    return {str(clip): float(length_s) for clip, length_s in lengths_s.items()}


def _blind(method: Method, pairs: PairSet, targets: Targets) -> Iterator[Prediction]:
    """Yield what a method that never looks says of all targets; equal scores in a random order."""
    lengths_s = np.array([*_lengths(targets).values()])
    for i, pair_id in enumerate(pairs.table["pair_id"]):
        places = pairs.query_places(i)
        names = [f"{pair_id} {clip}" for clip in range(len(lengths_s))]
        table = pair_table(
            names, places[0][0], targets.clips["video"], query_s=places[0][1:],
            clip_s=(0.0, lengths_s), truth_s=(np.nan, np.nan),
        )  # fmt: skip
        asked = replace(pairs, table=table, protocol=Protocol(OPEN))
        found = [
            (clip, *window)
            for clip, answer in enumerate(method.predict(asked))
            for window in answer.windows
        ]
        shuffled = pair_stream(method.seed, f"archive {pair_id}").permutation(len(found))
        rows = np.array(found, np.float64).reshape(-1, 4)[shuffled]
        for clip, *own in targets.own(*places):
            rows = rows[(rows[:, 0] != clip) | (temporal_iou(rows[:, 1:3], np.array(own)) <= OWN)]
        best = rows[np.argsort(-rows[:, 3], kind="stable")[:ARCHIVE_WINDOWS]]
        yield _prediction(pair_id, targets, best[:, 0].astype(int), best[:, 1:3], best[:, 3])


def _prediction(
    pair_id: str, targets: Targets, clips: np.ndarray, windows: np.ndarray, scores: np.ndarray
) -> Prediction:
    at_s = windows + targets.starts_s[clips, None]
    scored: list[tuple[float, float, float]] = [
        (float(start_s), float(end_s), float(score))
        for (start_s, end_s), score in zip(at_s, scores, strict=True)
    ]
    return Prediction(pair_id=pair_id, windows=tuple(scored[:ARCHIVE_WINDOWS]))
