"""A data set of given video files, one moment each, every moment paired with the next."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from vid2vidmr.data.dataset import Dataset
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


def mini_dataset(folder: Path, videos: dict[str, str | None], start_s: float = 4.0) -> Dataset:
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
    return write_dataset(folder, INFO, moments, {"test": pairs}, table)
