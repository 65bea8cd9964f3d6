"""From a CSV file of moments and videos to a data set folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from builders.custom.files import video_table
from builders.custom.pairs import custom_pairs, split_groups, target_windows
from builders.custom.table import check_classes, check_videos, inside_videos
from builders.facts import missing_videos, print_contents, require_folder_of
from vid2vidmr import downloads
from vid2vidmr.data.clips import cut_clips
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.info import DatasetInfo
from vid2vidmr.data.write import write_dataset
from vid2vidmr.errors import DataError


@dataclass(frozen=True)
class Choices:
    """What decides moments and pairs beside annotations; see `builders.custom.Custom.build`.

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


@dataclass(frozen=True)
class Annotations:
    """Moments as they were read.

    Attributes
    ----------
    path : Path
        Their file, for messages.
    table : DataFrame
        What `read_moments` gives; and ``moment_id``, where ids are not to number the rows;
        ``from_s`` and ``until_s``, where only this part of a video was annotated.
    strict : bool
        Whether a moment that does not fit its video refuses the file; else it is left out.
    notes : tuple of (str, str)
        What is odd about them.
    origin : str
        Where videos come from that are not here.
    """

    path: Path
    table: pd.DataFrame
    strict: bool = True
    notes: tuple[tuple[str, str], ...] = ()
    origin: str = "from YouTube: --download"


def build_custom(
    out: Path,
    info: DatasetInfo,
    given: Annotations,
    choices: Choices,
    files: Mapping[str, Path] | None,
    download: downloads.DownloadOptions | None,
    cut: bool,
) -> Dataset:
    """Build a data set of moments of one's own.

    Parameters
    ----------
    files : mapping of str to Path, or None
        Video to file; None where videos are ids of YouTube, fetched if `download` says how.

    Raises
    ------
    UserError
        If `out` holds another data set, or the moments do not fit the videos.
    """
    require_folder_of(info.name, out)
    videos = _videos(out, given, files, download)
    lengths = dict(zip(videos["video_id"], videos["duration_s"], strict=True))
    if given.strict:
        if choices.split_by == "class":
            check_classes(given.path, given.table)
        check_videos(given.path, given.table, lengths)
        table, notes = given.table, list(given.notes)
    else:
        table = given.table[inside_videos(given.table, lengths)].reset_index(drop=True)
        gone = len(given.table) - len(table)
        notes = [
            *given.notes,
            *[(f"{gone:,} left out", "moments behind the end of their file")] * bool(gone),
        ]
    moments, whole, left_out = _moments(table, videos, choices)
    if left_out and not moments.duplicated(["split", "label"]).any():
        raise DataError(
            "How long the videos are is not known, so where targets end is not: add a column "
            "duration, or give the files with --videos."
        )
    dataset = write_dataset(
        out,
        info,
        moments,
        custom_pairs(moments, choices.cross_video_only, choices.seed, choices.max_pairs_per_class),
        videos,
        options={k: v for k, v in asdict(choices).items() if k != "splits"},
        targets=whole if choices.exhaustive else None,
    )
    downloads.write_manifest(dataset)
    if cut:
        cut_clips(dataset)
    why = "left out: how long their videos are is not known (a column duration would tell)"
    notes += [(f"{left_out:,} moments", why)] * bool(left_out)
    print_contents(dataset, given.origin, notes=notes)
    return dataset


def _videos(
    out: Path,
    annotations: Annotations,
    files: Mapping[str, Path] | None,
    download: downloads.DownloadOptions | None,
) -> pd.DataFrame:
    given = annotations.table.groupby("video", sort=False)["duration_s"].max()
    if files is not None:
        here = video_table({name: files[name] for name in given.index if name in files}, out)
        away = given[~given.index.isin(here["video_id"])]
        if annotations.strict or away.empty:
            return here
        return pd.concat([here, _missing(away.to_dict())], ignore_index=True)
    if download is not None:  # first: how long a video is decides where targets end
        wanted = downloads.wanted_videos(given.to_dict(), download)
        downloads.download(wanted, out, download)
    states = downloads.read_states(out)
    lengths = {
        v: states[v].duration_s if pd.isna(length) and v in states else length
        for v, length in given.items()
    }
    return downloads.with_files(_missing(lengths), out)


def _missing(lengths: Mapping[str, float]) -> pd.DataFrame:
    ids = pd.Series(list(lengths), dtype="str")
    return missing_videos(ids, ids, pd.Series(list(lengths.values()), dtype="float64"))


def _moments(
    table: pd.DataFrame, videos: pd.DataFrame, choices: Choices
) -> tuple[pd.DataFrame, pd.DataFrame, int]:
    """Give moments, targets of the protocol ``open``, and how many moments were left out.

    The targets are all that was annotated, in the splits of their moments; left out is what has a
    target whose end is not known.
    """
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
    whole = moments[["video_id", "split"]].assign(
        label="",
        clip_start_s=table.get("from_s", 0.0),
        clip_end_s=table.get("until_s", durations_s),
    )
    whole = whole[known].drop_duplicates().dropna(subset=["clip_end_s"])
    return moments[known].reset_index(drop=True), whole, int((~known).sum())
