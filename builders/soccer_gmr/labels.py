"""The labels of Soccer-GMR as tables: moments, clips, and what is known to be absent.

A label is a text query, a clip and the windows in it, none perhaps. Most queries ask for the
actions of one team ("by players from Japan"). A video query asks for the action whoever does it,
so a clip's truth is known for an action where both teams were asked for (the union), or nobody in
particular was; elsewhere the moments serve as queries only. Queries for nobody in particular have
always one window: no clip is known to be without those actions, so they have no open targets.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field, FiniteFloat, PositiveFloat, ValidationError, model_validator

from vid2vidmr.data.choice import numbered_pairs
from vid2vidmr.data.info import SPLITS
from vid2vidmr.errors import DataError
from vid2vidmr.files import read_jsonl
from vid2vidmr.records import fault

_TEAM = re.compile(r" by (?:players from )?(.+?)\.?$")
_MATCH = re.compile(r"WC2022_(\d+)_|(.{11})__")

Window = Annotated[list[FiniteFloat], Field(min_length=2, max_length=2)]


class _Match(BaseModel):
    teams: str


class _Label(BaseModel):
    """A line of the labels; what is not needed is ignored."""

    vid: str
    query: str
    duration: PositiveFloat
    action_type: str
    match_info: _Match
    relevant_windows: list[Window]

    @model_validator(mode="after")
    def _inside(self) -> _Label:
        for start, end in self.relevant_windows:
            if not 0 <= start < end <= self.duration + 0.5:
                raise ValueError(f"the window {start:g} to {end:g} s is not inside the clip")
        return self

    @property
    def team(self) -> str | None:
        """The team whose actions are asked for; None for anybody's."""
        found = _TEAM.search(self.query)
        return found[1] if found else None


@dataclass(frozen=True)
class Labels:
    """All that the labels say.

    Attributes
    ----------
    moments : DataFrame
        Columns `MOMENT_COLUMNS`: every window, once a clip and action.
    clips : DataFrame
        ``video_id, source_id`` (the match), ``duration_s``.
    targets : DataFrame
        Columns `TARGET_COLUMNS`: the clips and actions that both teams were asked for.
    single : DataFrame
        ``video_id, label``: clips that are known to have exactly one moment of an action.
    captions : list of dict
        ``moment_id, caption``: the data set's own queries, without a team.
    """

    moments: pd.DataFrame
    clips: pd.DataFrame
    targets: pd.DataFrame
    single: pd.DataFrame
    captions: list[dict[str, str]]


def read_labels(folder: Path) -> Labels:
    """Read the three files.

    Raises
    ------
    DataError
        If one is missing, a line is not as it should be (which one), or a clip is in two splits or
        of two lengths.
    """
    moments: list[tuple[Any, ...]] = []
    clips: dict[str, tuple[str, float]] = {}
    split_of: dict[str, str] = {}
    targets, single, captions = [], [], []
    for split in SPLITS:
        for (clip, action), labels in _read(folder / f"{split}.jsonl").items():
            length = labels[0].duration
            if split_of.setdefault(clip, split) != split:
                raise DataError(f"{folder}: the clip {clip} is in {split_of[clip]} and in {split}.")
            lengths = {label.duration for label in labels}
            if clips.setdefault(clip, (_match(clip), length))[1] != length or len(lengths) > 1:
                raise DataError(f"{folder}: the clip {clip} has more than one duration.")
            windows = sorted({tuple(w) for label in labels for w in label.relevant_windows})
            asked = {label.team for label in labels}
            both = set(labels[0].match_info.teams.split(" vs ")) <= asked
            if both:
                targets.append((clip, split, 0.0, length, action))
            if (both or None in asked) and len(windows) == 1:
                single.append((clip, action))
            own = next((label.query for label in labels if label.team is None), None)
            for k, (start, end) in enumerate(windows):
                name = f"{clip}__{action.replace(' ', '-')}_{k}"
                moments.append((name, clip, action, split, 0.0, length, start, min(end, length)))
                captions.append(
                    {"moment_id": name, "caption": own or f"Find all {action} moments."}
                )
    names = ["moment_id", "video_id", "label", "split", "clip_start_s", "clip_end_s"]
    return Labels(
        pd.DataFrame(moments, columns=[*names, "start_s", "end_s"]),
        pd.DataFrame(
            [(clip, *of) for clip, of in clips.items()],
            columns=["video_id", "source_id", "duration_s"],
        ),
        pd.DataFrame(targets, columns=["video_id", "split", "clip_start_s", "clip_end_s", "label"]),
        pd.DataFrame(single, columns=["video_id", "label"]),
        captions,
    )


def pair_ids(labels: Labels, queries: int, seed: int) -> Mapping[str, pd.DataFrame]:
    """Pair every clip with one moment of an action with queries from other matches of its split."""
    moments = labels.moments
    match = moments["video_id"].map(labels.clips.set_index("video_id")["source_id"])
    ids = moments["moment_id"].to_numpy()
    known = pd.MultiIndex.from_frame(labels.single)
    is_target = pd.MultiIndex.from_frame(moments[["video_id", "label"]]).isin(known)
    pairs = {}
    for number, split in enumerate(SPLITS):
        rng = np.random.default_rng([seed, number])
        query: list[int] = []
        target: list[int] = []
        for _, rows in moments[moments["split"] == split].groupby("label", sort=True):
            for one in rows.index[is_target[rows.index]]:
                others = rows.index[match[rows.index] != match[one]].to_numpy()
                drawn = rng.choice(others, min(queries, len(others)), replace=False)
                query += drawn.tolist()
                target += [one] * len(drawn)
        pairs[split] = numbered_pairs(np.array(query), np.array(target), ids, split)
    return pairs


def _read(path: Path) -> dict[tuple[str, str], list[_Label]]:
    """Labels of every clip and action."""
    if not path.exists():
        raise DataError(f"{path} is not there: expected train.jsonl, val.jsonl and test.jsonl.")
    found: dict[tuple[str, str], list[_Label]] = defaultdict(list)
    for number, value in read_jsonl(path):
        try:
            label = _Label.model_validate(value)
        except ValidationError as error:
            raise DataError(f"{path}, line {number}: {fault(error, 'the line')}.") from None
        found[label.vid, label.action_type].append(label)
    return found


def _match(clip: str) -> str:
    """Give the match of a clip: ``WC2022_MATCH_...`` or ``YOUTUBE-ID__...``."""
    found = _MATCH.match(clip)
    return clip if found is None else found[1] or found[2]
