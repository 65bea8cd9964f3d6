"""Writing a data set folder: tables are checked first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.fingerprint import fingerprint
from vid2vidmr.data.info import MOMENT_COLUMNS, PAIR_COLUMNS, SPLITS, VIDEO_COLUMNS, DatasetInfo
from vid2vidmr.errors import DataError
from vid2vidmr.files import replacing, write_json

SLACK_S = 0.5
"""How far a moment may end behind its clip or video: annotations round."""


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


def _require_known(
    name: str, moments: pd.DataFrame, pairs: Mapping[str, pd.DataFrame], videos: pd.DataFrame
) -> None:
    """Refuse tables that name videos or moments that are not there."""
    if unknown := set(moments["video_id"]) - set(videos["video_id"]):
        raise DataError(f"{name}: moments name unknown videos, e.g. {min(unknown)!r}.")
    known = set(moments["moment_id"])
    for split, table in pairs.items():
        named = {*table["query_id"].unique(), *table["target_id"].unique()}
        if unknown := named - known:
            raise DataError(f"{name}: {split} pairs name unknown moments: {min(unknown)!r}.")


def _require_windows(name: str, moments: pd.DataFrame, videos: pd.DataFrame) -> None:
    """Refuse clips and moments that end before they start, or outside what they lie in."""
    lengths = moments["video_id"].map(videos.set_index("video_id")["duration_s"]).astype("float64")
    clip_start, clip_end = moments["clip_start_s"], moments["clip_end_s"]
    start, end = moments["start_s"], moments["end_s"]
    for wrong, what in (
        (
            ~(clip_start >= 0) | (clip_end <= clip_start),
            "its clip ends before it starts, or before 0",
        ),
        (start.isna() != end.isna(), "it has a start or an end, not both"),
        ((start < 0) | (end <= start), "it ends before it starts, or before its clip"),
        (clip_start + end > clip_end + SLACK_S, "it ends after its clip"),
        (clip_end > lengths + SLACK_S, "its clip ends after its video"),
        (clip_start + end > lengths + SLACK_S, "it ends after its video"),
    ):
        if wrong.any():
            row = moments[wrong].iloc[0]
            length = lengths[wrong].iloc[0]
            raise DataError(
                f"{name}: the moment {row['moment_id']!r} is no moment: {what} (clip "
                f"{row['clip_start_s']:g} to {row['clip_end_s']:g} s of the video, moment "
                f"{row['start_s']:g} to {row['end_s']:g} s of the clip, video {length:g} s)."
            )


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
        If a table is empty, lacks a column, repeats an id, or names an id that does not exist; or a
        moment ends before it starts, after its clip, or after its video where the length is known.

    Examples
    --------
    >>> import vid2vidmr as v
    >>> v.write_dataset(out, info, moments, {"train": train, "test": test}, videos)
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
    _require_known(info.name, moments, pairs, videos)
    _require_windows(info.name, moments, videos)
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
    description = {
        **info.model_dump(),
        "fingerprint": fingerprint(info, moments, pairs),
        "counts": {
            "videos": len(videos),
            "moments": len(moments),
            "classes": {s: int(t["label"].nunique()) for s, t in moments.groupby("split")},
            "pairs": {split: len(table) for split, table in pairs.items()},
        },
        "options": dict(options or {}),
    }
    write_json(out / "dataset.json", description)
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
