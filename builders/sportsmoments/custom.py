"""A data set constructed like SportsMoments: its matches, and moments of one's own."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pandas as pd

from builders.custom.build import Annotations, Choices, build_custom
from builders.custom.table import read_moments
from builders.rows import raise_faults
from builders.sportsmoments.matches import MatchIds, repair_match_ids
from builders.sportsmoments.tables import Released, read_released
from builders.sportsmoments.verify import EXPECTED
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.info import DatasetInfo
from vid2vidmr.downloads import DownloadOptions

MARGIN_S = 46.0
"""Context on either side of a moment: about what the released reference clips have."""


def build_from_matches(
    out: Path,
    released_info: DatasetInfo,
    path: Path,
    choices: Choices,
    download: DownloadOptions | None,
    cut: bool,
) -> Dataset:
    """Build from a CSV file of moments; see `builders.sportsmoments.SportsMoments.build`.

    Classes are those of the release, by number or name, and have its splits.

    Raises
    ------
    MomentError
        If rows name other matches or other classes.
    """
    released = read_released()
    table, matches = custom_moments(path, released)
    for damaged, meant in matches.repaired.items():
        print(f"{damaged} of vids.txt is {meant}.")
    for damaged in matches.unresolved:
        print(f"{damaged} of vids.txt is damaged, nothing here explains it: it is left out.")
    info = released_info.model_copy(
        update={
            "name": "sportsmoments-own",
            "title": "Moments of one's own in the matches of SportsMoments",
            "source": "matches of https://github.com/vl2g/MATR (vids.txt); moments of one's own",
            "licence": "that of the moments; the videos are YouTube's",
        }
    )
    split_of = {
        released.labels[number]: split
        for split, known in EXPECTED.items()
        for number in known["classes"]
    }
    splits = {label: split_of.get(label, "train") for label in released.labels.values()}
    margin = MARGIN_S if choices.margin is None else choices.margin
    choices = replace(choices, margin=margin, splits=splits)
    return build_custom(out, info, Annotations(path, table), choices, None, download, cut)


def custom_moments(path: Path, released: Released) -> tuple[pd.DataFrame, MatchIds]:
    """Read the CSV file; give its moments, and the list of matches repaired with its ids too.

    Raises
    ------
    MomentError
        If rows name other matches or other classes.
    """
    table = read_moments(path)
    seen = set(released.moments["source_id"]) | set(table["video"])
    whole = {video for video in seen if not re.search(r"\s", video)}
    matches = repair_match_ids(released.listed, whole)
    table["video"] = table["video"].replace(matches.repaired)
    by_number = {str(number): label for number, label in released.labels.items()}
    label = table["label"].map(lambda text: by_number.get(text, text))
    faults = [
        (int(row), f"{video!r} is none of the {len(released.listed)} matches")
        for row, video in zip(table["row"], table["video"], strict=True)
        if video not in matches.ids
    ]
    faults += [
        (int(row), f"there is no class {text!r}: expected a number or name of the release")
        for row, text in zip(table["row"], label, strict=True)
        if text not in by_number.values()
    ]
    raise_faults(path, faults)
    number_of = {label: number for number, label in released.labels.items()}
    numbers = label.map(number_of).astype("str")
    ids = table["video"] + "__" + numbers + "_" + table["row"].astype("str")
    return table.assign(label=label, moment_id=ids), matches
