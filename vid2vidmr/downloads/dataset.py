"""Downloads of a built data set: its table of videos follows what has arrived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from vid2vidmr.data.availability import NAME, Availability, new_manifest
from vid2vidmr.data.dataset import Dataset, load_dataset
from vid2vidmr.data.write import write_videos
from vid2vidmr.downloads.download import Wanted, download
from vid2vidmr.downloads.fetch import DownloadOptions
from vid2vidmr.downloads.reasons import Reason
from vid2vidmr.downloads.store import VideoState, read_states
from vid2vidmr.files import write_json


def with_files(videos: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Fill path, hash and status of the videos that were downloaded into a data set folder.

    Parameters
    ----------
    videos : DataFrame
        With the columns `vid2vidmr.data.info.VIDEO_COLUMNS`. `duration_s` is left as it is: it is
        what the annotations say.
    folder : Path
    """
    states = read_states(folder)
    changed = {name: videos[name].tolist() for name in ("path", "sha256", "status")}
    for row, video_id in enumerate(videos["video_id"]):
        state = states.get(video_id)
        if state is None:
            continue
        if state.state == "done" and (folder / str(state.path)).exists():
            changed["path"][row], changed["sha256"][row] = state.path, state.sha256
            changed["status"][row] = "ok"
        elif state.state == "failed":
            changed["status"][row] = str(state.reason)
    return videos.assign(
        **{name: pd.Series(new, videos.index, dtype="str") for name, new in changed.items()}
    )


class Status(NamedTuple):
    """Number of videos in one state for one reason (both may say nothing), and what comes next."""

    state: str
    reason: str
    videos: int
    retried: str


def status(folder: Path) -> list[Status]:
    """Count the videos of a data set folder by state and reason: first those that are here.

    A folder that is not built yet has the videos that were asked for.

    Raises
    ------
    DataError
        If nothing was built or downloaded there.
    """
    states = read_states(folder)
    if states and not (folder / "dataset.json").exists():
        paths: dict[str, object] = {video_id: state.path for video_id, state in states.items()}
    else:
        videos = load_dataset(folder).videos
        paths = dict(zip(videos["video_id"], videos["path"], strict=True))
    counts: Counter[tuple[str, str]] = Counter()
    for video_id, path in paths.items():
        state = states.get(video_id)
        if state is None:
            counts["here" if isinstance(path, str) else "not asked for", ""] += 1
        elif state.state == "failed":
            counts["failed", str(state.reason)] += 1
        else:
            counts["here" if state.state == "done" else state.state, ""] += 1
    order = ("here", "downloading", "pending", "failed", "not asked for")
    ranked = sorted(counts.items(), key=lambda item: (order.index(item[0][0]), -item[1]))
    return [
        Status(state, reason, number, Reason(reason).retry.value if reason else "")
        for (state, reason), number in ranked
    ]


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


def write_manifest(dataset: Dataset, states: Mapping[str, VideoState]) -> Path:
    """Write ``availability.json`` into the folder of a data set.

    It lists all its videos; `states` tell why some are not here, and when.
    """
    table, videos = dataset.videos, []
    for video_id, path, sha256 in zip(
        table["video_id"], table["path"], table["sha256"], strict=True
    ):
        state = states.get(video_id)
        here = isinstance(path, str)
        failed = not here and state is not None and state.state == "failed"
        reason = str(state.reason) if failed and state is not None else None
        videos.append(
            Availability(
                video_id=video_id,
                status="ok" if here else "failed" if reason else "missing",
                reason=reason,
                sha256=sha256 if here and isinstance(sha256, str) else None,
                date=state.changed if state else None,
            )
        )
    out = dataset.path / NAME
    write_json(out, new_manifest(dataset, videos).model_dump(mode="json"))
    return out
