"""From a CSV file of moments and videos to a data set folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from builders.facts import missing_videos, print_contents
from builders.own.files import video_table
from builders.own.pairs import own_pairs, split_groups, target_windows
from builders.own.table import check_videos
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.info import DatasetInfo
from vid2vidmr.data.write import write_dataset
from vid2vidmr.downloads import DownloadOptions, Wanted, read_states, with_files
from vid2vidmr.downloads import download as fetch_all
from vid2vidmr.downloads.dataset import write_manifest
from vid2vidmr.errors import UserError
from vid2vidmr.files import read_json


@dataclass(frozen=True)
class Choices:
    """What decides moments and pairs beside the CSV file; see `builders.own.Custom.build`.

    `splits` maps classes to their splits, None to deal them out.
    """

    seed: int
    margin: float | None
    split_by: str
    cross_video_only: bool
    distractors: bool
    splits: Mapping[str, str] | None
    max_pairs_per_class: int | None = None


def build_own(
    out: Path,
    info: DatasetInfo,
    path: Path,
    table: pd.DataFrame,
    choices: Choices,
    files: Mapping[str, Path] | None,
    download: DownloadOptions | None,
    cut: bool,
) -> Dataset:
    """Build a data set of moments of one's own.

    Parameters
    ----------
    out : Path
    info : DatasetInfo
    path : Path
        The CSV file, for messages.
    table : DataFrame
        What `read_moments` gives; and ``moment_id``, where ids are not to number the rows.
    choices : Choices
    files : mapping of str to Path, or None
        Video to file; None where videos are ids of YouTube, fetched if `download` says how.
    download : DownloadOptions or None
    cut : bool
        Write every reference clip as a file, too.

    Raises
    ------
    UserError
        If `out` holds another data set, or the moments do not fit the videos.
    """
    require_own_folder(out, info.name)
    given = table.groupby("video", sort=False)["duration_s"].max()
    if files is not None:
        videos = video_table({name: files[name] for name in given.index if name in files}, out)
    else:
        if download is not None:  # first: how long a video is decides where targets end
            known = given.astype("object").where(given.notna(), None)
            wanted = [Wanted(str(v), download.url(str(v)), length) for v, length in known.items()]
            fetch_all(wanted, out, download)
        states = read_states(out)
        lengths = [
            states[v].duration_s if pd.isna(length) and v in states else length
            for v, length in given.items()
        ]
        ids = pd.Series(given.index, dtype="str")
        missing = missing_videos(ids, ids, pd.Series(lengths, ids.index, dtype="float64"))
        videos = with_files(missing, out)
    check_videos(path, table, dict(zip(videos["video_id"], videos["duration_s"], strict=True)))
    moments, left_out = _moments(table, videos, choices)
    dataset = write_dataset(
        out,
        info,
        moments,
        own_pairs(moments, choices.cross_video_only, choices.seed, choices.max_pairs_per_class),
        videos,
        options={k: v for k, v in asdict(choices).items() if k != "splits"},
    )
    write_manifest(dataset, read_states(out))
    if cut:
        from vid2vidmr.data.clips import cut_clips

        cut_clips(dataset)
    gone = int(videos["path"].isna().sum())
    missing = [("video files", f"{gone:,} of {len(videos):,}; --download fetches them")]
    why = "left out: how long their videos are is not known (a column duration would tell)"
    notes = [(f"{left_out:,} moments", why)]
    print_contents(dataset, missing if gone else (), notes if left_out else ())
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


def require_own_folder(out: Path, name: str) -> None:
    """Refuse to build into the folder of another data set."""
    path = out / "dataset.json"
    if path.exists() and (found := read_json(path).get("name")) != name:
        raise UserError(f"{out} holds the data set {found}: choose another folder with --out.")
