"""The built data set: a folder of documented files, opened by `load_dataset`.

::

    dataset.json                  name, version, fingerprint, source, licence, counts (written last)
    moments.parquet               one row a moment (`vid2vidmr.records.Moment`)
    pairs/{train,val,test}.parquet    pair_id, query_id, target_id (moment ids)
    videos.parquet                video_id, source_id, path, duration_s, sha256, status
    targets.parquet               video_id, split, clip_start_s, clip_end_s: clips in which all
                                  moments are annotated, where that is known
    videos/                       the files, where there are any

A repository of the Hub that `vid2vidmr push` made holds the same, with the features that were
pushed and without the videos.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vid2vidmr.data.checks import (
    checked,
    checked_targets,
    read_table,
    require_inside,
    require_known,
    require_times,
    video_file,
)
from vid2vidmr.data.fingerprint import fingerprint
from vid2vidmr.data.info import (
    MOMENT_COLUMNS,
    PAIR_COLUMNS,
    SPLITS,
    VIDEO_COLUMNS,
    DatasetInfo,
)
from vid2vidmr.errors import DataError, UnknownNameError
from vid2vidmr.files import MAX_RECORD_BYTES, file_sha256, read_json
from vid2vidmr.records import fault
from vid2vidmr.registry import registered_names
from vid2vidmr.repositories import fetch_repository, is_repository

if TYPE_CHECKING:
    from vid2vidmr.contract import CaptionSource, FeatureSource
    from vid2vidmr.data.pairs import PairSet
    from vid2vidmr.data.targets import Targets

TARGETS = "targets.parquet"
TABLES = ["dataset.json", "README.md", "NOTICE", "*.parquet"]
"""What is fetched of a repository at first; the card says where the tables lie."""


class Counts(BaseModel):
    """Numbers of what a data set has, those of classes and pairs by split.

    `targets` are clips in which every moment is annotated; None where that is not known.
    """

    videos: int
    moments: int
    classes: dict[str, int]
    pairs: dict[str, int]
    targets: int | None = None


class _Description(DatasetInfo):
    """What ``dataset.json`` holds; fields of later versions are ignored."""

    model_config = ConfigDict(extra="ignore")

    fingerprint: Annotated[str, Field(pattern=r"^(synthetic-)?[0-9a-f]{16}$")]
    counts: Counts
    options: dict[str, Any] = Field(default_factory=dict)


def data_home() -> Path:
    """Where data sets are built by default: ``$VID2VIDMR_DATA`` or ``./data``."""
    return Path(os.environ.get("VID2VIDMR_DATA", "data"))


@dataclass(frozen=True)
class Dataset:
    """A built data set folder; tables are read when first asked for.

    Attributes
    ----------
    repository : str or None
        Of the Hub, where `path` is its snapshot in the cache.
    """

    path: Path
    repository: str | None = None

    def __reduce__(self) -> tuple[type[Dataset], tuple[Path, str | None]]:
        return Dataset, (self.path, self.repository)  # others read the tables themselves

    @cached_property
    def _description(self) -> _Description:
        path = self.path / "dataset.json"
        try:
            return _Description.model_validate(read_json(path, MAX_RECORD_BYTES))
        except ValidationError as error:
            raise DataError(
                f"{path} does not describe a data set ({fault(error)}): build it again."
            ) from None

    @cached_property
    def info(self) -> DatasetInfo:
        """Name, version, source, licence."""
        return DatasetInfo(**self._description.model_dump(include=set(DatasetInfo.model_fields)))

    @property
    def name(self) -> str:
        """Name of the data set."""
        return self.info.name

    @property
    def fingerprint(self) -> str:
        """Hash of what decides a score."""
        return self._description.fingerprint

    @property
    def counts(self) -> dict[str, Any]:
        """Numbers of videos, moments, classes, pairs and, where they are known, open targets."""
        return self._description.counts.model_dump(exclude_none=True)

    @property
    def options(self) -> dict[str, Any]:
        """What the build was asked for, such as its seed."""
        return self._description.options

    def fetch(self, files: list[str]) -> None:
        """Fetch more files of a repository, of the same commit; a folder has all it will have."""
        if self.repository is not None:
            fetch_repository(self.repository, files, "dataset", revision=self.path.name)

    def _table(self, file: str) -> pd.DataFrame:
        if self.repository is not None:
            return self._shared_table(file)
        return read_table(self.path / file, self.name)

    def _shared_table(self, file: str) -> pd.DataFrame:
        """Read a table from the files that the repository's card says, however many they are."""
        import datasets

        config, _, split = file.removesuffix(".parquet").partition("/")
        try:
            found = datasets.load_dataset(str(self.path), config, split=split or config)
        except (OSError, ValueError, KeyError, datasets.exceptions.DatasetsError) as error:
            reason = str(error).partition("\n")[0]
            raise DataError(f"{self.repository} has no table {file} ({reason}).") from None
        table: pd.DataFrame = found.to_pandas()
        ids = [column for column in ("query_id", "target_id") if column in table]
        return table.astype(dict.fromkeys(ids, "category"))

    @cached_property
    def moments(self) -> pd.DataFrame:
        """One row a moment, columns `MOMENT_COLUMNS`."""
        return self._table("moments.parquet")

    @cached_property
    def videos(self) -> pd.DataFrame:
        """One row a video, columns `VIDEO_COLUMNS`."""
        return self._table("videos.parquet")

    @cached_property
    def exhaustive(self) -> pd.DataFrame | None:
        """One row a clip in which every moment is annotated, columns `TARGET_COLUMNS`."""
        return self._table(TARGETS) if "targets" in self.counts else None

    @property
    def splits(self) -> list[str]:
        """The splits that have pairs."""
        if self.repository is not None:
            return [split for split in SPLITS if split in self.counts["pairs"]]
        return [split for split in SPLITS if (self.path / "pairs" / f"{split}.parquet").exists()]

    def pair_ids(self, split: str) -> pd.DataFrame:
        """Pairs of a split as ids, columns `PAIR_COLUMNS`."""
        if split not in self.splits:
            raise DataError(
                f"{self.name} has no {split!r} pairs here; it has {', '.join(self.splits)}."
            )
        table = self._table(f"pairs/{split}.parquet")
        if table.empty:
            raise DataError(f"{self.path} has no {split} pairs (an empty table): build it again.")
        return table

    def pairs(
        self,
        split: str,
        features: FeatureSource | None = None,
        captions: CaptionSource | None = None,
    ) -> PairSet:
        """Pairs of a split, joined with their moments.

        Parameters
        ----------
        split : {"train", "val", "test"}
        features : FeatureSource, optional
            Where methods find the features of the videos.
        captions : CaptionSource, optional
            Where methods that ask by text find the features of the queries' captions.
        """
        from vid2vidmr.data.pairs import PairSet

        table = self.pair_ids(split)
        pairs = PairSet.join(table, self.moments, self.videos, split, features)
        return replace(pairs, captions=captions, targets=self.targets(split))

    def targets(self, split: str) -> Targets | None:
        """Clips of a split in which every moment is annotated; None where that is not known."""
        from vid2vidmr.data.targets import Targets

        table = self.exhaustive
        if table is None:
            return None
        return Targets.join(table[table["split"] == split], self.moments, self.videos)

    def queries(self) -> dict[str, dict[float, float]]:
        """Find the queries that are parts of videos: video id to start and (latest) end, in s."""
        asked = {id_ for split in self.splits for id_ in self.pair_ids(split)["query_id"].unique()}
        moments = self.moments[self.moments["moment_id"].isin(asked)].dropna(subset=["start_s"])
        found: dict[str, dict[float, float]] = {}
        for video, clip, start, end in zip(
            moments["video_id"], moments["clip_start_s"], moments["start_s"], moments["end_s"],
            strict=True,
        ):  # fmt: skip
            of_video = found.setdefault(video, {})
            of_video[clip + start] = max(clip + end, of_video.get(clip + start, 0.0))
        return found

    def video_path(self, video_id: str) -> Path | None:
        """Path of a video file, None where there is none.

        Raises
        ------
        DataError
            If it lies outside of the folder and is no video.
        """
        if video_id not in self._video_rows:
            raise UnknownNameError(f"video of {self.name}", video_id, self._video_rows)
        row = self._video_rows[video_id]
        shared = self.repository is not None
        return video_file(self.path, row, shared=shared) if isinstance(row, str) else None

    def own_video(self, video_id: str) -> Path | None:
        """Path of a video file that may be given on, None where there is none.

        A file that a path or a link finds outside of the folder must have the hash that the data
        set says: somebody else's data set could name any file of this machine, not its hash.
        """
        path = self.video_path(video_id)
        if path is None or not path.is_file():
            return None
        file = path.resolve()
        if file.is_relative_to(self.path.resolve()):
            return file
        hashes = dict(zip(self.videos["video_id"], self.videos["sha256"], strict=True))
        return file if file_sha256(file) == hashes[video_id] else None

    def checked(self) -> Dataset:
        """Give this data set if its files say the same, whoever made them.

        Raises
        ------
        DataError
            If a table is not what it must be, or the fingerprint is that of other tables.
        """
        where, info = str(self.path), self.info
        moments = checked(self.moments, MOMENT_COLUMNS, f"{where}: the table of moments")
        require_times(moments, where)
        videos = checked(self.videos, VIDEO_COLUMNS, f"{where}: the table of videos")
        pairs = {
            split: checked(self.pair_ids(split), PAIR_COLUMNS, f"{where}: the {split} pairs")
            for split in self.splits
        }
        require_known(where, moments, pairs, videos)
        require_inside(moments, videos, where)
        for path in videos["path"].dropna():
            video_file(self.path, path, shared=self.repository is not None)
        self._require_targets(moments, videos)
        if fingerprint(info, moments, pairs) != self.fingerprint or self.counts["pairs"] != {
            split: len(table) for split, table in pairs.items()
        }:
            raise DataError(
                f"{where}: dataset.json has the fingerprint of other tables "
                f"({self.fingerprint}): get the data set again, or build it again."
            )
        return self

    def _require_targets(self, moments: pd.DataFrame, videos: pd.DataFrame) -> None:
        """Refuse open targets that are none; the fingerprint does not hold them."""
        from vid2vidmr.data.targets import Targets

        if (targets := self.exhaustive) is None:
            return
        targets = checked_targets(targets, videos, str(self.path / TARGETS))
        if len(targets) != self.counts["targets"]:
            raise DataError(f"{self.path / TARGETS} is not what dataset.json says: build it again.")
        Targets.join(targets, moments, videos)

    @cached_property
    def _video_rows(self) -> dict[str, object]:
        return dict(zip(self.videos["video_id"], self.videos["path"], strict=True))


