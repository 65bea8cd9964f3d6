"""Ask an archive for moments like those of one or several queries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vid2vidmr.archive.approximate import near_rows, with_background
from vid2vidmr.archive.calibrate import Background, probabilities
from vid2vidmr.archive.fusion import asked
from vid2vidmr.archive.query import Query, query_place, query_rows
from vid2vidmr.archive.refine import refined
from vid2vidmr.archive.scan import POOL, Candidates, Engine, scan, scan_here, suppressed
from vid2vidmr.archive.store import Archive, open_archive
from vid2vidmr.errors import UserError
from vid2vidmr.features.cached import CachedEncoder
from vid2vidmr.records import Fuse, Record
from vid2vidmr.text import counted
from vid2vidmr.windows import temporal_iou

if TYPE_CHECKING:
    from vid2vidmr.features.encoder import VideoEncoder
    from vid2vidmr.methods.base import Method

DEFAULT_METHOD = "align_refine"
"""It comes trained, takes any encoder, and was shown on film (`docs/lab/transfer.md`)."""
SCAN = "scan"
"""Instead of a method: what the scan finds, as it is."""
MIN_SCORE = 0.2
"""Odds of four to one against: what is below is not shown."""
REFINED = 40
"""Candidates that a method reads, at least."""


class FoundWindow(Record):
    """A part of a video, seconds from its start, and the probability that it holds the moment."""

    video: str
    start_s: float
    end_s: float
    score: float


class Found(Record):
    """What was found.

    Attributes
    ----------
    queries, negatives : tuple of str
    archive : str or None
        Its folder; None in memory.
    method : str
    encoder : str
    videos : int
        How many were searched.
    hours : float
    best : float
        Score of the best window, found or not.
    windows : tuple of FoundWindow
        Best first; empty where nothing is likely enough.
    """

    queries: tuple[str, ...]
    negatives: tuple[str, ...] = ()
    archive: str | None
    method: str
    encoder: str
    videos: int
    hours: float
    best: float
    windows: tuple[FoundWindow, ...]

    def __str__(self) -> str:
        where = f"{self.hours:.1f} hours of {counted(self.videos, 'video')}"
        if self.windows:
            return f"{counted(len(self.windows), 'window')} in {where}."
        if not self.best:  # there is no other window, and no --min-score would show one
            return f"Nothing in {where} is like the query."
        return (
            f"Nothing in {where} is like the query: the best window has a probability of "
            f"{self.best:.2f} (--min-score 0 shows it)."
        )


class Searcher:
    """An archive and a method that are asked many times.

    Parameters
    ----------
    archive : str, Path or Archive
    method : str or Method
        What reads the candidates of the scan again; ``scan`` is the scan alone.
    checkpoint : str, optional
        Of a method that must be trained.
    load_encoder : callable, optional
        Gives an encoder by its name; called when a query has to be encoded.
    engine : Engine
        Where the archive is scanned.
    """

    def __init__(
        self,
        archive: str | Path | Archive,
        method: str | Method = DEFAULT_METHOD,
        checkpoint: str | None = None,
        load_encoder: Callable[[str], VideoEncoder] | None = None,
        engine: Engine = scan_here,
    ) -> None:
        self.archive, self._engine = open_archive(archive), engine
        self.method = _method(method, checkpoint)
        if self.method is not None:
            self.method.acquaint(self.archive.sketch.components)
        contract = self.archive.contract
        self.encoder = CachedEncoder(contract, lambda: (load_encoder or _load)(contract.name))

    @property
    def method_name(self) -> str:
        """Name of the method."""
        return SCAN if self.method is None else self.method.info.name

    def rows(self, query: str | Query) -> np.ndarray:
        """Features of a query, see `query_rows`."""
        query = Query.parse(query) if isinstance(query, str) else query
        return query_rows(query, self.archive, self.encoder)

    def ask(
        self,
        queries: str | Sequence[str],
        negatives: Sequence[str] = (),
        *,
        top: int = 10,
        min_score: float = MIN_SCORE,
        fuse: Fuse = "mean",
        approximate: bool = False,
    ) -> Found:
        """Search, see `search`."""
        queries = (queries,) if isinstance(queries, str) else tuple(queries)
        if not queries:
            raise UserError("Nothing is asked: name a video file, or a part of one.")
        if top < 1 or not 0 <= min_score <= 1:
            raise UserError(
                f"top {top}, min_score {min_score}: expected at least 1 window, and a probability."
            )
        positive = [self.rows(query) for query in queries]
        negative = [self.rows(query) for query in negatives]
        own = [query_place(Query.parse(text), self.archive) for text in queries]
        candidates = self.candidates(
            positive, negative, own, top=top, fuse=fuse, approximate=approximate
        )
        return self.found(candidates, queries, tuple(negatives), top, min_score)

    def candidates(
        self,
        positive: Sequence[np.ndarray],
        negative: Sequence[np.ndarray] = (),
        own: Sequence[tuple[str, float, float] | None] = (),
        *,
        top: int = 10,
        fuse: Fuse = "mean",
        approximate: bool = False,
    ) -> Candidates:
        """Windows of the archive, best first, with probabilities as scores.

        Parameters
        ----------
        positive, negative : sequence of ndarray, (N, dim)
            Features of the queries.
        own : sequence of (video, start_s, end_s)
            Places of the archive that are left out, such as that of a query.
        """
        sketch = self.archive.sketch
        positive = asked(positive, fuse)
        seen, unlike = ([sketch.seen(rows) for rows in side] for side in (positive, negative))
        places = near_rows(self.archive, seen) if approximate else None
        keep, engine = max(POOL, 4 * top), scan_here if approximate else self._engine
        found = scan(sketch, seen, unlike, fuse, places, keep, engine)
        if places is not None:  # what chance scores, a part of the archive tells
            found = with_background(found, sketch, seen, unlike, fuse)
        found = _without(found, own)
        background = Background.of(found.background, found.share)
        if self.method is None:
            return replace(found, scores=probabilities(found.scores, background))
        first = found.take(np.arange(min(len(found), max(REFINED, 2 * top))))
        read = refined(self.method, self.archive, positive, first, fuse)
        # The method says which window is first, and both how sure that is.
        sure = probabilities(first.scores, background, read.scores)
        ranked = read.take(np.argsort(-read.scores, kind="stable"))
        return suppressed(_without(replace(ranked, scores=sure), own))

    def found(
        self,
        candidates: Candidates,
        queries: tuple[str, ...],
        negatives: tuple[str, ...] = (),
        top: int = 10,
        min_score: float = MIN_SCORE,
    ) -> Found:
        """Make a result of candidates whose scores are probabilities."""
        windows: list[FoundWindow] = []
        for video, (start_s, end_s), score in zip(
            candidates.videos, candidates.windows.tolist(), candidates.scores.tolist(), strict=True
        ):
            if len(windows) == top or score < min_score:
                break
            times = {"start_s": start_s, "end_s": min(end_s, self.archive.durations_s[video])}
            if times["start_s"] < times["end_s"]:
                windows.append(FoundWindow(video=video, **times, score=round(score, 6)))
        return Found(
            queries=queries, negatives=negatives,
            archive=None if self.archive.path is None else str(self.archive.path),
            method=self.method_name, encoder=self.archive.contract.name,
            videos=len(self.archive), hours=round(self.archive.hours, 4),
            best=round(float(candidates.scores.max(initial=0.0)), 6), windows=tuple(windows),
        )  # fmt: skip


def search(
    queries: str | Sequence[str],
    archive: str | Path | Archive,
    method: str | Method = DEFAULT_METHOD,
    checkpoint: str | None = None,
    *,
    negatives: Sequence[str] = (),
    top: int = 10,
    min_score: float = MIN_SCORE,
    fuse: Fuse = "mean",
    approximate: bool = False,
    engine: Engine = scan_here,
) -> Found:
    """Find the windows of an archive that hold the moment of a query.

    Parameters
    ----------
    queries : str or sequence of str
        Files, videos of the archive, or parts of either (``match.mp4@12:03-12:15``): examples of
        one kind of moment.
    archive : str, Path or Archive
        See `open_archive`.
    method : str or Method
        What reads the candidates of the exact scan again: it moves their ends and ranks them.
        ``scan`` takes them as they are.
    checkpoint : str, optional
        Of a method that must be trained.
    negatives : sequence of str
        Examples of what is not meant.
    top : int
        At most so many windows.
    min_score : float
        Windows that are less probable are left out. There may be none.
    fuse : {"mean", "best", "barycentre"}
        What counts of several queries: the mean of their scores, the best of them, or one search
        with their soft-DTW barycentre.
    approximate : bool
        Look only where an approximate index finds rows of the query; needs the extra ``ann``.
    engine : Engine
        Where the archive is scanned: by default here, `vid2vidmr.archive.on_ray.scan_on_ray` on a
        Ray cluster; of no use to an approximate index.

    Returns
    -------
    Found
        Best first. The place of a query that lies in the archive is left out.

    Raises
    ------
    DataError
        If there is no archive.
    UserError
        If nothing is asked, or a query lies behind the end of its video.
    VideoError
        If a query cannot be read.

    Examples
    --------
    >>> import vid2vidmr as v
    >>> found = v.search("matches/cup.mp4@12:03-12:15", "archive")
    >>> found.windows[0].video, found.windows[0].start_s, found.windows[0].score
    """
    return Searcher(archive, method, checkpoint, engine=engine).ask(
        queries, negatives, top=top, min_score=min_score, fuse=fuse, approximate=approximate
    )


def _without(found: Candidates, own: Sequence[tuple[str, float, float] | None]) -> Candidates:
    """Leave out what overlaps the places that the queries came from."""
    kept = np.ones(len(found), bool)
    for place in own:
        if place is not None:
            same = np.array([video == place[0] for video in found.videos], bool)
            kept &= ~(same & (temporal_iou(found.windows, np.array(place[1:])) > 0.1))
    return found.take(np.flatnonzero(kept))


def _method(method: str | Method, checkpoint: str | None) -> Method | None:
    from vid2vidmr.methods.load import load_method

    if method == SCAN:
        if checkpoint is not None:
            raise UserError("The scan alone has no checkpoint: leave it out, or name its method.")
        return None
    found = load_method(method, checkpoint) if isinstance(method, str) else method
    if not found.info.needs_features or found.query == "text":
        raise UserError(
            f"{found.info.name} does not compare features of videos: choose another method, see "
            "`vid2vidmr methods`."
        )
    return found


def _load(name: str) -> VideoEncoder:
    from vid2vidmr.features.load import load_encoder

    return load_encoder(name)
