"""What the tables of a data set must be: refused when they are written, and when they are opened.

A data set may come from anybody. What its files say is believed once it was looked at: columns,
ids that are there, times, text without control characters, paths of videos.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PureWindowsPath

import numpy as np
import pandas as pd

from vid2vidmr.data.info import SPLITS, TARGET_COLUMNS
from vid2vidmr.errors import DataError
from vid2vidmr.video.files import is_video

MAX_ROWS = 50_000_000
"""Of a table: 65 times the pairs of Kinetics. A file of some kilobytes can claim any number."""
_CONTROL = r"[\x00-\x1f\x7f-\x{9f}\x{2028}\x{2029}]"
SLACK_S = 0.5
"""How far a moment may end behind its clip or video: annotations round."""
_TIMES = ("clip_start_s", "clip_end_s", "start_s", "end_s")


def read_table(path: Path, name: str) -> pd.DataFrame:
    """Read a table of the data set `name`.

    Raises
    ------
    DataError
        If it is missing, no Parquet file (a pipe is read for ever), or larger than any data set.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if path.exists() and not path.is_file():
            raise DataError(f"{path} is not a regular file: build {name} again.")
        rows = pq.read_metadata(path).num_rows
        if rows > MAX_ROWS:
            raise DataError(f"{path} has {rows:,} rows; at most {MAX_ROWS:,} are read.")
        # As categories, ids of 750,000 pairs take 3 MB instead of 50; other tables lack them.
        found = pq.read_table(path, read_dictionary=["query_id", "target_id"])
        found.validate(full=True)  # text is UTF-8
        table: pd.DataFrame = found.to_pandas()
    except FileNotFoundError:
        raise DataError(f"{path} does not exist: build {name} again.") from None
    except (pa.ArrowException, OSError, ValueError, TypeError) as error:
        if getattr(error, "errno", None) is not None:  # of the disk, not of what is on it
            raise
        reason = str(error).partition("\n")[0][:200]
        raise DataError(f"{path} is no Parquet file ({reason}): build {name} again.") from None
    return table


