"""Hits that a user accepted and rejected: search again with what they teach.

Accepted windows are further queries, rejected ones are examples of what is not meant. What counts
how much is learned by logistic regression on the evidence of the windows that were judged: the
score of the queries about a window, of the accepted windows, and of the rejected ones, each without
what a window says of itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from vid2vidmr.archive.query import Query, query_place
from vid2vidmr.archive.scan import Candidates, scan, whole
from vid2vidmr.archive.search import MIN_SCORE, Found, FoundWindow, Searcher
from vid2vidmr.windows import temporal_iou

JUDGED = 200
"""Candidates that are ranked again."""
WEAK = 0.1
"""Weight of a window that nobody judged: the last candidates count as rejected, a little."""
PENALTY = 1.0
"""Inverse strength of the regression's penalty; chosen before anything was measured."""


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
) -> Found:
    """Search again with what was accepted and rejected.

    Parameters
    ----------
    searcher : Searcher
    queries, negatives : str or sequence of str
        What was asked.
    accepted, rejected : sequence of windows
        With ``video``, ``start_s`` and ``end_s``, such as those of `Found`.

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
    first = [searcher.rows(text) for text in queries]
    candidates = searcher.candidates(
        [*first, *more], [searcher.rows(text) for text in negatives], places, top=max(top, 40)
    )
    if accepted or rejected:
        candidates = _ranked_again(searcher, first, candidates, accepted, rejected)
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


def _ranked_again(
    searcher: Searcher,
    queries: Sequence[np.ndarray],
    candidates: Candidates,
    accepted: Sequence[Judged],
    rejected: Sequence[Judged],
) -> Candidates:
    """Rank candidates by the regression; scores, how many of the best are no chance, stay."""
    from sklearn.linear_model import LogisticRegression

    candidates = candidates.take(np.arange(min(len(candidates), JUDGED)))
    judged = [*accepted, *rejected]
    videos = [*candidates.videos, *(w.video for w in judged)]
    windows = np.concatenate([candidates.windows, np.array([(w.start_s, w.end_s) for w in judged])])
    asked = [*queries, *(_rows(searcher, w) for w in judged)]
    lines = _scores_about(searcher, asked, videos, windows)  # (windows, queries + judged)
    n, q, a = len(candidates), len(queries), len(accepted)
    lines[n + np.arange(len(judged)), q + np.arange(len(judged))] = np.nan  # of itself
    evidence = np.column_stack(
        [_best(lines[:, :q]), _best(lines[:, q : q + a]), _best(lines[:, q + a :])]
    )
    evidence[:, np.isnan(evidence).all(axis=0)] = 0.0  # nothing was accepted, or rejected
    evidence = np.nan_to_num((evidence - np.nanmean(evidence, 0)) / (np.nanstd(evidence, 0) + 1e-6))
    order = np.argsort(-evidence[:n, 0], kind="stable")
    weak = order[-max(1, n // 4) :] if not rejected else order[:0]
    learned = np.concatenate([n + np.arange(len(judged)), weak])
    labels = np.concatenate([np.arange(len(judged)) < a, np.zeros(len(weak), bool)])
    weights = np.where(learned < n, WEAK, 1.0)
    if labels.all() or not labels.any():  # nothing was accepted: below what was rejected
        ranks = evidence[:n, 0] - evidence[:n, 2]
    else:
        model = LogisticRegression(C=PENALTY, class_weight="balanced")
        ranks = model.fit(evidence[learned], labels, weights).decision_function(evidence[:n])
    again = candidates.take(np.argsort(-ranks, kind="stable"))
    return replace(again, scores=candidates.scores)


def _best(scores: np.ndarray) -> np.ndarray:
    """Largest of each row, NaN where there is none."""
    found = np.where(np.isnan(scores), -np.inf, scores).max(axis=1, initial=-np.inf)
    return np.where(np.isinf(found), np.nan, found)


def _scores_about(
    searcher: Searcher, asked: Sequence[np.ndarray], videos: Sequence[str], windows: np.ndarray
) -> np.ndarray:
    """Score of each query about each window, (windows, queries), by a scan of their videos."""
    sketch = searcher.archive.sketch
    places = whole(sketch, dict.fromkeys(videos))
    out = np.empty((len(videos), len(asked)))
    for column, rows in enumerate(asked):
        found = scan(sketch, [sketch.seen(rows)], places=places, keep=100_000)
        by_video: dict[str, list[int]] = {}
        for i, video in enumerate(found.videos):
            by_video.setdefault(video, []).append(i)
        floor = float(found.scores.min(initial=-1.0))
        for i, video in enumerate(videos):
            near = np.array(by_video.get(video, []), int)
            touching = near[temporal_iou(found.windows[near], windows[i]) > 0]
            out[i, column] = found.scores[touching].max(initial=floor)
    return out
