"""Tennis: strokes and bounces of 28 matches (E2E-Spot, ECCV 2022)."""

from __future__ import annotations

import pandas as pd

from builders.clips import (
    CITATION,
    COMMIT,
    LICENCE,
    REPOSITORY,
    ClipsBuilder,
    Spot,
    joined,
    spot_facts,
)
from builders.facts import Fact
from builders.formats.moments import Margins, Notes
from vid2vidmr.data.info import DatasetInfo

COUNTS = {
    "clips": {"train": 1_368, "val": 455, "test": 1_622},
    "events": {"train": 10_976, "val": 3_642, "test": 19_173},
    "videos": {"train": 19, "val": 19, "test": 9},
}
OVERLAPPING, TWICE = 43, 8
CLASSES = {
    f"{side}_court_{what}" for side in ("near", "far") for what in ("serve", "swing", "bounce")
}
MARGINS = Margins(0.5, 0.5, {"near_court_serve": 1.5, "far_court_serve": 1.5})
"""A moment is a second around the ball's contact; a serve begins with its toss."""


class Tennis(ClipsBuilder):
    """Builds from the labels of E2E-Spot, which the user has; videos are whole matches of YouTube.

    A class is an event of one side of the court, as labelled (serve, swing, bounce; near, far).
    There are only six: splits share them, and share no match. The test matches are the published
    ones, val has 3 of the other 19.
    """

    info = DatasetInfo(
        name="tennis",
        title="Tennis of E2E-Spot, asked by video",
        version="1",
        source=f"{REPOSITORY} (commit {COMMIT}, data/tennis)",
        licence=LICENCE,
        citation=CITATION,
        synthetic=False,
        default_encoder="clip-vit-b32",
    )
    below = "tennis"
    val = 3

    def facts(self, spot: Spot) -> list[Fact]:  # noqa: D102
        one = joined(spot)
        return [
            *spot_facts(spot, COUNTS),
            Fact("classes", CLASSES, set(spot.events["label"])),
            Fact(
                "clips that overlap the one before",
                OVERLAPPING,
                len(spot.clips) - len(one.clips),
            ),
            Fact("events of two clips", TWICE, len(spot.events) - len(one.events)),
        ]

    def moments(self, spot: Spot) -> tuple[pd.DataFrame, Notes]:  # noqa: D102
        table = spot.events.merge(spot.clips[["clip", "from_s", "until_s"]], on="clip")
        inside = pd.DataFrame(
            {
                "video": table["clip"],
                "label": table["label"],
                "start_s": table["at_s"] - table["from_s"],
                "duration_s": table["until_s"] - table["from_s"],
            }
        )
        start, end = MARGINS.windows(inside)
        moments = table[["clip", "label"]].assign(
            start_s=start + table["from_s"], end_s=end + table["from_s"]
        )
        return moments, []
