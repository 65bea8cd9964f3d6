"""A data set of given video files, one moment each, every moment paired with the next.

And open targets that are parts of videos.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from vid2vidmr.data.dataset import Dataset, load_dataset
from vid2vidmr.data.info import DatasetInfo
from vid2vidmr.data.write import write_dataset

INFO = DatasetInfo(
    name="mini",
    title="Mini",
    version="1",
    source="the test",
    licence="MIT",
    citation="none",
    synthetic=True,
    default_encoder="efficientnet-lite0",
)


def mini_dataset(
    folder: Path,
    videos: dict[str, str | None],
    start_s: float = 4.0,
    *,
    synthetic: bool = True,
) -> Dataset:
    """Build it in `folder`; `videos` maps ids to paths relative to `folder`, None: no file."""
    ids = list(videos)
    moments = pd.DataFrame(
        {
            "moment_id": [f"m-{video}" for video in ids],
            "video_id": ids,
            "label": "wave",
            "split": "test",
            "clip_start_s": 0.0,
            "clip_end_s": 20.0,
            "start_s": start_s,
            "end_s": 10.0,
        }
    )
    pairs = pd.DataFrame(
        {
            "pair_id": [f"p{i}" for i in range(len(ids))],
            "query_id": moments["moment_id"],
            "target_id": moments["moment_id"].to_numpy()[[*range(1, len(ids)), 0]],
        }
    )
    table = pd.DataFrame(
        {
            "video_id": ids,
            "source_id": ids,
            "path": list(videos.values()),
            "duration_s": 20.0,
            "sha256": None,
            "status": ["missing" if path is None else "ok" for path in videos.values()],
        }
    )
    info = INFO.model_copy(update={"synthetic": synthetic})
    return write_dataset(folder, info, moments, {"test": pairs}, table)


def halved_targets(folder: Path, shift_s: float = 0.0) -> Dataset:
    """Give a built data set open targets that hold a moment or do not: each video cut in two.

    It is cut `shift_s` after its first moment.
    """
    built = load_dataset(folder)
    first = built.moments.groupby("video_id")["end_s"].min() + shift_s
    ends = {"split": "first", "clip_start_s": "min", "clip_end_s": "max", "label": "first"}
    parts = [built.exhaustive.groupby("video_id", as_index=False).agg(ends)] * 2
    parts[0] = parts[0].assign(clip_end_s=parts[0]["video_id"].map(first))
    parts[1] = parts[1].assign(clip_start_s=parts[1]["video_id"].map(first))
    pairs = {split: built.pair_ids(split) for split in built.splits}
    return write_dataset(
        folder, built.info, built.moments, pairs, built.videos, built.options, pd.concat(parts)
    )
