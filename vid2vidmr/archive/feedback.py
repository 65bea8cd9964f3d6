"""Hits that a user accepted and rejected: search again with what they teach.

Accepted windows are further queries; rejected ones do not come back. A regression on the evidence
of all that was judged was here, and ranked worse (docs/search.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from vid2vidmr.archive.query import Query, query_place
from vid2vidmr.archive.search import MIN_SCORE, Found, FoundWindow, Searcher
from vid2vidmr.records import Fuse


class Judged(Protocol):
    """A window of the archive that a user judged."""

    video: str
    start_s: float
    end_s: float


def ask_again(
    searcher: Searcher,
    queries: str | Sequence[str],
    accepted: Sequence[Judged],
    rejected: Sequence[Judged],
    negatives: Sequence[str] = (),
    *,
    top: int = 10,
    min_score: float = MIN_SCORE,
    fuse: Fuse = "mean",
) -> Found:
    """Search again with what was accepted and rejected.

    Parameters
    ----------
    searcher : Searcher
    queries, negatives : str or sequence of str
        What was asked.
    accepted, rejected : sequence of windows
        With ``video``, ``start_s`` and ``end_s``, such as those of `Found`.
    fuse : Fuse
        What counts of the queries and the accepted windows.

    Returns
    -------
    Found
        Accepted windows come first, with the score 1; rejected ones do not come back.
    """
    queries = (queries,) if isinstance(queries, str) else tuple(queries)
    sure = [
        FoundWindow(video=w.video, start_s=w.start_s, end_s=w.end_s, score=1.0) for w in accepted
    ]
    places = [query_place(Query.parse(text), searcher.archive) for text in queries]
    places += [(w.video, w.start_s, w.end_s) for w in (*accepted, *rejected)]
    more = [_rows(searcher, window) for window in accepted]
    asked = [searcher.rows(text) for text in queries]
    candidates = searcher.candidates(
        [*asked, *more],
        [searcher.rows(text) for text in negatives],
        places,
        top=max(top, 40),
        fuse=fuse,
    )
    found = searcher.found(
        candidates, queries, tuple(negatives), max(0, top - len(sure)), min_score
    )
    return found.model_copy(
        update={"windows": (*sure, *found.windows)[:top], "best": 1.0 if sure else found.best}
    )


def _rows(searcher: Searcher, window: Judged) -> np.ndarray:
    step_s = searcher.archive.sketch.step_s
    first, end = round(window.start_s / step_s), round(window.end_s / step_s)
    rows = searcher.archive.features.rows(window.video)
    return rows[first : max(first + 1, end)]
