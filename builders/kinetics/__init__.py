"""Kinetics: videos for pretraining, from the list that its authors publish."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import NonNegativeInt, PositiveInt

from builders.facts import missing_videos, print_contents, require_folder_of
from builders.rows import numbers, read_rows
from vid2vidmr.data.builder import DatasetBuilder
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.info import DatasetInfo
from vid2vidmr.data.write import write_dataset
from vid2vidmr.downloads import DownloadOptions, download_videos, with_files
from vid2vidmr.errors import DataError, UserError

COLUMNS = ("youtube_id", "time_start", "time_end")
"""Of a list of Kinetics (``train.csv``, ``val.csv``); ``label`` and ``split`` are read if there."""
YOUTUBE_ID = r"[A-Za-z0-9_-]{11}"


class Kinetics(DatasetBuilder):
    """Builds the videos of a list of Kinetics, without pairs: they are for `pretrain`.

    A random clip of a video is the query there, the whole video the target; the ten seconds that
    Kinetics labels are kept as moments, and not looked at.
    """

    info = DatasetInfo(
        name="kinetics",
        title="Kinetics-400, -600 or -700: unlabelled videos for pretraining",
        version="1",
        source="a list of Kinetics (https://github.com/cvdfoundation/kinetics-dataset)",
        licence="CC BY 4.0 (list); the videos are YouTube's",
        citation="Smaira et al., A Short Note on the Kinetics-700-2020 Human Action Dataset, 2020",
        synthetic=False,
        default_encoder="clip-vit-b32",
    )

    def build(
        self,
        out: Path,
        *,
        moments: Path | None = None,
        videos: PositiveInt | None = None,
        seed: NonNegativeInt = 0,
        download: DownloadOptions | None = None,
    ) -> Dataset:
        """Build a list into `out`; see `DatasetBuilder.build`.

        Parameters
        ----------
        moments : Path
            The list, CSV.
        videos : int, optional
            So many of its videos, drawn with the seed.

        Raises
        ------
        UserError
            If there is no list.
        DataError
            If it is no list of Kinetics.
        """
        if moments is None:
            raise UserError(
                "kinetics needs its list, which is not part of this package: vid2vidmr build "
                "kinetics train.csv --download"
            )
        require_folder_of(self.info.name, out)
        table, unusable = read_list(moments)
        if videos is not None:
            ids = table["video_id"].unique()
            drawn = np.random.default_rng(seed).permutation(len(ids))[:videos]
            table = table[table["video_id"].isin(ids[drawn])].reset_index(drop=True)
        ids = table["video_id"].drop_duplicates()
        missing = missing_videos(ids, ids, pd.Series(float("nan"), ids.index))
        dataset = write_dataset(
            out, self.info, table, {}, with_files(missing, out), options={"seed": seed}
        )
        if download is not None:
            dataset = download_videos(dataset, download)
        why = "repeated, or without a YouTube id; left out"
        notes = [(f"{unusable:,} rows", why)] * bool(unusable)
        print_contents(dataset, "from YouTube: --download", notes=notes)
        return dataset


def read_list(path: Path) -> tuple[pd.DataFrame, int]:
    """Read a list of Kinetics.

    Returns
    -------
    moments : DataFrame
        Columns `vid2vidmr.data.info.MOMENT_COLUMNS`; the clip is the labelled segment.
    unusable : int
        Rows that were left out.

    Raises
    ------
    DataError
        If it is no list of Kinetics.
    """
    raw = read_rows(path, "a list of Kinetics, CSV")
    if missing := [column for column in COLUMNS if column not in raw.columns]:
        raise DataError(
            f"{path} is no list of Kinetics: it lacks {', '.join(missing)} (it has "
            f"{', '.join(map(str, raw.columns))})."
        )
    start, end = (numbers(raw[c]) for c in ("time_start", "time_end"))
    raw = raw.assign(time_start=start, time_end=end)
    usable = raw["youtube_id"].str.fullmatch(YOUTUBE_ID).fillna(False) & (start < end)
    usable &= ~raw.duplicated(list(COLUMNS))
    start, end, kept = start[usable], end[usable], raw[usable]
    split = kept.get("split", pd.Series("train", kept.index)).replace(
        {"validate": "val", "validation": "val"}
    )
    # Kinetics names its clips like this.
    ids = [
        f"{video}_{int(a):06d}_{int(b):06d}"
        for video, a, b in zip(kept["youtube_id"], start, end, strict=True)
    ]
    moments = pd.DataFrame(
        {
            "moment_id": ids,
            "video_id": kept["youtube_id"],
            "label": kept.get("label", pd.Series("", kept.index)).fillna(""),
            "split": split.where(split.isin(["val", "test"]), "train"),
            "clip_start_s": start,
            "clip_end_s": end,
            "start_s": 0.0,
            "end_s": end - start,
        }
    )
    return moments.reset_index(drop=True), int((~usable).sum())
