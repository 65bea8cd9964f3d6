"""Writing a data set folder: tables are checked first."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from vid2vidmr.data.checks import (
    checked,
    checked_targets,
    require_inside,
    require_known,
    require_own_moments,
    require_times,
)
from vid2vidmr.data.dataset import TARGETS, Dataset
from vid2vidmr.data.fingerprint import fingerprint
from vid2vidmr.data.info import (
    MOMENT_COLUMNS,
    PAIR_COLUMNS,
    SPLITS,
    VIDEO_COLUMNS,
    DatasetInfo,
)
from vid2vidmr.data.targets import Targets
from vid2vidmr.files import replacing, write_json


def write_dataset(
    out: Path,
    info: DatasetInfo,
    moments: pd.DataFrame,
    pairs: Mapping[str, pd.DataFrame],
    videos: pd.DataFrame,
    options: Mapping[str, object] | None = None,
    targets: pd.DataFrame | None = None,
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
    targets : DataFrame, optional
        Clips in which every moment is annotated, columns `TARGET_COLUMNS`: what the protocol
        ``open`` needs. It decides no other score, and the fingerprint does not depend on it.

    Raises
    ------
    DataError
        If a table is empty, lacks a column, repeats an id, names an id that does not exist, or
        holds text with control characters; or a moment starts before its clip, ends before it
        starts, after its clip, or after its video where the length is known, or crosses the edge of
        a target, or may; or a target is no clip of a video; or there is no such split, or pairs
        name moments of another one.

    Examples
    --------
    >>> import vid2vidmr as v
    >>> v.write_dataset(out, info, moments, {"train": train, "test": test}, videos)
    """
    moments = checked(moments, MOMENT_COLUMNS, f"{info.name}: the table of moments")
    require_times(moments, info.name)
    floats = ["clip_start_s", "clip_end_s", "start_s", "end_s"]
    moments[floats] = moments[floats].astype("float64")
    videos = checked(videos, VIDEO_COLUMNS, f"{info.name}: the table of videos")
    pairs = {
        split: checked(
            pairs[split], PAIR_COLUMNS, f"{info.name}: the table of {split} pairs"
        ).astype({"query_id": "category", "target_id": "category"})
        for split in dict.fromkeys((*SPLITS, *pairs))
        if split in pairs
    }
    require_known(info.name, moments, pairs, videos)
    require_own_moments(info.name, moments, pairs)
    require_inside(moments, videos, info.name)
    if targets is not None:
        targets = checked_targets(targets, videos, f"{info.name}: the table of targets")
        Targets.join(targets, moments, videos)
    # A folder whose tables are being replaced is no data set until dataset.json is back.
    (out / "dataset.json").unlink(missing_ok=True)
    (out / TARGETS).unlink(missing_ok=True)
    for split in SPLITS:
        (out / "pairs" / f"{split}.parquet").unlink(missing_ok=True)
    for path, table in [
        (out / "moments.parquet", moments),
        (out / "videos.parquet", videos),
        *([] if targets is None else [(out / TARGETS, targets)]),
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
            **({} if targets is None else {"targets": len(targets)}),
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
    _write_table(out / "videos.parquet", checked(videos, VIDEO_COLUMNS, "The table of videos"))
