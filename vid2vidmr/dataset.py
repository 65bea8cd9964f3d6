"""The built data set: a folder of documented files, opened by `load_dataset`.

::

    dataset.json                  name, version, fingerprint, source, licence, counts (written last)
    moments.parquet               one row a moment (`vid2vidmr.records.Moment`)
    pairs/{train,val,test}.parquet    pair_id, query_id, target_id (moment ids)
    videos.parquet                video_id, source_id, path, duration_s, sha256, status
    videos/                       the files, where there are any
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd
from pydantic import ConfigDict, Field, ValidationError

from vid2vidmr.errors import DataError, UnknownNameError
from vid2vidmr.files import read_json, replacing, write_json
from vid2vidmr.fingerprints import SPLITS, fingerprint
from vid2vidmr.records import Record
from vid2vidmr.registry import dataset_names

if TYPE_CHECKING:
    from vid2vidmr.contract import FeatureSource
    from vid2vidmr.features import FeatureStore
    from vid2vidmr.pairs import PairSet

__all__ = (
    "MOMENT_COLUMNS", "PAIR_COLUMNS", "SPLITS", "VIDEO_COLUMNS", "Dataset", "DatasetBuilder",
    "DatasetInfo", "data_home", "fingerprint", "load_dataset", "write_dataset", "write_videos",
)  # fmt: skip
MOMENT_COLUMNS = (
    "moment_id", "video_id", "label", "split", "clip_start_s", "clip_end_s", "start_s", "end_s",
)  # fmt: skip
PAIR_COLUMNS = ("pair_id", "query_id", "target_id")
VIDEO_COLUMNS = ("video_id", "source_id", "path", "duration_s", "sha256", "status")


class DatasetInfo(Record):
    """What is known of a data set before it is built.

    Attributes
    ----------
    name, title, version, source, licence, citation : str
    synthetic : bool
        True for rendered or simulated data; marked in the fingerprint, kept apart in leaderboards.
    default_encoder : str
        The encoder of the published numbers, or the one that needs no hub.
    """

    name: str
    title: str
    version: str
    source: str
    licence: str
    citation: str
    synthetic: bool
    default_encoder: str


class _Description(DatasetInfo):
    """What ``dataset.json`` holds; fields of later versions are ignored."""

    model_config = ConfigDict(extra="ignore")

    fingerprint: str
    counts: dict[str, Any]
    options: dict[str, Any] = Field(default_factory=dict)


class DatasetBuilder(ABC):
    """Turns annotations and videos into a built data set.

    Register the class under the entry point group ``vid2vidmr.datasets``.
    """

    info: ClassVar[DatasetInfo]
    notice: ClassVar[Path | None] = None
    """File of copyright notices that go wherever the annotations go."""

    @abstractmethod
    def build(self, out: Path, **options: Any) -> Dataset:
        """Build into the folder `out`; a killed build continues when called again.

        A builder names the options it takes as keyword parameters, all of them optional; the
        command line refuses others (`vid2vidmr.building.build_dataset`).

        Parameters
        ----------
        out : Path
            The data set folder.
        videos : int or Path, optional
            Number of videos, for data sets of adjustable size; or the folder that holds them.
        seed : int, optional
            Seed of every random draw, for data sets that draw.
        max_pairs_per_class : int, optional
            Hard limit, for data sets that draw pairs.
        download : DownloadOptions, optional
            Fetch the videos, see `vid2vidmr.downloads`.
        moments : Path, optional
            Moments of one's own, CSV.
        """


def data_home() -> Path:
    """Where data sets are built by default: ``$VID2VIDMR_DATA`` or ``./data``."""
    return Path(os.environ.get("VID2VIDMR_DATA", "data"))


def _check(table: pd.DataFrame, columns: tuple[str, ...], what: str) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.compute as pc

    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise DataError(f"{what} lacks the columns {missing}; expected {list(columns)}.")
    if table.empty:
        raise DataError(f"{what} is empty: a data set needs at least one row.")
    key = columns[0]
    if pc.count_distinct(pa.array(table[key]), mode="all").as_py() < len(table):
        first = table.loc[table[key].duplicated(), key].iloc[0]
        raise DataError(f"{what} has the {key} {first!r} more than once; ids must be unique.")
    return table[list(columns)].reset_index(drop=True)


def write_dataset(
    out: Path,
    info: DatasetInfo,
    moments: pd.DataFrame,
    pairs: Mapping[str, pd.DataFrame],
    videos: pd.DataFrame,
    options: Mapping[str, object] | None = None,
) -> Dataset:
    """Check the tables and write them as a data set folder.

    Parameters
    ----------
    out : Path
    info : DatasetInfo
    moments, videos : DataFrame
        With the columns `MOMENT_COLUMNS` and `VIDEO_COLUMNS`; `path` is relative to `out`, None
        where there is no file.
    pairs : mapping of str to DataFrame
        Split to table with the columns `PAIR_COLUMNS`.
    options : mapping of str to JSON value, optional
        What the build was asked for, such as its seed; kept in ``dataset.json``.

    Raises
    ------
    DataError
        If a table is empty, lacks a column, repeats an id, or names an id that does not exist.
    """
    moments = _check(moments, MOMENT_COLUMNS, f"{info.name}: the table of moments")
    floats = ["clip_start_s", "clip_end_s", "start_s", "end_s"]
    moments[floats] = moments[floats].astype("float64")
    videos = _check(videos, VIDEO_COLUMNS, f"{info.name}: the table of videos")
    pairs = {
        split: _check(
            pairs[split], PAIR_COLUMNS, f"{info.name}: the table of {split} pairs"
        ).astype({"query_id": "category", "target_id": "category"})
        for split in SPLITS
        if split in pairs
    }
    known_videos, known_moments = set(videos["video_id"]), set(moments["moment_id"])
    if unknown := set(moments["video_id"]) - known_videos:
        raise DataError(f"{info.name}: moments name unknown videos, e.g. {min(unknown)!r}.")
    for split, table in pairs.items():
        named = {*table["query_id"].unique(), *table["target_id"].unique()}
        if unknown := named - known_moments:
            raise DataError(f"{info.name}: {split} pairs name unknown moments: {min(unknown)!r}.")

    # A folder whose tables are being replaced is no data set until dataset.json is back.
    (out / "dataset.json").unlink(missing_ok=True)
    for split in SPLITS:
        (out / "pairs" / f"{split}.parquet").unlink(missing_ok=True)
    for path, table in [
        (out / "moments.parquet", moments),
        (out / "videos.parquet", videos),
        *((out / "pairs" / f"{split}.parquet", table) for split, table in pairs.items()),
    ]:
        _write_table(path, table)
    counts = {
        "videos": len(videos),
        "moments": len(moments),
        "classes": {s: int(t["label"].nunique()) for s, t in moments.groupby("split")},
        "pairs": {split: len(table) for split, table in pairs.items()},
    }
    write_json(
        out / "dataset.json",
        {
            **info.model_dump(),
            "fingerprint": fingerprint(info, moments, pairs),
            "counts": counts,
            "options": dict(options or {}),
        },
    )
    return Dataset(out)


def _write_table(path: Path, table: pd.DataFrame) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Ids that never repeat but share a beginning take a third of the room as differences.
    key = table.columns[0]
    with replacing(path) as temporary:
        pq.write_table(
            pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(),
            temporary,
            compression="zstd",
            use_dictionary=[column for column in table.columns if column != key],
            column_encoding={key: "DELTA_BYTE_ARRAY"},
            store_schema=False,  # categories are text to every reader
        )


def write_videos(out: Path, videos: pd.DataFrame) -> None:
    """Write the table of videos of a built data set again, when files have arrived or gone.

    It decides no score: the fingerprint stays.
    """
    _write_table(out / "videos.parquet", _check(videos, VIDEO_COLUMNS, "The table of videos"))


@dataclass(frozen=True)
class Dataset:
    """A built data set folder; tables are read when first asked for."""

    path: Path

    def __reduce__(self) -> tuple[type[Dataset], tuple[Path]]:
        return Dataset, (self.path,)  # other processes read the tables themselves

    @cached_property
    def _description(self) -> _Description:
        path = self.path / "dataset.json"
        try:
            return _Description.model_validate(read_json(path))
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"])) or "the file"
            raise DataError(
                f"{path} does not describe a data set ({field}: {first['msg']}): build it again."
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
        """Numbers of videos, moments, classes and pairs."""
        return self._description.counts

    @property
    def options(self) -> dict[str, Any]:
        """What the build was asked for, such as its seed."""
        return self._description.options

    def _table(self, file: str) -> pd.DataFrame:
        import pyarrow.parquet as pq

        try:
            # As categories, ids of 750,000 pairs take 3 MB instead of 50; other tables lack them.
            table: pd.DataFrame = pq.read_table(
                self.path / file, read_dictionary=["query_id", "target_id"]
            ).to_pandas()
        except FileNotFoundError:
            raise DataError(
                f"{self.path / file} does not exist: build {self.name} again."
            ) from None
        return table

    @cached_property
    def moments(self) -> pd.DataFrame:
        """One row a moment, columns `MOMENT_COLUMNS`."""
        return self._table("moments.parquet")

    @cached_property
    def videos(self) -> pd.DataFrame:
        """One row a video, columns `VIDEO_COLUMNS`."""
        return self._table("videos.parquet")

    @property
    def splits(self) -> list[str]:
        """The splits that have pairs."""
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
        captions: FeatureStore | None = None,
    ) -> PairSet:
        """Pairs of a split, joined with their moments.

        Parameters
        ----------
        split : {"train", "val", "test"}
        features : FeatureSource, optional
            Where methods find the features of the videos.
        captions : FeatureStore, optional
            Where methods that ask by text find the features of the queries' captions.
        """
        from vid2vidmr.pairs import PairSet

        table = self.pair_ids(split)
        pairs = PairSet.join(table, self.moments, self.videos, split, features)
        return replace(pairs, captions=captions)

    def video_path(self, video_id: str) -> Path | None:
        """Path of a video file, None where there is none."""
        if video_id not in self._video_rows:
            raise UnknownNameError(f"video of {self.name}", video_id, self._video_rows)
        row = self._video_rows[video_id]
        return self.path / row if isinstance(row, str) else None

    @cached_property
    def _video_rows(self) -> dict[str, object]:
        return dict(zip(self.videos["video_id"], self.videos["path"], strict=True))


def load_dataset(path_or_name: str | Path) -> Dataset:
    """Open a built data set by its folder, or by its name under `data_home`.

    Raises
    ------
    DataError
        If the data set is known but not built, or the folder is not a data set.
    UnknownNameError
        If there is no such folder and no such data set.
    """
    path = Path(path_or_name)
    for folder in (path, data_home() / path):
        if (folder / "dataset.json").exists():
            return Dataset(folder)
    if path.is_dir():
        raise DataError(f"{path} is not a built data set: it has no dataset.json.")
    name = str(path_or_name)
    if name in dataset_names():
        raise DataError(
            f"{name} is not built in {data_home()}: run `vid2vidmr build {name}` first."
        )
    raise UnknownNameError("data set", name, dataset_names())
