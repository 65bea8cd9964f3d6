"""The CSV file of moments: reading it, and telling every fault with its row."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from builders.rows import numbers, raise_faults, read_rows
from vid2vidmr.data.checks import SLACK_S
from vid2vidmr.data.info import SPLITS
from vid2vidmr.errors import DataError

COLUMNS = {
    "video": ("video", "video_id", "youtube_id", "file"),
    "label": ("label", "class"),
    "start": ("start", "start_s"),
    "end": ("end", "end_s"),
    "split": ("split",),
    "duration": ("duration", "duration_s"),
}
"""Column to the names it may have in the file; the last two may be left out."""
OPTIONAL = ("split", "duration")


def read_moments(path: Path, ids: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Read the file and check what can be checked without the videos.

    Parameters
    ----------
    ids : mapping of str to str, optional
        Names of videos to their ids, where one video may have several names.

    Returns
    -------
    DataFrame
        ``video, label, start_s, end_s``; ``split`` (None where not given) and ``duration_s`` of
        the video (NaN where not given); ``row``, its line in the file.

    Raises
    ------
    DataError
        If the file is missing, is no CSV file, or lacks a column.
    MomentError
        If rows have faults; all are told.
    """
    raw = read_rows(path, "a CSV file of moments")
    found: dict[str, pd.Series] = {}
    for column, known in COLUMNS.items():
        given = [name for name in known if name in raw.columns]
        if given:
            found[column] = raw[given[0]]
        elif column not in OPTIONAL:
            raise DataError(
                f"{path} has no column {column!r}; it has {', '.join(raw.columns)}. "
                "Expected video, label, start, end, and perhaps split and duration."
            )
    if raw.empty:
        raise DataError(f"{path} has no moments: expected one a row.")
    rows = raw.index.to_numpy()
    video = found["video"].map(lambda name: (ids or {}).get(name, name))
    table = pd.DataFrame({"video": video, "label": found["label"], "row": rows})
    # An empty duration is one that is not known.
    given = found.get("duration", pd.Series("", raw.index))
    found["duration"] = given.where(given != "", "nan")
    faults = []
    for name in ("start", "end", "duration"):
        seconds = numbers(found[name]).to_numpy()
        table[f"{name}_s"] = seconds
        bad = ~np.isfinite(seconds) & (found[name] != "nan").to_numpy()
        bad |= np.isnan(seconds) & (name != "duration")
        faults += _told(rows, bad, found[name], "{name} is {0!r}, expected seconds", name=name)
        if name == "duration":
            faults += _told(rows, seconds <= 0, seconds, "duration is {0:g}, expected above 0")
    split = found.get("split", pd.Series("", raw.index)).str.lower()
    table["split"] = split.where(split != "", None)
    unknown = ~split.isin(["", *SPLITS])
    faults += _told(rows, unknown, split, f"split is {{0!r}}, expected {', '.join(SPLITS)}")
    if (split != "").any():
        faults += _told(rows, split == "", split, "split is empty, other rows have one")
    for name in ("video", "label"):
        faults += _told(rows, table[name] == "", table[name], f"{name} is empty")
    start, end = table["start_s"], table["end_s"]
    faults += _told(rows, start < 0, start, "start is {0:g}, expected 0 or later")
    before = "it ends at {1:g} s, not after its start at {0:g} s"
    faults += [
        (int(row), before.format(a, b))
        for row, a, b in zip(rows, start, end, strict=True)
        if a >= 0 and b <= a
    ]
    usable = ~table["row"].isin([row for row, _ in faults])
    faults += _overlaps(table[usable])
    raise_faults(path, faults)
    return table.reset_index(drop=True)


def _told(
    rows: np.ndarray, where: pd.Series | np.ndarray, values: pd.Series, text: str, **names: str
) -> list[tuple[int, str]]:
    chosen = zip(rows, np.asarray(where), values, strict=True)
    return [(int(row), text.format(value, **names)) for row, bad, value in chosen if bad]


def _overlaps(table: pd.DataFrame) -> list[tuple[int, str]]:
    """Moments of one class that overlap: a target could not tell them apart."""
    faults = []
    for (_, label), group in table.groupby(["video", "label"], sort=False):
        ordered = group.sort_values(["start_s", "end_s"])
        last_end, last_row = -np.inf, 0
        for row, start, end in ordered[["row", "start_s", "end_s"]].itertuples(index=False):
            if start < last_end:
                faults.append(
                    (int(row), f"{label!r} overlaps the moment of row {last_row} in its video")
                )
            if end > last_end:
                last_end, last_row = end, int(row)
    return faults


def check_classes(path: Path, table: pd.DataFrame) -> None:
    """Refuse splits of the file, if it says them, that share a class.

    Raises
    ------
    MomentError
        With the first row of a class that is in another split than its row before.
    """
    given = table.dropna(subset=["split"])
    of_class = given.groupby("label", sort=False)["split"].transform("first")
    other = given.assign(first=of_class).query("split != first").drop_duplicates("label")
    text = "the class {!r} is in {} and in {}: choose one, or --split-by video to share classes"
    columns = other[["row", "label", "first", "split"]].itertuples(index=False)
    raise_faults(path, [(row, text.format(*fault)) for row, *fault in columns])


def check_videos(path: Path, table: pd.DataFrame, durations_s: Mapping[str, float]) -> None:
    """Refuse moments of unknown videos and moments outside their video.

    Parameters
    ----------
    path : Path
        The CSV file, for the message.
    table : DataFrame
        What `read_moments` gives.
    durations_s : mapping of str to float
        Video to its length, NaN where it is not here yet.

    Raises
    ------
    MomentError
        With the rows.
    """
    faults = []
    columns = table[["row", "video", "start_s", "end_s"]]
    for row, video, start_s, end_s in columns[~inside_videos(table, durations_s)].itertuples(False):
        if video not in durations_s:
            faults.append((row, f"there is no video {video!r}"))
        else:
            faults.append(
                (row, f"{start_s:g} to {end_s:g} s is outside {video}, which lasts "
                 f"{durations_s[video]:.1f} s")
            )  # fmt: skip
    raise_faults(path, faults)


def inside_videos(table: pd.DataFrame, durations_s: Mapping[str, float]) -> pd.Series:
    """Which moments are in a video that is known, as far as its length is."""
    length = table["video"].map({v: np.inf if np.isnan(s) else s for v, s in durations_s.items()})
    return table["end_s"] <= length + SLACK_S  # NaN: no such video
