"""Replays and the live actions that they show, from ``Labels-cameras.json``.

An annotation ends a shot: the shot of annotation k lasts from annotation k - 1 to it. One with a
``link`` ends a replay of the action at the link's half and time.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import pandas as pd
from pydantic import BaseModel, BeforeValidator, NonNegativeInt, ValidationError

from builders.custom.files import files_of, video_table
from builders.custom.pairs import split_groups
from builders.facts import missing_videos
from builders.formats.moments import Margins, Notes
from builders.formats.soccernet import Half, records, video_of
from builders.rows import raise_lines
from vid2vidmr.data.info import MOMENT_COLUMNS, SPLITS
from vid2vidmr.errors import DataError, UserError
from vid2vidmr.records import fault
from vid2vidmr.video.files import files_below

FILE = "Labels-cameras.json"


def _clock(text: object) -> float:
    minutes, colon, seconds = str(text).partition(":")
    if not (colon and minutes.isdigit() and seconds.isdigit()):
        raise ValueError(f"{text!r} is no time, as 06:31")
    return 60.0 * int(minutes) + int(seconds)


class _Link(BaseModel):
    half: Annotated[int, BeforeValidator(lambda half: int(half) if half in ("1", "2") else half)]
    label: str
    time: Annotated[float, BeforeValidator(_clock)]


class _Change(BaseModel):
    gameTime: Half  # noqa: N815
    position: NonNegativeInt  # milliseconds
    link: _Link | None = None


class Made(NamedTuple):
    """Tables of a data set, and what was left out."""

    moments: pd.DataFrame
    pairs: dict[str, pd.DataFrame]
    notes: Notes


def read_replays(folder: Path) -> pd.DataFrame:
    """Read the links of all matches.

    Returns
    -------
    DataFrame
        ``match, half, start_s, end_s`` of a replay, ``live_half, live_s, label`` of its action.

    Raises
    ------
    UserError
        If there are no such files.
    MomentError
        If records are not as they should be, each with its place.
    """
    files = {n: path for n, path in files_below(folder).items() if Path(n).name == FILE}
    if not files:
        raise UserError(f"{folder} has no {FILE} below it: expected a folder of matches.")
    rows: list[tuple[object, ...]] = []
    faults: list[str] = []
    for name, path in files.items():
        match, before = Path(name).parent.as_posix(), {1: np.nan, 2: np.nan}
        for number, value in enumerate(records(path), 1):
            try:
                change = _Change.model_validate(value)
            except ValidationError as error:
                faults.append(f"{name}, annotation {number}: {fault(error, 'the annotation')}")
                continue
            half, end_s = change.gameTime, change.position / 1000
            if change.link is not None:
                live = change.link
                rows.append((match, half, before[half], end_s, live.half, live.time, live.label))
            before[half] = end_s
    raise_lines(folder, faults)
    columns = ["match", "half", "start_s", "end_s", "live_half", "live_s", "label"]
    return pd.DataFrame(rows, columns=columns)


def replay_pairs(replays: pd.DataFrame, margins: Margins, margin_s: float, seed: int) -> Made:
    """Pair replays with their live actions; see `builders.soccernet.SoccerNetReplays`.

    Raises
    ------
    UserError
        If a class with a margin of its own is not there.
    DataError
        If no replay is left.
    """
    if unknown := margins.unknown(replays["label"]):
        raise UserError(f"--lead and --lag: there is no class {min(unknown)!r}.")
    gone: Counter[str] = Counter()
    kept = replays[replays["end_s"] > replays["start_s"]]  # NaN: no change before it
    gone["replays whose beginning is not told"] = len(replays) - len(kept)
    action = ["match", "live_half", "live_s", "label"]
    own = kept["start_s"].where(kept["half"] == kept["live_half"], np.inf)
    first = own.groupby([kept[name] for name in action]).transform("min")
    gone["replays before their action"] = int((first <= kept["live_s"]).sum())
    kept = kept.assign(first=first)[first > kept["live_s"]].reset_index(drop=True)
    if kept.empty:
        raise DataError("No replay is linked to an action before it: there is nothing to ask.")
    lead, lag = (
        kept["label"].map(of).astype("float64").fillna(usual)
        for of, usual in ((margins.leads_s, margins.lead_s), (margins.lags_s, margins.lag_s))
    )
    start = np.maximum(kept["live_s"] - lead, 0.0)
    end = np.minimum(kept["live_s"] + lag, kept["first"])
    clip_start = np.maximum(start - margin_s, 0.0)
    split = kept["match"].map(split_groups(list(kept["match"].unique()), seed))
    live = pd.DataFrame(
        {
            "moment_id": "live-" + kept.groupby(action, sort=False).ngroup().astype("str"),
            "video_id": _videos(kept["match"], kept["live_half"]),
            "label": kept["label"],
            "split": split,
            "clip_start_s": clip_start,
            "clip_end_s": np.minimum(end + margin_s, kept["first"]),
            "start_s": start - clip_start,
            "end_s": end - clip_start,
        }
    )
    shown = pd.DataFrame(
        {
            "moment_id": "replay-" + pd.Series(kept.index.astype("str"), kept.index),
            "video_id": _videos(kept["match"], kept["half"]),
            "label": kept["label"],
            "split": split,
            "clip_start_s": kept["start_s"],
            "clip_end_s": kept["end_s"],
            "start_s": 0.0,
            "end_s": kept["end_s"] - kept["start_s"],
        }
    )
    asked = pd.DataFrame({"query_id": shown["moment_id"], "target_id": live["moment_id"]})
    pairs = {}
    for name in SPLITS:
        rows = asked[split == name].reset_index(drop=True)
        if len(rows):
            ids = [f"{name}-{number}" for number in range(len(rows))]
            pairs[name] = rows.assign(pair_id=ids)[["pair_id", "query_id", "target_id"]]
    moments = pd.concat([live.drop_duplicates("moment_id"), shown], ignore_index=True)
    notes = [(f"{count:,} left out", why) for why, count in gone.items() if count]
    return Made(moments[list(MOMENT_COLUMNS)], pairs, notes)


def halves(moments: pd.DataFrame, folder: Path | None, out: Path) -> pd.DataFrame:
    """Table of the videos; those in a folder of matches are here."""
    ids = moments["video_id"].drop_duplicates().reset_index(drop=True)
    here = pd.DataFrame()
    if folder is not None:
        here = video_table(files_of(ids, folder), out)
        ids = ids[~ids.isin(here["video_id"])].reset_index(drop=True)
    away = missing_videos(ids, ids, pd.Series(np.nan, ids.index))
    return pd.concat([here, away], ignore_index=True) if len(here) else away


def _videos(match: pd.Series, half: pd.Series) -> list[str]:
    return [video_of(f"{m}/{FILE}", h) for m, h in zip(match, half, strict=True)]
