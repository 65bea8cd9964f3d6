"""Queries that are parts of videos: sampled from their own start, in one pass with the video.

The rows of a video and its queries lie one behind the other: those of the grid, then those of each
query that has rows of its own, in the order of their starts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate, count, takewhile

import numpy as np

from vid2vidmr.contract import clips_of, on_grid
from vid2vidmr.errors import FeatureError
from vid2vidmr.features.store import Key
from vid2vidmr.records import Window
from vid2vidmr.video.sample import sample_times

Queries = Mapping[str, Mapping[float, float]]
"""Video id to start and (latest) end of its queries, seconds."""


def own_queries(
    queries: Mapping[float, float], step_s: float, every: bool = False
) -> tuple[Window, ...]:
    """List the queries of a video that have rows of their own: those that begin off its grid.

    Parameters
    ----------
    queries : mapping of float to float
        Start to end, seconds.
    every : bool
        Those on the grid, too: their rows are others, see `vid2vidmr.features.readers.Reader`.
    """
    return tuple(
        (start, queries[start]) for start in sorted(queries) if every or not on_grid(start, step_s)
    )


def keys_of(video_id: str, own: Sequence[Window]) -> list[Key]:
    """List what a store holds of a video: its grid, then the queries with rows of their own."""
    return [video_id, *((video_id, start) for start, _ in own)]


def dealt(
    video_id: str, own: Sequence[Window], rows: np.ndarray, step_s: float
) -> dict[Key, np.ndarray]:
    """Deal the rows of a video out to its grid and its queries."""
    counts = [clips_of(start, end, step_s) for start, end in own]
    ends = list(accumulate(counts, initial=len(rows) - sum(counts)))
    return dict(zip(keys_of(video_id, own), np.split(rows, ends[:-1]), strict=True))


def query_times(own: Sequence[Window], step_s: float) -> tuple[float, ...]:
    """List the times at which a video is sampled for its queries, seconds."""
    return tuple(time for start, end in own for time in _times(start, end, step_s))


def arranged(of: str, own: Sequence[Window], rows: np.ndarray, step_s: float) -> np.ndarray:
    """Arrange the features of samples as the module says; a query may share some with the grid.

    Parameters
    ----------
    of : str
        The video, for the message.
    rows : ndarray, (n, dim)
        In the order of `sample_times` with `query_times`.

    Returns
    -------
    ndarray
        Where a video ends before its annotation does, the last row stays.

    Raises
    ------
    FeatureError
        If a query begins behind the end of its video.
    """
    times = sample_times(len(rows), step_s, query_times(own, step_s))
    row = {round(time, 6): i for i, time in enumerate(times)}
    places = [row[t] for t in takewhile(row.__contains__, (round(step_s * k, 6) for k in count()))]
    for start, end in own:
        there = [row[t] for time in _times(start, end, step_s) if (t := round(time, 6)) in row]
        if not there:
            raise behind_the_end(of, start)
        places += there + [there[-1]] * (clips_of(start, end, step_s) - len(there))
    return rows[places]


def behind_the_end(of: str, start_s: float) -> FeatureError:
    """Say that a query is not in its video."""
    return FeatureError(
        f"The query at {start_s:g} s lies behind the end of {of}: its file is not the one that was "
        "annotated."
    )


def _times(start_s: float, end_s: float, step_s: float) -> list[float]:
    return [start_s + step_s * k for k in range(clips_of(start_s, end_s, step_s))]
