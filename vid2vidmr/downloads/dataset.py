"""Downloads of a built data set: its table of videos follows what has arrived."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from vid2vidmr.data.availability import NAME, Availability, new_manifest
from vid2vidmr.data.dataset import Dataset, load_dataset
from vid2vidmr.data.write import write_videos
from vid2vidmr.downloads.download import Wanted, download
from vid2vidmr.downloads.fetch import DownloadOptions
from vid2vidmr.downloads.reasons import Reason
from vid2vidmr.downloads.store import read_states
from vid2vidmr.files import write_json


def with_files(videos: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Fill path, hash and status of the videos that were downloaded into a data set folder.

    Parameters
    ----------
    videos : DataFrame
        With the columns `vid2vidmr.data.info.VIDEO_COLUMNS`. `duration_s` is left as it is: it is
        what the annotations say.
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


def download_videos(dataset: Dataset, options: DownloadOptions) -> Dataset:
    """Download the videos of a data set from YouTube or its mirror; give it as it is then.

    Table and manifest are also written when the run is interrupted.
    """
    lengths = dict(zip(dataset.videos["video_id"], dataset.videos["duration_s"], strict=True))
    try:
        download(wanted_videos(lengths, options), dataset.path, options)
    finally:
        dataset = note_arrived(dataset)
    return dataset


def wanted_videos(durations_s: Mapping[str, float], options: DownloadOptions) -> list[Wanted]:
    """Give what to ask YouTube for; a length that is not known is NaN."""
    return [
        Wanted(video_id, options.url(video_id), None if math.isnan(length) else length)
        for video_id, length in durations_s.items()
    ]


def note_arrived(dataset: Dataset) -> Dataset:
    """Write what has arrived into table and manifest of a data set; give it as it is then."""
    write_videos(dataset.path, with_files(dataset.videos, dataset.path))
    dataset = Dataset(dataset.path)
    write_manifest(dataset)
    return dataset


def write_manifest(dataset: Dataset) -> Path:
    """Write ``availability.json`` into the folder of a data set: all its videos, and why not."""
    states, table, videos = read_states(dataset.path), dataset.videos, []
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
