"""The released annotations of SportsMoments as tables of moments, pairs and videos."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from builders.facts import missing_videos
from builders.sportsmoments.matches import MatchIds, repair_match_ids, split_clip_ids
from builders.sportsmoments.repack import ANNOTATIONS

SPLITS = ("val", "test")


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
        return {
            split: pd.DataFrame(
                {
                    "pair_id": [f"{split}-{row:05d}" for row in range(len(rows))],
                    "query_id": rows["query_id"],
                    "target_id": rows["reference_id"],
                }
            )
            for split, rows in self.rows.items()
        }

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
    rows = {split: pd.read_parquet(ANNOTATIONS / f"{split}.parquet") for split in SPLITS}
    for table in rows.values():
        for column in ("query_id", "reference_id"):
            table[column] = table[column].str.removesuffix(".mp4")
        seconds = ["reference_segment_start", "reference_segment_end", "reference_duration"]
        # Given in steps of 0.1 s, with the rounding errors of a running sum.
        table[seconds] = table[seconds].round(1)
    classes = pd.read_parquet(ANNOTATIONS / "classes.parquet")
    return Released(
        rows=rows,
        labels=dict(zip(classes["class_id"], classes["label"], strict=True)),
        listed=pd.read_parquet(ANNOTATIONS / "matches.parquet")["listed"].tolist(),
    )
