"""Diving: somersaults and twists within 3,000 dives (FineDiving, CVPR 2022)."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pandas as pd
from pydantic import NonNegativeInt, PositiveFloat, PositiveInt

from builders.clips import COMMIT, GET_AGAIN, REPOSITORY
from builders.facts import Fact, check_facts, licence
from builders.formats import Fault
from builders.formats.spot import Clip, clips
from builders.rows import raise_lines
from vid2vidmr.data.builder import DatasetBuilder
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.info import SPLITS, DatasetInfo
from vid2vidmr.errors import UserError

EXPECTED = {
    "dives": {"train": 1_801, "val": 450, "test": 749},
    "events": {"train": 4_182, "val": 1_063, "test": 1_765},
    "broken": 18,
    "moments": 3_982,
    "classes": 21,
    "rare": 4,
}
_STEP = re.compile(r"(.+) -> (.+)")
ENTRY = "Entry"


class Dives(NamedTuple):
    """Dives and the sub-actions in them.

    Attributes
    ----------
    clips : dict of str to Clip
    split : dict of str to str
        As published, of each dive.
    moments : DataFrame
        ``video, label, first, end``: a sub-action and its frames, the last one excluded.
    broken : int
        Dives whose changes do not follow one another.
    """

    clips: dict[str, Clip]
    split: dict[str, str]
    moments: pd.DataFrame
    broken: int


class Diving(DatasetBuilder):
    """Builds from the labels of FineDiving as E2E-Spot converted them, which the user has.

    A moment is a sub-action of a dive, such as 3.5 Soms.Tuck, from the change into it to the next
    change; take-off and entry are no moments: the clip cuts them. Targets are whole dives. Splits
    share no class: those of 10 moments and more are dealt out with the seed, others are train.
    """

    info = DatasetInfo(
        name="diving",
        title="FineDiving's sub-actions, asked by video",
        version="1",
        source=f"{REPOSITORY} (commit {COMMIT}, data/finediving)",
        licence="MIT (labels of FineDiving); the videos are their owners'",
        citation="Xu et al., FineDiving: A Fine-grained Dataset for Procedure-aware Action Quality "
        "Assessment, CVPR 2022",
        synthetic=False,
        default_encoder="clip-vit-b32",
    )

    def build(
        self,
        out: Path,
        *,
        labels: Path | None = None,
        videos: Path | None = None,
        fps: PositiveFloat = 25.0,
        seed: NonNegativeInt = 0,
        max_pairs_per_class: PositiveInt | None = None,
    ) -> Dataset:
        """Build from a folder of labels; see `DatasetBuilder.build`.

        Parameters
        ----------
        labels : Path
            Folder with train.json, val.json and test.json.
        videos : Path, optional
            Folder of the dives, named by their ids (01__108.mp4); they come from their owners.
        fps : float
            Frames a second of the dives, which the labels do not say.
        seed : int
            Of the classes' splits and of the pairs.

        Raises
        ------
        UserError
            If no labels are given, or `fps` is not that of the videos.
        DataError
            If they are not the known ones.
        """
        from builders.custom.build import Annotations, Choices, build_custom
        from builders.custom.files import files_of
        from builders.custom.pairs import split_classes

        dives = read_dives(labels)
        check_facts("diving: facts of its labels", facts(dives), GET_AGAIN)
        moments = dives.moments
        length = moments["video"].map({v: clip.num_frames / fps for v, clip in dives.clips.items()})
        table = moments[["video", "label"]].assign(
            start_s=moments["first"] / fps, end_s=moments["end"] / fps, duration_s=length,
            split=None, row=range(1, len(moments) + 1),
        )  # fmt: skip
        files = {} if videos is None else files_of(table["video"].unique(), videos)
        _require_rate(dives, files, fps)
        given = Annotations(
            path=labels or Path(),
            table=table,
            strict=False,
            notes=(
                (f"{dives.broken} dives left out", "their changes do not follow one another"),
                ("frames a second", f"{fps:g}: the labels do not say them (--fps)"),
                licence(self.info),
            ),
            origin="from their owners: --videos",
        )
        choices = Choices(
            seed, None, "class", False, False, exhaustive=True,
            max_pairs_per_class=max_pairs_per_class, splits=split_classes(table["label"], seed),
        )  # fmt: skip
        return build_custom(out, self.info, given, choices, files, None, False)


def read_dives(folder: Path | None) -> Dives:
    """Read the three files.

    Raises
    ------
    UserError
        If no folder is given.
    DataError
        If a file is missing.
    MomentError
        If records are not as they should be, each with its place.
    """
    if folder is None:
        raise UserError(
            f"diving needs its labels: clone {REPOSITORY} and pass its folder data/finediving as "
            "--labels."
        )
    found: dict[str, Clip] = {}
    split_of: dict[str, str] = {}
    rows: list[tuple[str, str, int, int]] = []
    faults: list[str] = []
    broken = 0
    for split in SPLITS:
        for place, clip in clips(folder / f"{split}.json"):
            if isinstance(clip, Fault):
                faults.append(f"{split}.json, {place}: {clip.text}")
                continue
            found[clip.video], split_of[clip.video] = clip, split
            actions = _actions(clip)
            broken += actions is None
            rows += actions or []
    raise_lines(folder, faults)
    moments = pd.DataFrame(rows, columns=["video", "label", "first", "end"])
    return Dives(found, split_of, moments, broken)


def _actions(clip: Clip) -> list[tuple[str, str, int, int]] | None:
    """Sub-actions between two changes; None where the changes are no chain up to the entry."""
    steps = [_STEP.fullmatch(event.comment) for event in clip.events]
    chain = [step.groups() for step in steps if step is not None]
    frames = [event.frame for event in clip.events]
    follows = all(a[1] == b[0] for a, b in pairwise(chain))
    rising = all(a < b for a, b in pairwise(frames))
    if len(chain) < len(steps) or not chain or chain[-1][1] != ENTRY or not (follows and rising):
        return None
    return [
        (clip.video, name, first, end)
        for (_, name), (first, end) in zip(chain[:-1], pairwise(frames), strict=True)
    ]


def facts(dives: Dives) -> list[Fact]:
    """Measure what is known of the labels."""
    counts = dives.moments["label"].value_counts()
    events = dict.fromkeys(SPLITS, 0)
    for video, split in dives.split.items():
        events[split] += len(dives.clips[video].events)
    splits = list(dives.split.values())
    return [
        *(Fact(f"{s}: dives", EXPECTED["dives"][s], splits.count(s)) for s in SPLITS),
        *(Fact(f"{s}: changes", EXPECTED["events"][s], events[s]) for s in SPLITS),
        Fact("dives whose changes are no chain", EXPECTED["broken"], dives.broken),
        Fact("sub-actions between two changes", EXPECTED["moments"], len(dives.moments)),
        Fact("classes", EXPECTED["classes"], len(counts)),
        Fact("classes of fewer than 10 moments", EXPECTED["rare"], int((counts < 10).sum())),
    ]


def _require_rate(dives: Dives, files: dict[str, Path], fps: float) -> None:
    """Refuse videos that show at their first that they have another rate."""
    from vid2vidmr.video.sample import video_duration

    for video, path in list(files.items())[:1]:
        frames, length = dives.clips[video].num_frames, video_duration(path)
        if abs(frames / fps - length) > 0.5:
            raise UserError(
                f"{path} lasts {length:.2f} s and has {frames} frames by its labels: pass --fps "
                f"{frames / length:.4g} if all dives have that rate."
            )
