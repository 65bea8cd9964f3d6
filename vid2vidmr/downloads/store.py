"""What is known of every download: a small SQLite file in the data set's folder."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from vid2vidmr.downloads.reasons import FetchError, Reason
from vid2vidmr.errors import DataError

NAME = "downloads.sqlite"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS videos (
    video_id TEXT PRIMARY KEY, url TEXT NOT NULL, state TEXT NOT NULL, reason TEXT, message TEXT,
    attempts INTEGER NOT NULL, path TEXT, bytes INTEGER, sha256 TEXT, duration_s REAL,
    changed TEXT NOT NULL
)
"""


class Arrived(NamedTuple):
    """A file that passed all checks; `path` is relative to the data set's folder."""

    path: str
    bytes: int
    sha256: str
    duration_s: float


class VideoState(NamedTuple):
    """Row of a video.

    `state` is pending, downloading, done or failed; `reason` and `message` are those of the last
    failure; `attempts` counts over all runs; `changed` is a date in UTC.
    """

    video_id: str
    url: str
    state: str
    reason: Reason | None
    message: str | None
    attempts: int
    path: str | None
    bytes: int | None
    sha256: str | None
    duration_s: float | None
    changed: str


class DownloadStore:
    """States of the downloads of one data set folder; used by one thread.

    Every change is one transaction: what a killed run knew, the next one knows.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / NAME
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, isolation_level=None)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute(_SCHEMA)
        except sqlite3.Error as error:
            raise DataError(
                f"{path} cannot be used ({error}): delete it; files that are there are checked "
                "and kept."
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()

    def add(self, urls: Iterable[tuple[str, str]]) -> None:
        """Add videos (id, address) as pending; those that are known take the new address."""
        self._db.execute("BEGIN")
        self._db.executemany(
            "INSERT INTO videos (video_id, url, state, attempts, changed) "
            "VALUES (?, ?, 'pending', 0, ?) "
            "ON CONFLICT (video_id) DO UPDATE SET url = excluded.url",
            [(video_id, url, _now()) for video_id, url in urls],
        )
        self._db.execute("COMMIT")

    def states(self) -> dict[str, VideoState]:
        """All rows by video id, in the order they were added."""
        rows = self._db.execute(
            f"SELECT {', '.join(VideoState._fields)} FROM videos ORDER BY rowid"
        )
        found = map(VideoState._make, rows)
        return {
            row.video_id: row._replace(reason=Reason(row.reason) if row.reason else None)
            for row in found
        }

    def pending(self, video_id: str) -> None:
        """Say that a video is to be downloaded."""
        self._set(video_id, state="pending", path=None, bytes=None, sha256=None, duration_s=None)

    def downloading(self, video_id: str) -> None:
        """Say that an attempt begins."""
        self._db.execute("UPDATE videos SET attempts = attempts + 1 WHERE video_id = ?", [video_id])
        self._set(video_id, state="downloading")

    def done(self, video_id: str, file: Arrived) -> None:
        """Say that a file has arrived."""
        self._set(video_id, state="done", reason=None, message=None, **file._asdict())

    def failed(self, video_id: str, failure: FetchError) -> None:
        """Say that an attempt ended without a file."""
        reason, message = failure.reason.value, failure.message
        self._set(video_id, state="failed", reason=reason, message=message)

    def _set(self, video_id: str, **values: object) -> None:
        names = ", ".join(f"{name} = ?" for name in (*values, "changed"))
        self._db.execute(
            f"UPDATE videos SET {names} WHERE video_id = ?", [*values.values(), _now(), video_id]
        )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def read_states(folder: Path) -> dict[str, VideoState]:
    """States of the downloads of a folder; empty where nothing was ever downloaded."""
    if not (folder / NAME).exists():
        return {}
    with DownloadStore(folder) as store:
        return store.states()
