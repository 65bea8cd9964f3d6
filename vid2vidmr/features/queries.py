"""Queries that are parts of videos: sampled from their own start, in one pass with the video."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count, takewhile

import numpy as np

from vid2vidmr.contract import clips_of, on_grid
from vid2vidmr.errors import FeatureError
from vid2vidmr.features.store import Key
from vid2vidmr.video.sample import sample_times

Queries = Mapping[str, Mapping[float, float]]
"""Video id to start and (latest) end of its queries, seconds."""


def stored_keys(video_id: str, queries: Queries, step_s: float) -> list[Key]:
    """List what a store holds of a video: its grid, then the queries that begin elsewhere."""
    starts = sorted(start for start in queries.get(video_id, {}) if not on_grid(start, step_s))
    return [video_id, *((video_id, start) for start in starts)]


def query_times(queries: Mapping[float, float], step_s: float) -> tuple[float, ...]:
    """List the times beside the grid at which a video is sampled for its queries, seconds."""
    return tuple(
        time
        for start, end in queries.items()
        if not on_grid(start, step_s)
        for time in _times(start, end, step_s)
    )


def split_samples(
    video_id: str, queries: Mapping[float, float], rows: np.ndarray, step_s: float
) -> dict[Key, np.ndarray]:
    """Deal the features of a video's samples out to its grid and its queries.

    Parameters
    ----------
    queries : mapping of float to float
        Start to end, seconds.
    rows : ndarray, (n, dim)
        In the order of `sample_times` with `query_times`.

    Returns
    -------
    dict of Key to ndarray
        Where a video ends before its annotation does, the last row stays.

    Raises
    ------
    FeatureError
        If a query begins behind the end of its video.
    """
    times = sample_times(len(rows), step_s, query_times(queries, step_s))
    row = {round(time, 6): i for i, time in enumerate(times)}
    grid = takewhile(row.__contains__, (round(step_s * k, 6) for k in count()))
    found: dict[Key, np.ndarray] = {video_id: rows[[row[t] for t in grid]]}
    for start, end in queries.items():
        if on_grid(start, step_s):
            continue
        places = [row[round(t, 6)] for t in _times(start, end, step_s) if round(t, 6) in row]
        if not places:
            raise FeatureError(
                f"The query at {start:g} s lies behind the end of video {video_id!r}: its file is "
                "not the one that was annotated."
            )
        places += [places[-1]] * (clips_of(start, end, step_s) - len(places))
        found[video_id, start] = rows[places]
    return found


def _times(start_s: float, end_s: float, step_s: float) -> list[float]:
    return [start_s + step_s * k for k in range(clips_of(start_s, end_s, step_s))]
