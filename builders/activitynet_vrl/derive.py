"""How the moments of ActivityNet-VRL follow from the annotations of ActivityNet.

The build takes the published items, because the published random crops cannot be drawn again.
This derivation is the check on them: without the crops, every published item of a video with a
known duration comes out of it, and nothing else does.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pandas as pd

FRAMES_PER_FEATURE = 16
LONGEST_MOMENT = 32
"""Features; longer moments are left out."""
LONGEST_LOCATION = 300
"""Features; longer stretches were cropped to this, at a random place that keeps the moment."""


class Segment(NamedTuple):
    """An annotated segment of a video, seconds."""

    start_s: float
    end_s: float
    label: str


class DerivedMoment(NamedTuple):
    """A moment and the stretch kept around it, in features of its video, [start, end)."""

    video_id: str
    label: str
    start: int
    end: int
    location_start: int
    location_end: int


def merge(segments: list[Segment]) -> list[Segment]:
    """Merge what overlaps or touches, in order of start.

    Returns
    -------
    list of Segment
        Empty where segments of two labels overlap or touch: such a video is left out.
    """
    merged: list[Segment] = []
    for segment in sorted(segments, key=lambda segment: segment.start_s):
        if not merged or segment.start_s > merged[-1].end_s:
            merged.append(segment)
        elif segment.label == merged[-1].label:
            merged[-1] = merged[-1]._replace(end_s=max(merged[-1].end_s, segment.end_s))
        else:
            return []
    return merged


def derive_video(
    video_id: str, segments: list[Segment], n_frames: int, n_feat: int, duration_s: float
) -> Iterator[DerivedMoment]:
    """Yield the moments of one video.

    Around a moment the stretch between its neighbours of the same label is kept, neighbours of
    other labels included, so that the target holds exactly one match. A feature that the end of
    one moment shares with the stretch of the next belongs to both, as published.
    """

    def feature(time_s: float) -> int:
        return int(n_frames * time_s / duration_s / FRAMES_PER_FEATURE)

    # Touching ends and starts give an empty stretch a width of one: hence the + 1 at every end.
    rows = [
        (feature(segment.start_s), min(n_feat, feature(segment.end_s) + 1), segment)
        for segment in merge(segments)
    ]
    for i, (start, end, segment) in enumerate(rows):
        if start >= end or end - start > LONGEST_MOMENT:
            continue
        before = [end - 1 for _, end, other in rows[:i] if other.label == segment.label]
        after = [start + 1 for start, _, other in rows[i + 1 :] if other.label == segment.label]
        yield DerivedMoment(
            video_id, segment.label, start, end,
            location_start=max(before, default=0),
            location_end=min([*after, n_feat]),
        )  # fmt: skip


def derive(
    segments: pd.DataFrame, videos: pd.DataFrame, split_of: Mapping[str, str]
) -> pd.DataFrame:
    """Derive the moments of every annotated video.

    Parameters
    ----------
    segments : DataFrame
        ``video_id, start_s, end_s, label``: the raw annotations.
    videos : DataFrame
        ``video_id, n_feat, n_frames, duration_s``.
    split_of : mapping of str to str
        Label to split.

    Returns
    -------
    DataFrame
        The fields of `DerivedMoment` and ``split``.
    """
    known = videos.set_index("video_id")[["n_frames", "n_feat", "duration_s"]]
    lengths = dict(zip(known.index, known.itertuples(index=False), strict=True))
    by_video: dict[str, list[Segment]] = {}
    for video_id, *segment in segments[["video_id", *Segment._fields]].itertuples(index=False):
        by_video.setdefault(video_id, []).append(Segment(*segment))
    moments = pd.DataFrame(
        moment
        for video_id, of_video in by_video.items()
        for moment in derive_video(video_id, of_video, *lengths[video_id])
    )
    return moments.assign(split=moments["label"].map(split_of))
