"""What is known of a data set, and the columns of its tables."""

from __future__ import annotations

from vid2vidmr.records import Record

MOMENT_COLUMNS = (
    "moment_id", "video_id", "label", "split", "clip_start_s", "clip_end_s", "start_s", "end_s",
)  # fmt: skip
PAIR_COLUMNS = ("pair_id", "query_id", "target_id")
VIDEO_COLUMNS = ("video_id", "source_id", "path", "duration_s", "sha256", "status")
TARGET_COLUMNS = ("video_id", "split", "clip_start_s", "clip_end_s")


class DatasetInfo(Record):
    """What is known of a data set before it is built.

    Attributes
    ----------
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


SPLITS = ("train", "val", "test")
