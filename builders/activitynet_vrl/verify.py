"""What is known of the released annotations of ActivityNet-VRL, measured again at every build."""

from __future__ import annotations

import numpy as np
import pandas as pd

from builders.activitynet_vrl.derive import LONGEST_LOCATION, LONGEST_MOMENT, derive
from builders.activitynet_vrl.tables import CLASSES, Released
from builders.facts import Fact
from vid2vidmr.data.info import SPLITS

ITEMS = {"train": 7_593, "val": 829, "test": 978}
VIDEOS = {"train": 3_791, "val": 444, "test": 494}
TRAIN_PAIRS = 472_704
TRAIN_PAIRS_OF_TWO_VIDEOS = 452_512
DERIVED = {"train": 7_296, "val": 775, "test": 948}
"""Items of the 4,538 videos whose duration the raw annotations give."""


def facts(released: Released, pairs: dict[str, tuple[np.ndarray, np.ndarray]]) -> list[Fact]:
    """Measure everything that is known of the annotations.

    Parameters
    ----------
    pairs : dict of str to (ndarray, ndarray)
        Split to the positions of queries and targets among its items.
    """
    return [
        *_item_facts(released),
        *_label_facts(released),
        *_pair_facts(released, pairs),
        *_derivation_facts(released),
    ]


def _item_facts(released: Released) -> list[Fact]:
    items = released.items.merge(released.lengths, on="video_id", how="left")
    of_split = dict(list(items.groupby("split")))
    moment = items["groundtruth_end"] - items["groundtruth_start"]
    location = items["location_end"] - items["location_start"]
    inside = (
        (items["groundtruth_start"] >= 0) & (moment > 0) & (items["groundtruth_end"] <= location)
    )
    unknown = items["duration_s"].isna()
    return [
        *(Fact(f"{s}: items", ITEMS[s], len(of_split[s])) for s in SPLITS),
        *(Fact(f"{s}: videos", VIDEOS[s], of_split[s]["video_id"].nunique()) for s in SPLITS),
        Fact("videos without a length", 0, int(items["n_feat"].isna().sum())),
        Fact("videos without a duration", 191, items.loc[unknown, "video_id"].nunique()),
        Fact("items without a duration", 381, int(unknown.sum())),
        Fact("items that repeat an id", 0, int(released.moments["moment_id"].duplicated().sum())),
        Fact("longest moment, features", LONGEST_MOMENT, int(moment.max())),
        Fact("longest target, features", LONGEST_LOCATION, int(location.max())),
        Fact("moments outside their target", 0, int((~inside).sum())),
        Fact(
            "targets outside their video",
            0,
            int(((items["location_start"] < 0) | (items["location_end"] > items["n_feat"])).sum()),
        ),
    ]


def _label_facts(released: Released) -> list[Fact]:
    nodes = released.items.drop_duplicates(["split", "node"])
    by_name = nodes["node"].map(released.name_of).map(released.split_of)
    return [
        Fact("classes", 200, len(released.split_of)),
        *(Fact(f"{s}: classes", CLASSES[s], int((nodes["split"] == s).sum())) for s in SPLITS),
        Fact("names found for the classes", 200, len(set(released.name_of.values()))),
        Fact(
            "classes in another split than the permutation says",
            0,
            int((by_name != nodes["split"]).sum()),
        ),
    ]


def _pair_facts(released: Released, pairs: dict[str, tuple[np.ndarray, np.ndarray]]) -> list[Fact]:
    train = released.items.loc[released.items["split"] == "train", "video_id"].to_numpy()
    query, target = pairs["train"]
    return [
        Fact("train: pairs", TRAIN_PAIRS, len(query)),
        Fact(
            "train: pairs of two videos",
            TRAIN_PAIRS_OF_TWO_VIDEOS,
            int((train[query] != train[target]).sum()),
        ),
        *(Fact(f"{s}: pairs, one a query", ITEMS[s], len(pairs[s][0])) for s in ("val", "test")),
    ]


def _derivation_facts(released: Released) -> list[Fact]:
    known = released.lengths["duration_s"].notna()
    derived = derive(released.segments, released.lengths[known], released.split_of)
    published = released.items[["location_start", "location_end"]].assign(
        **released.moments[["split", "video_id", "label", "start", "end"]]
    )
    published = published[published["video_id"].isin(released.lengths.loc[known, "video_id"])]
    # Matching on split and label too: a moment of another class or split counts as not published.
    both = published.merge(
        derived,
        on=["split", "video_id", "label", "start", "end"],
        how="outer",
        suffixes=("", "_derived"),
        indicator=True,
    )
    matched = both[both["_merge"] == "both"]
    length = matched["location_end"] - matched["location_start"]
    crop = matched["location_end_derived"] - matched["location_start_derived"] > LONGEST_LOCATION
    same = _columns_equal(matched, "location_start") & _columns_equal(matched, "location_end")
    cropped_well = (
        (length == LONGEST_LOCATION)
        & (matched["location_start"] >= matched["location_start_derived"])
        & (matched["location_end"] <= matched["location_end_derived"])
    )
    counts = matched["split"].value_counts()
    return [
        Fact("raw: videos with a duration", 19_228, int(known.sum())),
        *(Fact(f"{s}: items derived from raw", DERIVED[s], int(counts[s])) for s in SPLITS),
        Fact("derived, not published", 0, int((both["_merge"] == "right_only").sum())),
        Fact("published, not derived", 0, int((both["_merge"] == "left_only").sum())),
        Fact("derived target differs, not cropped", 0, int((~same & ~crop).sum())),
        Fact("targets cropped to 300", 136, int(crop.sum())),
        Fact("crops that are not of the derived target", 0, int((crop & ~cropped_well).sum())),
    ]


def _columns_equal(table: pd.DataFrame, name: str) -> pd.Series:
    return table[name] == table[f"{name}_derived"]
