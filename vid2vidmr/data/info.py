"""What is known of a data set, and the columns of its tables."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from vid2vidmr.records import Record
from vid2vidmr.text import unseen_sign

MOMENT_COLUMNS = (
    "moment_id", "video_id", "label", "split", "clip_start_s", "clip_end_s", "start_s", "end_s",
)  # fmt: skip
PAIR_COLUMNS = ("pair_id", "query_id", "target_id")
VIDEO_COLUMNS = ("video_id", "source_id", "path", "duration_s", "sha256", "status")
TARGET_COLUMNS = ("video_id", "split", "clip_start_s", "clip_end_s", "label")


def _seen(text: str) -> str:
    if sign := unseen_sign(text):
        raise ValueError(f"it has the sign {sign!r}, which nobody sees")
    return text


Line = Annotated[str, Field(max_length=10_000), AfterValidator(_seen)]
"""Text that is shown."""
Name = Annotated[str, Field(pattern=r"^\w[\w.+-]*$", max_length=100)]
"""A name of which files and folders are named, too."""


class DatasetInfo(Record):
    """What is known of a data set before it is built.

    Attributes
    ----------
    synthetic : bool
        True for rendered or simulated data; marked in the fingerprint, kept apart in leaderboards.
    default_encoder : str
        The encoder of the published numbers, or the one that needs no hub.
    """

    name: Name
    title: Line
    version: Line
    source: Line
    licence: Line
    citation: Line
    synthetic: bool
    default_encoder: Line


SPLITS = ("train", "val", "test")
