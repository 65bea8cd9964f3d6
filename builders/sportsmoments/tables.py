"""The released annotations of SportsMoments as tables of moments, pairs and videos."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import pandas as pd

from builders.facts import missing_videos
from builders.sportsmoments.matches import MatchIds, repair_match_ids, split_clip_ids
from builders.sportsmoments.repack import ANNOTATIONS
from vid2vidmr.data.choice import numbered_pairs
from vid2vidmr.errors import DataError

SPLITS = ("val", "test")
CLIP_ID = r"^[A-Za-z0-9_-]{11}__(\d+)_\d+$"
"""A clip: YouTube id, class, number."""


@dataclass(frozen=True)
class Released:
    """The annotations that travel with the package.

    Attributes
    ----------
    rows : dict of str to DataFrame
        Split to the released rows, in their order, ids without ``.mp4``.
    labels : dict of int to str
        Class id to class name.
    listed : list of str
        The match ids as listed, damage included.
    """

    rows: dict[str, pd.DataFrame]
    labels: dict[int, str]
    listed: list[str]

    @cached_property
    def moments(self) -> pd.DataFrame:
        """One row a clip: the moment, and the file it lies in (a file of its own).

        The annotations give a segment for reference clips only: where a query never is a
        reference, its segment and the length of its file are NaN.
        """
        tables = []
        for split, rows in self.rows.items():
            references = rows.drop_duplicates("reference_id").set_index("reference_id")
            clip_ids = pd.concat([rows["query_id"], rows["reference_id"]]).drop_duplicates()
            parts = split_clip_ids(clip_ids)
            known = references.reindex(clip_ids)
            tables.append(
                pd.DataFrame(
                    {
                        "moment_id": clip_ids.to_numpy(),
                        "video_id": clip_ids.to_numpy(),
                        "source_id": parts["source_id"].to_numpy(),
                        "label": parts["class_id"].map(self.labels).to_numpy(),
                        "split": split,
                        "clip_start_s": 0.0,
                        "clip_end_s": known["reference_duration"].to_numpy(),
                        "start_s": known["reference_segment_start"].to_numpy(),
                        "end_s": known["reference_segment_end"].to_numpy(),
                    }
                )
            )
        return pd.concat(tables, ignore_index=True)

    @cached_property
    def pairs(self) -> dict[str, pd.DataFrame]:
        """Split to pairs; ids number the released rows, so that repeated rows stay apart."""
        tables = {}
        for split, rows in self.rows.items():
            codes, ids = pd.factorize(pd.concat([rows["query_id"], rows["reference_id"]]))
            query, target = codes.reshape(2, -1)
            digits = max(5, len(str(len(rows) - 1)))
            tables[split] = numbered_pairs(query, target, ids.to_numpy(), split, digits)
        return tables

    @cached_property
    def videos(self) -> pd.DataFrame:
        """One row a clip file; none is here yet."""
        clips = self.moments
        return missing_videos(clips["video_id"], clips["source_id"], clips["clip_end_s"])

    @cached_property
    def matches(self) -> MatchIds:
        """The list of matches, repaired by the ids of the clips."""
        return repair_match_ids(self.listed, set(self.moments["source_id"]))


def read_released() -> Released:
    """Read the annotations beside this module."""
    classes = pd.read_parquet(ANNOTATIONS / "classes.parquet")
    return Released(
        rows={s: tidied(pd.read_parquet(ANNOTATIONS / f"{s}.parquet")) for s in SPLITS},
        labels=dict(zip(classes["class_id"], classes["label"], strict=True)),
        listed=pd.read_parquet(ANNOTATIONS / "matches.parquet")["listed"].tolist(),
    )


def tidied(rows: pd.DataFrame) -> pd.DataFrame:
    """Give released rows with ids without ``.mp4`` and seconds without rounding errors.

    Ids are categories: a few thousand stand in 750,000 rows.
    """
    rows = rows.copy()
    for column in IDS:
        ids = rows[column].astype("category").cat
        codes, names = pd.factorize(ids.categories.str.removesuffix(".mp4"))
        short = pd.Categorical.from_codes(codes[ids.codes], names)
        rows[column] = short.reorder_categories(names.sort_values())
    seconds = ["reference_segment_start", "reference_segment_end", "reference_duration"]
    # Given in steps of 0.1 s, with the rounding errors of a running sum.
    rows[seconds] = rows[seconds].round(1)
    return rows


IDS = ("query_id", "reference_id")
COLUMNS = {
    "query_id": "str", "reference_id": "str", "reference_segment_start": "float64",
    "reference_segment_end": "float64", "action_class": "int64", "reference_duration": "float64",
}  # fmt: skip
"""Columns of the released CSV files."""


def read_rows(path: Path) -> tuple[pd.DataFrame, int]:
    """Read a CSV file of pairs that was not seen here; give its rows, and how many are unusable.

    Unusable are rows whose ids are of another form or name another class, and those whose window
    is not in their target.

    Raises
    ------
    DataError
        If it is no CSV file with the released columns.
    """
    import pyarrow as pa
    from pyarrow import csv

    types = {
        column: pa.dictionary(pa.int32(), pa.string()) if kind == "str" else pa.type_for_alias(kind)
        for column, kind in COLUMNS.items()
    }
    options = csv.ConvertOptions(column_types=types, include_columns=list(COLUMNS))
    try:
        rows = tidied(csv.read_csv(path, convert_options=options).to_pandas())
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise DataError(
            f"{path} does not hold pairs of SportsMoments ({error}): expected the columns "
            f"{', '.join(COLUMNS)}."
        ) from None
    good = pd.Series(True, rows.index)
    for column in IDS:
        ids = rows[column].cat
        named = pd.to_numeric(ids.categories.str.extract(CLIP_ID, expand=False)).to_numpy("float64")
        good &= named[ids.codes] == rows["action_class"]
    start, end = rows["reference_segment_start"], rows["reference_segment_end"]
    good &= (start >= 0) & (start < end) & (end <= rows["reference_duration"])
    return rows[good].reset_index(drop=True), int((~good).sum())


def with_hub_rows(released: Released, folder: Path) -> tuple[Released, list[tuple[str, str]]]:
    """Add the train pairs that were fetched from the Hub, and compare the other files.

    Parameters
    ----------
    released : Released
        The annotations that travel with the package.
    folder : Path
        Where ``train.csv``, ``val.csv`` and ``test.csv`` lie, if they were fetched.

    Returns
    -------
    released : Released
    notes : list of (str, str)
        What was left out or differs.

    Raises
    ------
    DataError
        If the train pairs have classes of val or test.
    """
    rows, notes = dict(released.rows), []
    for split in SPLITS:
        path = folder / f"{split}.csv"
        if path.exists() and not read_rows(path)[0].equals(rows[split][list(COLUMNS)]):
            notes.append((f"{split}.csv of the Hub", "differs from the release; not used"))
    path = folder / "train.csv"
    if path.exists():
        train, unusable = read_rows(path)
        elsewhere = {label for table in rows.values() for label in table["action_class"]}
        if shared := elsewhere & set(train["action_class"]):
            raise DataError(
                f"{path} has pairs of the classes {sorted(shared)}, which are of val or test: it "
                "is not the train split of SportsMoments; delete it."
            )
        if unusable:
            notes.append((f"{unusable:,} train rows", "bad ids or windows; left out"))
        rows = {"train": train, **rows}
    return replace(released, rows=rows), notes