def checked(table: pd.DataFrame, columns: tuple[str, ...], what: str) -> pd.DataFrame:
    """Give the columns of a table whose first one is a key.

    Raises
    ------
    DataError
        If it is empty, lacks a column, repeats a key, or holds text with control characters.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    table = _with_columns(table, columns, what)
    key = columns[0]
    if pc.count_distinct(pa.array(table[key]), mode="all").as_py() < len(table):
        first = table.loc[table[key].duplicated(), key].iloc[0]
        raise DataError(f"{what} has the {key} {first!r} more than once; ids must be unique.")
    return table


def _with_columns(table: pd.DataFrame, columns: tuple[str, ...], what: str) -> pd.DataFrame:
    """Give the columns of a table that is not empty; what holds no seconds holds text."""
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise DataError(f"{what} lacks the columns {missing}; expected {list(columns)}.")
    if table.empty:
        raise DataError(f"{what} is empty: a data set needs at least one row.")
    for column in columns:
        if not column.endswith("_s"):
            _require_text(table[column], f"{what}: {column}")
    return table[list(columns)].reset_index(drop=True)


def checked_targets(table: pd.DataFrame, videos: pd.DataFrame, what: str) -> pd.DataFrame:
    """Give a table of open targets with the columns `TARGET_COLUMNS`.

    Raises
    ------
    DataError
        If it is empty, lacks a column, or has a row that is no clip of a known video in a split, or
        is there twice.
    """
    table = _with_columns(table, TARGET_COLUMNS, what)
    lengths = pd.Series(_seconds(videos, "duration_s", what), videos["video_id"])
    start, end = (_seconds(table, name, what) for name in ("clip_start_s", "clip_end_s"))
    bad = ~(np.isfinite(start) & np.isfinite(end) & (start >= 0) & (end > start))
    bad |= end > lengths.reindex(table["video_id"]).to_numpy() + SLACK_S
    bad |= ~(table["video_id"].isin(lengths.index) & table["split"].isin(SPLITS)).to_numpy()
    bad |= (table["label"].isna() | table.duplicated()).to_numpy()
    if bad.any():
        row = table[bad].iloc[0]
        shown = ", ".join(f"{column} {row[column]}" for column in TARGET_COLUMNS)
        raise DataError(
            f"{what} has a row with {shown}; expected clips of known videos, inside them, in the "
            f"splits {', '.join(SPLITS)}, with a label or an empty one, and none twice."
        )
    return table


def _seconds(table: pd.DataFrame, column: str, what: str) -> np.ndarray:
    """Numbers of a column, (rows,); NaN where there is none."""
    try:
        return table[column].to_numpy("float64", na_value=np.nan)
    except (ValueError, TypeError):
        raise DataError(f"{what}: {column} holds something else than numbers.") from None


def _require_text(values: pd.Series, what: str) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    kinds = values.cat.categories if isinstance(values.dtype, pd.CategoricalDtype) else values
    try:
        texts = pa.array(kinds, pa.string(), from_pandas=True)
    except (pa.ArrowException, TypeError, UnicodeError):
        raise DataError(f"{what} holds something else than text: name it anew.") from None
    bad = texts.filter(pc.match_substring_regex(texts, _CONTROL))
    if len(bad):
        shown = bad[0].as_py()[:80]
        raise DataError(f"{what} {shown!r} holds a control character: name it anew.")


def require_known(
    name: str, moments: pd.DataFrame, pairs: Mapping[str, pd.DataFrame], videos: pd.DataFrame
) -> None:
    """Refuse tables that name videos, moments or splits that are not there."""
    if unknown := set(moments["video_id"]) - set(videos["video_id"]):
        raise DataError(f"{name}: moments name unknown videos, e.g. {_least(unknown)!r}.")
    none = ~moments["split"].isin(SPLITS) | moments["label"].isna()
    if none.any():
        row = moments[none].iloc[0]
        raise DataError(
            f"{name}: the moment {row['moment_id']!r} has the split {row['split']!r} and the label "
            f"{row['label']!r}: expected {', '.join(SPLITS)}, and a label."
        )
    if unknown := pairs.keys() - set(SPLITS):
        raise DataError(f"{name}: there are {_least(unknown)} pairs, expected {', '.join(SPLITS)}.")
    known = set(moments["moment_id"])
    for split, table in pairs.items():
        named = {*table["query_id"].unique(), *table["target_id"].unique()}
        if unknown := named - known:
            raise DataError(f"{name}: {split} pairs name unknown moments: {_least(unknown)!r}.")


def require_own_moments(
    name: str, moments: pd.DataFrame, pairs: Mapping[str, pd.DataFrame]
) -> None:
    """Refuse pairs of moments that another split has: what is scored would have been learned."""
    split_of = moments.set_index("moment_id")["split"]
    for split, table in pairs.items():
        for side in ("query_id", "target_id"):
            own = split_of[table[side].unique()]
            if (other := own[own != split]).size:
                raise DataError(
                    f"{name}: the {split} pairs name the moment {other.index[0]!r} of the split "
                    f"{other.iloc[0]}: expected moments of their own split."
                )


def _least(values: set[str]) -> str:
    return min(values, key=str)


def require_times(moments: pd.DataFrame, name: str) -> None:
    """Refuse moments whose times are no windows; what is not known is NaN."""
    start, end, first, last = (_seconds(moments, column, name) for column in _TIMES)
    bad = ~np.isfinite(start) | (start < 0) | (end <= start) | (last <= first)
    bad |= np.isinf(end) | np.isinf(first) | np.isinf(last) | (first < -SLACK_S)
    if bad.any():
        row = moments.loc[bad, ["moment_id", *_TIMES]].iloc[0]
        shown = ", ".join(f"{column} {row[column]}" for column in _TIMES)
        raise DataError(
            f"{name}: the moment {row['moment_id']!r} has {shown}; expected a clip that starts at "
            "0 or later and ends after that, and a window in it that ends after its start."
        )


def require_inside(moments: pd.DataFrame, videos: pd.DataFrame, name: str) -> None:
    """Refuse moments that end after their clip, or after their video where its length is known."""
    lengths = pd.Series(_seconds(videos, "duration_s", name), videos["video_id"])
    length = moments["video_id"].map(lengths)
    end = moments["clip_start_s"] + moments["end_s"]
    last = end.where(end > moments["clip_end_s"], moments["clip_end_s"]).fillna(end)
    for bad, what, whole in (
        (end > moments["clip_end_s"] + SLACK_S, "clip", moments["clip_end_s"]),
        (last > length + SLACK_S, "video", length),
    ):
        if bad.any():
            row = moments[bad].iloc[0]
            raise DataError(
                f"{name}: the moment {row['moment_id']!r} ends at {last[bad].iloc[0]:g} s of the "
                f"video {row['video_id']!r}, after its {what}, which ends at "
                f"{whole[bad].iloc[0]:g} s: mend one of them."
            )


def video_file(folder: Path, path: str, *, shared: bool = False) -> Path:
    """Give the file of a video by its path in ``videos.parquet``.

    A file outside of the folder, as of one's own videos, must be named like a video.

    Parameters
    ----------
    shared : bool
        The data set was downloaded: there is nothing outside of it.

    Raises
    ------
    DataError
    """
    place = PureWindowsPath(path)  # knows / and \\, and drives
    outside = Path(path).is_absolute() or place.anchor or ".." in place.parts
    if outside and (shared or not is_video(Path(path))):
        raise DataError(
            f"{folder / 'videos.parquet'} names {path}, which is no video in {folder}: do not use "
            "this data set, or build it again."
        )
    return folder / path
