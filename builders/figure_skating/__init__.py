"""Figure skating: jumps and flying spins of 371 short programmes (E2E-Spot, ECCV 2022)."""

from __future__ import annotations

import pandas as pd

from builders.clips import CITATION, COMMIT, LICENCE, REPOSITORY, ClipsBuilder, Spot, spot_facts
from builders.facts import Fact
from builders.formats.moments import Notes
from vid2vidmr.data.info import DatasetInfo

COUNTS = {
    "clips": {"train": 178, "val": 59, "test": 134},
    "events": {"train": 1_764, "val": 584, "test": 1_326},
    "videos": {"train": 7, "val": 7, "test": 4},
}
PAIRS = {"jump": 1_464, "spin": 373}
UNCLEAR = 2
CLASSES = {
    "axel", "flip", "loop", "lutz", "salchow", "toe_loop",
    "flying_camel", "flying_sit", "flying_upright",
}  # fmt: skip
MEANT = {"tow_loop": "toe_loop", "flying_camel - other": "flying_camel"}
"""Types as they are written to what they mean."""


class FigureSkating(ClipsBuilder):
    """Builds from the labels of E2E-Spot, which the user has; videos are broadcasts of YouTube.

    A moment is a jump from take-off to landing, or the flight into a spin; its class is the type.
    They are short (median 0.7 and 0.45 s): choose a step of 0.25 s or less. There are nine classes:
    splits share them, and share no competition. Test has those of 2018, as published; val one of
    the other seven.
    """

    info = DatasetInfo(
        name="figure-skating",
        title="Figure skating of E2E-Spot (FS-Comp), asked by video",
        version="1",
        source=f"{REPOSITORY} (commit {COMMIT}, data/fs_comp)",
        licence=LICENCE,
        citation=CITATION,
        synthetic=False,
        default_encoder="clip-vit-b32",
    )
    below = "fs_comp"
    val = 1

    def facts(self, spot: Spot) -> list[Fact]:  # noqa: D102
        pairs, lonely = _pairs(spot)
        clear = pairs[pairs["clear"]]
        return [
            *spot_facts(spot, COUNTS),
            *(
                Fact(f"{kind}s from take-off to landing", count, int((pairs["kind"] == kind).sum()))
                for kind, count in PAIRS.items()
            ),
            Fact("take-offs or landings without the other", 0, lonely),
            Fact("pairs without one type", UNCLEAR, len(pairs) - len(clear)),
            Fact("classes", CLASSES, set(clear["label"])),
        ]

    def moments(self, spot: Spot) -> tuple[pd.DataFrame, Notes]:  # noqa: D102
        pairs, _ = _pairs(spot)
        clear = pairs[pairs["clear"]].reset_index(drop=True)
        gone = len(pairs) - len(clear)
        notes = [(f"{gone} left out", "take-off and landing have not one type")] * bool(gone)
        return clear[["clip", "label", "start_s", "end_s"]], notes


def _pairs(spot: Spot) -> tuple[pd.DataFrame, int]:
    """Join every take-off with the landing that follows; give how many events are left alone."""
    rows, lonely = [], 0
    for clip, events in spot.events.groupby("clip", sort=False):
        open_: dict[str, tuple[float, str]] = {}
        ordered = events.sort_values("at_s")[["at_s", "label", "comment"]]
        for at_s, label, comment in ordered.itertuples(index=False):
            kind, _, what = label.partition("_")
            named = MEANT.get(comment, comment)
            if what == "takeoff":
                lonely += kind in open_
                open_[kind] = (at_s, named)
            elif kind in open_:
                start_s, before = open_.pop(kind)
                clear = named == before != ""
                rows.append((clip, kind, named, start_s, at_s, clear))
            else:
                lonely += 1
        lonely += len(open_)
    columns = ["clip", "kind", "label", "start_s", "end_s", "clear"]
    return pd.DataFrame(rows, columns=columns), lonely