def load_dataset(where: str | Path | Dataset) -> Dataset:
    """Open a data set: a folder, a name under `data_home`, or a repository of the Hub.

    Of a repository the tables are fetched into the Hub's cache, and features when they are opened.

    Parameters
    ----------
    where : str, Path or Dataset
        ``data/small``, ``minimatch``, ``user/name``; a data set is given back as it is.

    Raises
    ------
    DataError
        If the data set is known but not built, or what is there is not a data set, or its tables
        are not those that were built.
    HubError
        If it is named like a repository, and cannot be fetched.
    UnknownNameError
        If there is no such folder and no such data set.

    Examples
    --------
    >>> import vid2vidmr as v
    >>> dataset = v.load_dataset("minimatch")  # built by `vid2vidmr build minimatch`
    >>> dataset.pairs("test").table  # a DataFrame, one row a pair
    >>> v.load_dataset("user/minimatch").moments  # what `vid2vidmr push` put on the Hub
    """
    if isinstance(where, Dataset):
        return where
    path, name = Path(where), str(where)
    for folder in (path, data_home() / path):
        if (folder / "dataset.json").exists():
            return Dataset(folder).checked()
    if path.is_dir():
        raise DataError(f"{path} is not a built data set: it has no dataset.json.")
    if is_repository(name):
        dataset = Dataset(fetch_repository(name, TABLES, "dataset"), name)
        if not (dataset.path / "dataset.json").exists():
            raise DataError(f"{name} is no data set of `vid2vidmr push`: it has no dataset.json.")
        return dataset.checked()
    if name in registered_names("dataset"):
        raise DataError(
            f"{name} is not built in {data_home()}: run `vid2vidmr build {name}` first."
        )
    if name in registered_names("method"):
        raise DataError(f"{name} is a method, and a data set was expected: name that first.")
    for family in registered_names("dataset"):
        if name.startswith(f"{family}-"):
            raise DataError(
                f"{name} is not built in {data_home()}: build it with the options of "
                f"`vid2vidmr build {family} --help` that give this name."
            )
    if any(sign in name for sign in (os.sep, "/", ".")):
        raise DataError(f"There is no folder {path}: expected one that holds a built data set.")
    raise UnknownNameError("data set", name, registered_names("dataset"))
