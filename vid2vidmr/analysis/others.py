"""The other annotated moments of a target: what a method can mistake for the right one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from vid2vidmr.data.pairs import PairSet
from vid2vidmr.windows import temporal_iou

SHOWN = 0.5
"""Part of another moment that must lie in the target: ends of moments cut off are none."""
SAME_IOU = 0.5
"""IoU with the truth from which on another moment is the same one, annotated twice."""


def other_moments(pairs: PairSet, moments: pd.DataFrame) -> np.ndarray:
    """Annotated moments of every target but the ground truth, as the protocol cuts the target.

    Parameters
    ----------
    moments : DataFrame
        Of the data set. Moments of the same video file count, whatever their class, where at least
        half of them lies in the target and their IoU with the truth is below 0.5.

    Returns
    -------
    ndarray, (pairs, most others of a target)
        Start and end in seconds from the target's start; NaN where a target has fewer.
    """
    known = pd.DataFrame(
        {
            "target_video": moments["video_id"],
            "moment_id": moments["moment_id"],
            "from_s": moments["clip_start_s"] + moments["start_s"],
            "to_s": moments["clip_start_s"] + moments["end_s"],
        }
    ).dropna()
    columns = ["target_video", "target_id", "clip_start_s", "clip_end_s", "start_s", "end_s"]
    table = pairs.table[columns].reset_index(drop=True)
    joined = table.rename_axis("row").reset_index().merge(known, on="target_video")
    joined = joined[joined["moment_id"] != joined["target_id"]]

    clip = joined[["clip_start_s", "clip_end_s"]].to_numpy("float64")
    whole = joined[["from_s", "to_s"]].to_numpy("float64")
    seen = np.clip(whole, clip[:, :1], clip[:, 1:]) - clip[:, :1]
    truth = joined[["start_s", "end_s"]].to_numpy("float64")
    shown = np.diff(seen)[:, 0] >= SHOWN * np.diff(whole)[:, 0]
    kept = shown & (temporal_iou(seen, truth) < SAME_IOU)

    rows, seen = joined["row"].to_numpy()[kept], seen[kept]
    place = pd.Series(rows).groupby(rows).cumcount().to_numpy()
    others = np.full((len(pairs), int(place.max(initial=-1)) + 1, 2), np.nan)
    others[rows, place] = seen
    return others
