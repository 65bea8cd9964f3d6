"""Open targets: clips whose moments, or those of a class, are all annotated: absence is known.

A target of `vid2vidmr.records.Pair` is the reference clip of one moment. An open target is any clip
in which every moment of every class (or of one, where it has a label) is annotated: it holds a
query's class no times, once or several times.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from vid2vidmr.data.fingerprint import update
from vid2vidmr.errors import DataError
from vid2vidmr.windows import temporal_iou

SHARES: Mapping[str, float] = {"none": 0.4, "one": 0.35, "several": 0.25}
"""Of the targets that a class has with so many of its moments; where there are none of a kind, the
others have its share in the same proportion."""
ROOM_S = 2.0
"""On the time line of an archive clips begin at its multiples, and at least so far apart."""
OWN = 0.1
"""IoU with a query from which a moment, or an answer, is the query's own."""


@dataclass(frozen=True)
class Targets:
    """The open targets of a split, and the moments in them.

    Attributes
    ----------
    clips : DataFrame
        One row a target: ``video, source, clip_start_s, clip_end_s``, seconds in the file, and
        ``label``, the class that is annotated in it; empty for all.
    moments : DataFrame
        One row a moment: ``clip`` (row of `clips`), ``label, start_s, end_s``, seconds from the
        target's start; sorted, none twice.
    """

    clips: pd.DataFrame
    moments: pd.DataFrame

    @classmethod
    def join(cls, targets: pd.DataFrame, moments: pd.DataFrame, videos: pd.DataFrame) -> Targets:
        """Find the moments that lie in each target, columns `vid2vidmr.data.info.TARGET_COLUMNS`.

        Raises
        ------
        DataError
            If a moment crosses the edge of a target, or has no times: nobody could say whether it
            is there.
        """
        clips = targets[["video_id", "clip_start_s", "clip_end_s", "label"]]
        clips = clips.rename(columns={"video_id": "video"})
        source = videos.set_index("video_id")["source_id"]
        clips.insert(1, "source", clips["video"].map(source).to_numpy())
        clips = clips.reset_index(drop=True)
        inside = (
            clips.rename(columns={"label": "only"})
            .reset_index(names="clip")
            .merge(
                pd.DataFrame(
                    {
                        "video": moments["video_id"],
                        "label": moments["label"],
                        "start_s": moments["clip_start_s"] + moments["start_s"],
                        "end_s": moments["clip_start_s"] + moments["end_s"],
                    }
                ),
                on="video",
            )
        )
        inside = inside[(inside["only"] == "") | (inside["only"] == inside["label"])]
        unknown = inside["start_s"].isna() | inside["end_s"].isna()
        if unknown.any():
            first = inside[unknown].iloc[0]
            raise DataError(
                f"A {first['label']!r} of {first['video']} has no times, and the video has open "
                "targets: expected targets of which every moment is known."
            )
        low, high = inside["clip_start_s"], inside["clip_end_s"]
        inside = inside[(inside["end_s"] > low + 1e-3) & (inside["start_s"] < high - 1e-3)]
        low, high = inside["clip_start_s"], inside["clip_end_s"]
        crossing = (inside["start_s"] < low - 1e-3) | (inside["end_s"] > high + 1e-3)
        if crossing.any():
            first = inside[crossing].iloc[0]
            raise DataError(
                f"A {first['label']!r} of {first['video']} ({first['start_s']:g} to "
                f"{first['end_s']:g} s) crosses the edge of an open target: expected targets that "
                "hold a moment or do not."
            )
        inside[["start_s", "end_s"]] = inside[["start_s", "end_s"]].sub(low, axis=0)
        columns = ["clip", "label", "start_s", "end_s"]
        return cls(clips, inside[columns].drop_duplicates().sort_values(columns, ignore_index=True))

    @cached_property
    def key(self) -> str:
        """Hash of the clips, in their order: with the data set's fingerprint it decides a draw."""
        digest = hashlib.sha256()
        update(digest, self.clips)
        return digest.hexdigest()[:8]

    @cached_property
    def _windows(self) -> dict[tuple[int, str], np.ndarray]:
        """Windows (n, 2) of a class in a clip."""
        found: dict[tuple[int, str], list[tuple[float, float]]] = {}
        for clip, label, start_s, end_s in self.moments.itertuples(index=False):
            found.setdefault((clip, label), []).append((start_s, end_s))
        return {of: np.array(windows) for of, windows in found.items()}

    def windows(self, clip: int, label: str) -> np.ndarray:
        """Windows of a class in a clip, (n, 2), seconds from its start."""
        return self._windows.get((clip, label), np.empty((0, 2)))

    @cached_property
    def starts_s(self) -> np.ndarray:
        """Where each clip begins on the time line of the archive, (clips,).

        One after the other in their order.
        """
        return np.concatenate([[0.0], np.cumsum(self._room_s)[:-1]])

    @property
    def length_s(self) -> float:
        """Length of the archive's time line."""
        return float(self._room_s.sum())

    @property
    def _room_s(self) -> np.ndarray:
        lengths_s = (self.clips["clip_end_s"] - self.clips["clip_start_s"]).to_numpy("float64")
        room: np.ndarray = ROOM_S * (np.ceil(lengths_s / ROOM_S) + 1)
        return room

    def own(self, *queries: tuple[str, float, float]) -> list[tuple[int, float, float]]:
        """Where queries lie in the clips: clip, start and end in seconds from the clip's start."""
        return [
            (clip, start_s - first, end_s - first)
            for video, start_s, end_s in queries
            for clip, first, last in self._clips_of.get(video, ())
            if start_s < last and end_s > first
        ]

    @cached_property
    def _clips_of(self) -> dict[str, list[tuple[int, float, float]]]:
        """Clips of a video, with the seconds in its file."""
        names = ("video", "clip_start_s", "clip_end_s")
        found: dict[str, list[tuple[int, float, float]]] = {}
        for clip, (video, first, last) in enumerate(zip(*map(self.clips.get, names), strict=True)):
            found.setdefault(video, []).append((clip, first, last))
        return found

    def everywhere(self, label: str, queries: Sequence[tuple[str, float, float]]) -> np.ndarray:
        """Windows of a class in all clips, without the queries' own.

        Parameters
        ----------
        queries : sequence of (video, start_s, end_s)
            Seconds in the file; NaN where it is a file of its own.

        Returns
        -------
        ndarray, (n, 2)
            Seconds on the time line of the archive.

        Raises
        ------
        DataError
            If other classes than those of a clip may be in it, unknown.
        """
        if (self.clips["label"] != "").any():
            raise DataError(
                "Some of the open targets are annotated for one class only: the protocol archive "
                "needs targets in which every moment of every class is known."
            )
        found = self._of_label.get(label, np.empty((0, 3)))
        other = np.ones(len(found), bool)
        for clip, *place in self.own(*queries):
            other &= (found[:, 0] != clip) | (temporal_iou(found[:, 1:], np.array(place)) <= OWN)
        found = found[other]
        windows: np.ndarray = found[:, 1:] + self.starts_s[found[:, 0].astype(int), None]
        return windows

    @cached_property
    def _of_label(self) -> dict[str, np.ndarray]:
        """Clip, start and end of every moment of a class, (n, 3)."""
        columns = ["clip", "start_s", "end_s"]
        groups = self.moments.groupby("label", observed=True)
        return {str(label): part[columns].to_numpy("float64") for label, part in groups}

    @cached_property
    def _kinds(self) -> dict[str, dict[str, list[int]]]:
        """Clips of every kind in `SHARES` that there is, by class.

        A clip without the class holds a moment of another, if it is annotated for all.
        """
        counts = self.moments.groupby(["label", "clip"], observed=True).size()
        only = self.clips["label"].to_numpy()
        other = (only == "") & np.isin(np.arange(len(only)), self.moments["clip"])
        kinds = {}
        for label in {*counts.index.unique("label"), *filter(None, only)}:
            of_class = np.zeros(len(only), dtype=int)
            if label in counts.index:
                of_class[counts.loc[label].index] = counts.loc[label]
            found = {
                "none": ((only == label) | other) & (of_class == 0),
                "one": of_class == 1,
                "several": of_class > 1,
            }
            kinds[label] = {
                kind: np.flatnonzero(some).tolist() for kind, some in found.items() if some.any()
            }
        return kinds

    @cached_property
    def _sources(self) -> list[str]:
        return self.clips["source"].tolist()

    def draw(self, label: str, source: str, uniform: np.ndarray) -> int | None:
        """Draw a target for a query; None where no target of another recording is known.

        Parameters
        ----------
        label, source : str
            The query's class and recording; the target is of another recording.
        uniform : ndarray, (2,)
            Draws in [0, 1): of the kind, and of the clip.

        Returns
        -------
        int or None
            Row of `clips`.
        """
        kinds = self._kinds.get(label)
        if kinds is None:
            return None
        shares = np.cumsum([SHARES[kind] for kind in kinds])
        first = int((uniform[0] * shares[-1] >= shares).sum())
        of_kinds = list(kinds.values())
        for clips in of_kinds[first:] + of_kinds[:first]:
            at = int(uniform[1] * len(clips))
            for k in range(len(clips)):
                clip = clips[(at + k) % len(clips)]
                if self._sources[clip] != source:
                    return clip
        return None
