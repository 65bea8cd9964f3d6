"""From a CSV file of moments and videos to a data set folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from builders.custom.files import video_table
from builders.custom.pairs import custom_pairs, split_groups, target_windows
from builders.custom.table import check_videos
from builders.facts import missing_videos, print_contents, require_folder_of
from vid2vidmr import downloads
from vid2vidmr.data.clips import cut_clips
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.info import DatasetInfo
from vid2vidmr.data.write import write_dataset


@dataclass(frozen=True)
class Choices:
    """What decides moments and pairs beside the CSV file; see `builders.custom.Custom.build`.

    `splits` maps classes to their splits, None to deal them out.
    """

    seed: int
    margin: float | None
    split_by: str
    cross_video_only: bool
    distractors: bool
    exhaustive: bool
    max_pairs_per_class: int | None = None
    splits: Mapping[str, str] | None = None


def build_custom(
    out: Path,
    info: DatasetInfo,
    path: Path,
    table: pd.DataFrame,
    choices: Choices,
    files: Mapping[str, Path] | None,
    download: downloads.DownloadOptions | None,
    cut: bool,
) -> Dataset:
    """Build a data set of moments of one's own.

    Parameters
    ----------
    path : Path
        The CSV file, for messages.
    table : DataFrame
        What `read_moments` gives; and ``moment_id``, where ids are not to number the rows.
    files : mapping of str to Path, or None
        Video to file; None where videos are ids of YouTube, fetched if `download` says how.

    Raises
    ------
    UserError
        If `out` holds another data set, or the moments do not fit the videos.
    """
    require_folder_of(info.name, out)
    given = table.groupby("video", sort=False)["duration_s"].max()
    if files is not None:
        videos = video_table({name: files[name] for name in given.index if name in files}, out)
    else:
        if download is not None:  # first: how long a video is decides where targets end
            wanted = downloads.wanted_videos(given.to_dict(), download)
            downloads.download(wanted, out, download)
        states = downloads.read_states(out)
        lengths = [
            states[v].duration_s if pd.isna(length) and v in states else length
            for v, length in given.items()
        ]
        ids = pd.Series(given.index, dtype="str")
        missing = missing_videos(ids, ids, pd.Series(lengths, ids.index, dtype="float64"))
        videos = downloads.with_files(missing, out)
    check_videos(path, table, dict(zip(videos["video_id"], videos["duration_s"], strict=True)))
    moments, left_out = _moments(table, videos, choices)
    dataset = write_dataset(
        out,
        info,
        moments,
        custom_pairs(moments, choices.cross_video_only, choices.seed, choices.max_pairs_per_class),
        videos,
        options={k: v for k, v in asdict(choices).items() if k != "splits"},
        targets=_whole_videos(moments, videos) if choices.exhaustive else None,
    )
    downloads.write_manifest(dataset)
    if cut:
        cut_clips(dataset)
    why = "left out: how long their videos are is not known (a column duration would tell)"
    notes = [(f"{left_out:,} moments", why)] * bool(left_out)
    print_contents(dataset, "from YouTube: --download", notes=notes)
    return dataset


def _moments(
    table: pd.DataFrame, videos: pd.DataFrame, choices: Choices
) -> tuple[pd.DataFrame, int]:
    """Give the moments, and how many were left out because their target's end is not known."""
    durations_s = table["video"].map(videos.set_index("video_id")["duration_s"])
    windows = target_windows(table, durations_s, choices.margin, choices.distractors)
    if table["split"].notna().all():
        split = table["split"]
    elif choices.splits is not None:
        split = table["label"].map(choices.splits)
    else:
        by = "label" if choices.split_by == "class" else "video"
        split = table[by].map(split_groups(list(table[by].unique()), choices.seed))
    digits = len(str(table["row"].max()))
    ids = "m" + table["row"].astype("str").str.zfill(digits)
    moments = pd.DataFrame(
        {
            "moment_id": table.get("moment_id", ids),
            "video_id": table["video"],
            "label": table["label"],
            "split": split,
            **windows,
            "start_s": table["start_s"] - windows["clip_start_s"],
            "end_s": table["end_s"] - windows["clip_start_s"],
        }
    )
    known = moments["clip_end_s"].notna() & np.isfinite(moments["clip_end_s"])
    return moments[known].reset_index(drop=True), int((~known).sum())


def _whole_videos(moments: pd.DataFrame, videos: pd.DataFrame) -> pd.DataFrame:
    """Targets of the protocol ``open``: videos of known length, in the splits of their moments."""
    length = videos.set_index("video_id")["duration_s"]
    whole = moments[["video_id", "split"]].drop_duplicates()
    whole = whole.assign(
        label="", clip_start_s=0.0, clip_end_s=whole["video_id"].map(length).to_numpy()
    )
    return whole.dropna(subset=["clip_end_s"])
