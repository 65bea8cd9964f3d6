"""Downloads of a built data set: its table of videos follows what has arrived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from vid2vidmr.dataset import Dataset, write_videos
from vid2vidmr.downloads.download import Wanted, download
from vid2vidmr.downloads.fetch import DownloadOptions
from vid2vidmr.downloads.manifest import write_manifest
from vid2vidmr.downloads.store import VideoState, read_states


def with_files(videos: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Fill path, hash and status of the videos that were downloaded into a data set folder.

    Parameters
    ----------
    videos : DataFrame
        With the columns `vid2vidmr.dataset.VIDEO_COLUMNS`. `duration_s` is left as it is: it is
        what the annotations say.
    folder : Path
    """
    states = read_states(folder)
    changed = {name: videos[name].tolist() for name in ("path", "sha256", "status")}
    for row, video_id in enumerate(videos["video_id"]):
        state = states.get(video_id)
        if state is not None and state.state == "done":
            changed["path"][row], changed["sha256"][row] = state.path, state.sha256
            changed["status"][row] = "ok"
        elif state is not None and state.state == "failed":
            changed["status"][row] = str(state.reason)
    return videos.assign(
        **{name: pd.Series(new, videos.index, dtype="str") for name, new in changed.items()}
    )


def download_videos(
    dataset: Dataset, wanted: Sequence[Wanted], options: DownloadOptions
) -> Mapping[str, VideoState]:
    """Download videos of a data set, fill its table of videos, write the manifest.

    Table and manifest are also written when the run is interrupted.

    Returns
    -------
    mapping of str to VideoState
        All wanted videos.
    """
    try:
        return download(wanted, dataset.path, options)
    finally:
        write_videos(dataset.path, with_files(dataset.videos, dataset.path))
        write_manifest(Dataset(dataset.path), read_states(dataset.path))
