"""Tennis: strokes and bounces of 28 matches (E2E-Spot, ECCV 2022)."""

from __future__ import annotations

import pandas as pd

from builders.clips import COMMIT, LICENCE, REPOSITORY, ClipsBuilder, Spot, joined
from builders.facts import Fact
from builders.formats.moments import Margins, Notes
from vid2vidmr.data.info import SPLITS, DatasetInfo

EXPECTED = {
    "clips": {"train": 1_368, "val": 455, "test": 1_622},
    "events": {"train": 10_976, "val": 3_642, "test": 19_173},
    "videos": {"train": 19, "val": 19, "test": 9},
    "overlapping": 43,
    "twice": 8,
    "classes": {
        f"{side}_court_{event}" for side in ("near", "far") for event in ("serve", "swing", "bounce")
    },
}  # fmt: skip
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
        citation="Hong et al., Spotting Temporally Precise, Fine-Grained Events in Video, ECCV 2022",
        synthetic=False,
        default_encoder="clip-vit-b32",
    )
    below = "tennis"
    val = 3

    def facts(self, spot: Spot) -> list[Fact]:  # noqa: D102
        split = spot.events["clip"].map(dict(zip(spot.clips["clip"], spot.clips["split"])))
        of = {
            "clips": spot.clips["split"].value_counts().to_dict(),
            "events": split.value_counts().to_dict(),
            "videos": spot.clips.groupby("split")["video"].nunique().to_dict(),
        }
        one = joined(spot)
        test = set(spot.clips.loc[spot.clips["split"] == "test", "video"])
        others = set(spot.clips.loc[spot.clips["split"] != "test", "video"])
        return [
            *(
                Fact(f"{split}: {what}", EXPECTED[what][split], found.get(split, 0))
                for what, found in of.items()
                for split in SPLITS
            ),
            Fact("classes", EXPECTED["classes"], set(spot.events["label"])),
            Fact("videos of test in train or val", 0, len(test & others)),
            Fact(
                "clips that overlap the one before",
                EXPECTED["overlapping"],
                len(spot.clips) - len(one.clips),
            ),
            Fact("events of two clips", EXPECTED["twice"], len(spot.events) - len(one.events)),
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
