"""The released items of ActivityNet-VRL as tables of moments and videos."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from builders.activitynet_vrl.derive import FRAMES_PER_FEATURE, Segment, merge
from builders.activitynet_vrl.repack import ANNOTATIONS
from builders.facts import missing_videos
from vid2vidmr.data.info import SPLITS

CLASSES = {"train": 160, "val": 20, "test": 20}
NOMINAL_FPS = 30.0
"""Frame rate taken for the 191 videos whose duration the raw annotations do not give.

64 % of the 19,228 videos with a known duration have it, to the nearest whole number.
"""


@dataclass(frozen=True)
class Released:
    """The annotations that travel with the package.

    Attributes
    ----------
    items : DataFrame
        The published items, train, val, test, in their order: ``split, video_id, node,
        location_start, location_end, groundtruth_start, groundtruth_end`` (features of 16 frames;
        ``groundtruth`` counts from the location's start).
    lengths : DataFrame
        ``video_id, n_feat, n_frames, duration_s`` (NaN: not known).
    segments : DataFrame
        The raw annotations of ActivityNet 1.3: ``video_id, start_s, end_s, label``.
    permutation : list of int
        Places in the sorted class names: first those of train, then of val, then of test.
    """

    items: pd.DataFrame
    lengths: pd.DataFrame
    segments: pd.DataFrame
    permutation: list[int]

    @cached_property
    def split_of(self) -> dict[str, str]:
        """Class name to split."""
        names = sorted(self.segments["label"].unique())
        splits = [split for split in SPLITS for _ in range(CLASSES[split])]
        return {names[i]: split for i, split in zip(self.permutation, splits, strict=True)}

    @cached_property
    def name_of(self) -> dict[int, str]:
        """Node of the taxonomy to class name.

        The released files do not say it. It follows from the videos: a node's name is the label
        that most of its items' videos carry in the raw annotations.
        """
        labels = self.segments[["video_id", "label"]].drop_duplicates()
        carried = self.items[["video_id", "node"]].merge(labels, on="video_id")
        counts = carried.groupby("node")["label"].value_counts().reset_index()
        most = counts.drop_duplicates("node")
        return dict(zip(most["node"], most["label"], strict=True))

    @cached_property
    def moments(self) -> pd.DataFrame:
        """One row an item, in the order of `items`.

        ``start, end`` are features of the video; ``start_s, end_s`` seconds from the start of the
        reference clip. Ids hold the features, so they do not change when a duration becomes known.
        """
        items = self.items.merge(self.lengths, on="video_id", how="left")
        start = items["location_start"] + items["groundtruth_start"]
        end = items["location_start"] + items["groundtruth_end"]
        frames_per_s = (items["n_frames"] / items["duration_s"]).fillna(NOMINAL_FPS)
        feature_s = FRAMES_PER_FEATURE / frames_per_s
        return pd.DataFrame(
            {
                "moment_id": items["video_id"] + "__" + start.astype(str) + "_" + end.astype(str),
                "video_id": items["video_id"],
                "label": items["node"].map(self.name_of),
                "split": items["split"],
                "clip_start_s": items["location_start"] * feature_s,
                "clip_end_s": items["location_end"] * feature_s,
                "start_s": items["groundtruth_start"] * feature_s,
                "end_s": items["groundtruth_end"] * feature_s,
                "start": start,
                "end": end,
            }
        )

    @cached_property
    def targets(self) -> pd.DataFrame:
        """Stretches of videos in which every moment is an item, one a video.

        Videos of which a segment was left out (too long, or of two labels) have none, nor have
        those whose duration is not known.
        """
        merged = {
            video: len(merge([Segment(*row) for row in rows.to_numpy()]))
            for video, rows in self.segments.set_index("video_id").groupby(level=0)
        }
        clips = self.moments.groupby("video_id").agg(
            split=("split", "first"),
            clip_start_s=("clip_start_s", "min"),
            clip_end_s=("clip_end_s", "max"),
            items=("start", "size"),
        )
        known = self.videos.set_index("video_id")["duration_s"].reindex(clips.index).notna()
        return (
            clips[known & (clips["items"] == clips.index.map(merged))]
            .reset_index()
            .assign(label="")
        )

    @cached_property
    def videos(self) -> pd.DataFrame:
        """One row a video of an item; none is here yet. A NaN duration marks nominal seconds."""
        used = self.lengths[self.lengths["video_id"].isin(self.items["video_id"])]
        return missing_videos(used["video_id"], used["video_id"], used["duration_s"])


def read_released() -> Released:
    """Read the annotations beside this module."""
    tables = {
        name: pd.read_parquet(ANNOTATIONS / f"{name}.parquet")
        for name in ("items", "videos", "segments", "permutation")
    }
    return Released(
        items=tables["items"],
        lengths=tables["videos"],
        segments=tables["segments"],
        permutation=tables["permutation"]["position"].tolist(),
    )
