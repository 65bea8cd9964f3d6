"""What is known of the released annotations of SportsMoments, measured again at every build."""

from __future__ import annotations

from typing import Any

import pandas as pd

from builders.facts import Fact
from builders.sportsmoments.matches import split_clip_ids
from builders.sportsmoments.tables import Released

SOCCER = {6, 7, 12, 13, 16, 17, 19, 20, 22, 23, 24, 25, 26}
"""Classes of soccer matches; the others are of cricket."""

EXPECTED: dict[str, dict[str, Any]] = {
    "val": {
        "pairs": 10_000,
        "distinct pairs": 9_978,
        "queries": 945,
        "targets": 946,
        "queries that never are a target": 0,
        "source matches": 50,
        "pairs from one match": 520,
        "classes": {1, 2, 7, 25},
        "shortest and longest moment, s": (2.0, 22.0),
        "shortest and longest target, s": (62.2, 137.3),
        "windows a target, at most": 1,
        "windows outside their target": 0,
        "rows whose ids name another class": 0,
    },
    "test": {
        "pairs": 10_000,
        "distinct pairs": 9_958,
        "queries": 1_274,
        "targets": 1_278,
        "queries that never are a target": 7,
        "source matches": 51,
        "pairs from one match": 481,
        "classes": {5, 9, 11, 16, 18, 20, 21, 23, 28},
        "shortest and longest moment, s": (2.0, 61.0),
        "shortest and longest target, s": (40.3, 187.4),
        "windows a target, at most": 1,
        "windows outside their target": 0,
        "rows whose ids name another class": 0,
    },
}


def facts(released: Released) -> list[Fact]:
    """Measure everything that is known of the annotations."""
    split_facts = [
        Fact(f"{split}: {name}", expected, found)
        for split, known in EXPECTED.items()
        for (name, expected), found in zip(
            known.items(), _measure(released.rows[split]), strict=True
        )
    ]
    matches = released.matches
    soccer = SOCCER & set(released.labels)
    seen = EXPECTED["val"]["classes"] | EXPECTED["test"]["classes"]
    clips = split_clip_ids(released.moments["moment_id"])
    sports = clips["class_id"].isin(SOCCER).groupby(clips["source_id"]).nunique()
    return [
        *split_facts,
        Fact("classes", 29, len(released.labels)),
        Fact("classes of soccer, of cricket", (13, 16), (len(soccer), 29 - len(soccer))),
        Fact("matches with classes of both sports", 0, int((sports > 1).sum())),
        Fact("classes left to train", 16, len(set(released.labels) - seen)),
        Fact("matches listed", 80, len(released.listed)),
        Fact(
            "match ids repaired",
            {"mo3H qusvxI": "mo3H_qusvxI", "iFYm ogzmdA": "iFYm_ogzmdA"},
            matches.repaired,
        ),
        Fact("match ids not resolved", ("qEgOfHT MnI",), matches.unresolved),
        Fact(
            "clips from matches not listed", 0, int((~clips["source_id"].isin(matches.ids)).sum())
        ),
    ]


def _measure(rows: pd.DataFrame) -> list[Any]:
    """Measure one split, in the order of `EXPECTED`."""
    query, target = split_clip_ids(rows["query_id"]), split_clip_ids(rows["reference_id"])
    start, end = rows["reference_segment_start"], rows["reference_segment_end"]
    duration, label = rows["reference_duration"], rows["action_class"]
    truth = ["reference_segment_start", "reference_segment_end", "reference_duration"]
    return [
        len(rows),
        len(rows.drop_duplicates()),
        rows["query_id"].nunique(),
        rows["reference_id"].nunique(),
        len(set(rows["query_id"]) - set(rows["reference_id"])),
        pd.concat([query["source_id"], target["source_id"]]).nunique(),
        int((query["source_id"] == target["source_id"]).sum()),
        set(label),
        _range(end - start),
        _range(duration),
        int(rows.groupby("reference_id")[truth].nunique().to_numpy().max()),
        int(((start < 0) | (start >= end) | (end > duration)).sum()),
        int(((query["class_id"] != label) | (target["class_id"] != label)).sum()),
    ]


def _range(seconds: pd.Series) -> tuple[float, float]:
    """Smallest and largest, to the 0.1 s in which the annotations are given."""
    return round(float(seconds.min()), 1), round(float(seconds.max()), 1)
