"""Which videos of a data set are here: a dated, hashed list that others can score by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from vid2vidmr.errors import DataError
from vid2vidmr.files import MAX_TABLE_BYTES, read_json
from vid2vidmr.records import Record, fault

NAME = "availability.json"


class Availability(Record):
    """A video: `status` is ok, missing or failed; `reason` says why it failed; `date` when."""

    video_id: str
    status: str
    reason: str | None = None
    sha256: str | None = None
    date: str | None = None


class Manifest(Record):
    """All videos of a data set, and which are here.

    `date` is in UTC; `sha256` is the hash of all other fields.
    """

    dataset: str
    dataset_fingerprint: str
    date: str
    videos: tuple[Availability, ...]
    sha256: str

    @property
    def available(self) -> frozenset[str]:
        """Ids of the videos that are here."""
        return frozenset(video.video_id for video in self.videos if video.status == "ok")

    @property
    def subset(self) -> str:
        """Name of the subset: manifests with the same videos have the same."""
        return hashlib.sha256("\x1f".join(sorted(self.available)).encode()).hexdigest()[:8]


class _Built(Protocol):
    """What a manifest says of a data set; the data set's own module has its pairs import this."""

    @property
    def name(self) -> str: ...
    @property
    def fingerprint(self) -> str: ...


def new_manifest(dataset: _Built, videos: Sequence[Availability]) -> Manifest:
    """Date and hash the list of a data set's videos."""
    fields = {
        "dataset": dataset.name,
        "dataset_fingerprint": dataset.fingerprint,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "videos": [video.model_dump() for video in videos],
    }
    return Manifest.model_validate({**fields, "sha256": _hash(fields)})


def _hash(fields: Mapping[str, Any]) -> str:
    text = json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def read_manifest(path: Path, dataset: _Built) -> Manifest:
    """Read a manifest, one's own or somebody else's.

    Raises
    ------
    DataError
        If it is none, was changed after it was written, or is of other moments or pairs.
    """
    value = read_json(path, MAX_TABLE_BYTES)
    try:
        manifest = Manifest.model_validate(value)
    except ValidationError as error:
        raise DataError(
            f"{path} is not an availability manifest ({fault(error)}): expected the "
            f"{NAME} that a build with --download writes."
        ) from None
    if _hash({k: v for k, v in manifest.model_dump().items() if k != "sha256"}) != manifest.sha256:
        raise DataError(f"{path} was changed after it was written: its hash differs; get it again.")
    if manifest.dataset_fingerprint != dataset.fingerprint:
        raise DataError(
            f"{path} is of {manifest.dataset} {manifest.dataset_fingerprint}, not of "
            f"{dataset.name} {dataset.fingerprint}: both must be built from the same annotations."
        )
    return manifest
