"""An archive that can be searched: its videos, their features, and the form that is scanned.

The folder is a feature store whose keys are hashes of the files, so that a file that was moved or
copied is not encoded again; beside it lie the table of videos and the `Sketch`::

    contract.json, index.jsonl, features.bin    see `vid2vidmr.features.store`
    videos.jsonl                                one line a video, see `ArchivedVideo`
    scan/                                       see `vid2vidmr.archive.sketch`
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vid2vidmr.archive.sketch import Sketch, read_sketch
from vid2vidmr.archive.videos import ArchivedVideo, read_videos
from vid2vidmr.contract import FeatureContract, FeatureSource
from vid2vidmr.errors import DataError, UnknownNameError
from vid2vidmr.features.store import FeatureStore


class ArchiveFeatures:
    """Features of an archive by the names of its videos, see `FeatureSource`."""

    def __init__(self, store: FeatureStore, keys: Mapping[str, str]) -> None:
        self.contract = store.contract
        self._store, self._keys = store, keys

    def rows(self, video_id: str, start_s: float = 0.0, end_s: float | None = None) -> np.ndarray:
        """Features of a window of a video."""
        return self._store.rows(self._keys[video_id], start_s, end_s)

    def query_rows(self, video_id: str, start_s: float, end_s: float) -> np.ndarray:
        """Features of a query; one that begins off the grid takes the nearest rows."""
        return self.rows(video_id, start_s, end_s)


@dataclass(frozen=True)
class Archive:
    """Many videos that are searched at once.

    Attributes
    ----------
    path : Path or None
        The folder; None in memory.
    features : FeatureSource
        By video id.
    sketch : Sketch
        What is scanned; its videos are those that can be found.
    durations_s : mapping of str to float
    videos : mapping of str to ArchivedVideo
        What is known of the files; empty in memory.
    """

    path: Path | None
    features: FeatureSource
    sketch: Sketch
    durations_s: Mapping[str, float]
    videos: Mapping[str, ArchivedVideo]

    @classmethod
    def of(cls, features: FeatureSource, durations_s: Mapping[str, float]) -> Archive:
        """Make one in memory.

        Parameters
        ----------
        features : FeatureSource
        durations_s : mapping of str to float
            The videos that are searched, in seconds.
        """
        counts = {video: len(features.rows(video)) for video in durations_s}
        sketch = Sketch.of(counts, features.rows, features.contract.step_s)
        return cls(None, features, sketch, durations_s, {})

    def __len__(self) -> int:
        return len(self.sketch.spans)

    @property
    def contract(self) -> FeatureContract:
        """How the features were made."""
        return self.features.contract

    @property
    def hours(self) -> float:
        """Hours that are searched."""
        return self.sketch.step_s * len(self.sketch.rows) / 3600

    def video_path(self, video_id: str) -> Path | None:
        """Path of a video file, None where there is none.

        Raises
        ------
        UnknownNameError
            If the archive has no such video.
        """
        if video_id not in self.durations_s:
            raise UnknownNameError("video of the archive", video_id, self.durations_s)
        row = self.videos.get(video_id)
        path = None if row is None else Path(row.path)
        return path if path is not None and path.is_file() else None


def open_archive(where: str | Path | Archive) -> Archive:
    """Open an archive that `vid2vidmr index` wrote.

    Its store opens with `FeatureStore(where)`, too, and ``vid2vidmr pretrain --videos`` takes it.

    Raises
    ------
    DataError
        If there is none, or its files do not belong together.

    Examples
    --------
    >>> import vid2vidmr as v
    >>> archive = v.open_archive("archive")
    >>> archive.hours, archive.durations_s
    """
    if isinstance(where, Archive):
        return where
    path = Path(where)
    if not (path / "contract.json").exists():
        raise DataError(
            f"There is no archive in {path}: run `vid2vidmr index VIDEOS --out {path}` first."
        )
    store, sketch = FeatureStore(path), read_sketch(path)
    videos = {row.video_id: row for row in read_videos(path)}
    missing = [v for v in sketch.spans if v not in videos or videos[v].sha256 not in store]
    if missing:
        raise DataError(
            f"{path} has no features of {missing[0]!r}, which its scan/ names: run `vid2vidmr "
            f"index VIDEOS --out {path}` again."
        )
    keys = {video: videos[video].sha256 for video in sketch.spans}
    durations_s = {video: videos[video].duration_s for video in sketch.spans}
    return Archive(path, ArchiveFeatures(store, keys), sketch, durations_s, videos)
