"""Clips of E2E-Spot in the videos that they were cut from: what tennis and figure skating share."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Mapping
from math import nan
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import pandas as pd
from pydantic import NonNegativeInt, PositiveInt

from builders.custom.build import Annotations, Choices, build_custom
from builders.custom.files import files_of
from builders.facts import Fact, check_facts, licence
from builders.formats import Fault
from builders.formats.moments import Notes
from builders.formats.spot import clips
from builders.rows import raise_lines, read_rows
from vid2vidmr.data.builder import DatasetBuilder
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.info import SPLITS
from vid2vidmr.downloads import DownloadOptions
from vid2vidmr.errors import DataError, UserError

REPOSITORY = "https://github.com/jhong93/spot"
COMMIT = "edec420"
LICENCE = "BSD-3-Clause (labels of E2E-Spot); the videos are their owners'"
CITATION = "Hong et al., Spotting Temporally Precise, Fine-Grained Events in Video, ECCV 2022"
GET_AGAIN = f"these are not the labels of {REPOSITORY} at commit {COMMIT}: check that out"
_CLIP = re.compile(r"(.+)_(\d+)_(\d+)")
_SAME_S = 0.2
"""An event that two overlapping clips have is one if its times are no further apart."""


class Spot(NamedTuple):
    """Labels of E2E-Spot on the time of the videos.

    Attributes
    ----------
    clips : DataFrame
        ``clip, split, source, video, from_s, until_s``: source is a video's name, video its id.
    events : DataFrame
        ``clip, at_s, label, comment``, in the order of the files.
    """

    clips: pd.DataFrame
    events: pd.DataFrame


def read_labels(folder: Path | None, name: str, below: str) -> Spot:
    """Read train.json, val.json, test.json and videos.csv of a data set of E2E-Spot.

    Raises
    ------
    UserError
        If no folder is given.
    DataError
        If a file is missing.
    MomentError
        If clips are not as they should be, each with its place.
    """
    if folder is None:
        raise UserError(
            f"{name} needs its labels: clone {REPOSITORY} and pass its folder data/{below} as "
            "--labels."
        )
    listed = read_rows(folder / "videos.csv", "a CSV file of videos: name, resolution, fps, yt_id")
    ids = dict(zip(listed["name"], listed["yt_id"], strict=True))
    found: list[tuple[object, ...]] = []
    events: list[tuple[object, ...]] = []
    faults: list[str] = []
    for split in SPLITS:
        for place, clip in clips(folder / f"{split}.json"):
            where = f"{split}.json, {place}"
            if isinstance(clip, Fault):
                faults.append(f"{where}: {clip.text}")
                continue
            match = _CLIP.fullmatch(clip.video)
            source = match and next(
                (name for name in (match[1], match[1].rpartition("_")[0]) if name in ids), None
            )
            if match is None or source is None or clip.fps <= 0:
                faults.append(f"{where}: {clip.video} is of no video of videos.csv, or has no fps")
                continue
            start, end = (int(frame) / clip.fps for frame in match.groups()[1:])
            found.append((clip.video, split, source, ids[source], start, end))
            events += [
                (clip.video, start + event.frame / clip.fps, event.label, event.comment)
                for event in clip.events
            ]
    raise_lines(folder, faults)
    columns = ["clip", "split", "source", "video", "from_s", "until_s"]
    return Spot(
        pd.DataFrame(found, columns=columns),
        pd.DataFrame(events, columns=["clip", "at_s", "label", "comment"]),
    )


def spot_facts(spot: Spot, expected: Mapping[str, Mapping[str, int]]) -> list[Fact]:
    """Count ``clips``, ``events`` and ``videos`` of each split; test shares no video."""
    split_of = dict(zip(spot.clips["clip"], spot.clips["split"], strict=True))
    found = {
        "clips": spot.clips["split"].value_counts(),
        "events": spot.events["clip"].map(split_of).value_counts(),
        "videos": spot.clips.groupby("split")["video"].nunique(),
    }
    of_test = spot.clips["split"] == "test"
    shared = set(spot.clips.loc[of_test, "video"]) & set(spot.clips.loc[~of_test, "video"])
    return [
        *(
            Fact(f"{split}: {what}", expected[what][split], int(counts.get(split, 0)))
            for what, counts in found.items()
            for split in SPLITS
        ),
        Fact("videos of test in train or val", 0, len(shared)),
    ]


def joined(spot: Spot) -> Spot:
    """Make one clip of those of a video that overlap; an event that two of them have is one."""
    ordered = spot.clips.sort_values(["video", "from_s"], kind="stable")
    latest = ordered.groupby("video", sort=False)["until_s"].cummax()
    latest = latest.groupby(ordered["video"]).shift(1)
    number = (latest.isna() | (ordered["from_s"] >= latest)).cumsum()
    groups = ordered.groupby(number)
    whole = groups.agg({**dict.fromkeys(ordered.columns, "first"), "until_s": "max"})
    into = dict(zip(ordered["clip"], groups["clip"].transform("first"), strict=True))
    events = spot.events.assign(own=spot.events["clip"], clip=spot.events["clip"].map(into))
    events = events.sort_values(["clip", "label", "at_s"], kind="stable")
    of_one = events.groupby(["clip", "label"], sort=False)
    again = (of_one["at_s"].diff() < _SAME_S) & (of_one["own"].shift(1) != events["own"])
    return Spot(
        whole.sort_index().reset_index(drop=True),
        events.loc[~again, ["clip", "at_s", "label", "comment"]].reset_index(drop=True),
    )


def splits_by_video(spot: Spot, seed: int, val: int) -> dict[str, str]:
    """Video to split: test as published; of the others, `val` are val and the rest is train.

    The published train and val are clips of the same videos; here no two splits share one.
    """
    test = set(spot.clips.loc[spot.clips["split"] == "test", "source"])
    others = sorted(set(spot.clips["source"]) - test)
    if len(others) <= val:
        raise DataError(f"There are {len(others)} videos for train and val: expected more.")
    drawn = set(np.random.default_rng(seed).permutation(others)[:val])
    split = {source: "val" if source in drawn else "train" for source in others}
    split |= dict.fromkeys(test, "test")
    return dict(zip(spot.clips["video"], spot.clips["source"].map(split), strict=True))


class ClipsBuilder(DatasetBuilder):
    """Builds from labels of E2E-Spot; a data set says what its moments are.

    Targets are parts of the clips, which were annotated from end to end: the protocol ``open`` has
    whole ones. Splits share no video, and share their few classes.
    """

    below: ClassVar[str]
    """Folder of its labels in `REPOSITORY`."""
    val: ClassVar[int]
    """Videos of val."""

    @abstractmethod
    def facts(self, spot: Spot) -> list[Fact]:
        """Measure what is known of the labels."""

    @abstractmethod
    def moments(self, spot: Spot) -> tuple[pd.DataFrame, Notes]:
        """Give ``clip, label, start_s, end_s``, seconds of the video, and what was left out."""

    def build(
        self,
        out: Path,
        *,
        labels: Path | None = None,
        videos: Path | None = None,
        seed: NonNegativeInt = 0,
        max_pairs_per_class: PositiveInt | None = None,
        download: DownloadOptions | None = None,
        cut: bool = False,
    ) -> Dataset:
        """Build from a folder of labels; see `DatasetBuilder.build`.

        Parameters
        ----------
        labels : Path
            Folder with train.json, val.json, test.json and videos.csv.
        videos : Path, optional
            Folder of the whole videos, named as in videos.csv or by their ids on YouTube.

        Raises
        ------
        UserError
            If no labels are given.
        DataError
            If they are not the known ones.
        """
        spot = read_labels(labels, self.info.name, self.below)
        title = f"{self.info.name}: facts of its labels"
        check_facts(title, self.facts(spot), GET_AGAIN)
        split = splits_by_video(spot, seed, self.val)
        spot = joined(spot)
        moments, notes = self.moments(spot)
        table = moments.merge(spot.clips[["clip", "video", "from_s", "until_s"]], on="clip")
        table = table.assign(
            split=table["video"].map(split), duration_s=nan, row=range(1, len(table) + 1)
        )
        files = None
        if videos is not None:
            names = dict(zip(spot.clips["video"], spot.clips["source"], strict=True))
            found = files_of([*names, *names.values()], videos)
            either = {video: found.get(name, found.get(video)) for video, name in names.items()}
            files = {video: file for video, file in either.items() if file is not None}
        given = Annotations(
            path=labels or Path(),
            table=table,
            strict=False,
            notes=(*notes, ("splits", "share no video; classes are the same"), licence(self.info)),
        )
        choices = Choices(
            seed, None, "video", False, False, exhaustive=True,
            max_pairs_per_class=max_pairs_per_class,
        )  # fmt: skip
        return build_custom(out, self.info, given, choices, files, download, cut)
