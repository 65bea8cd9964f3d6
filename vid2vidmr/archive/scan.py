"""The exact scan: every row of an archive against the queries, one video after another.

Of each video cosines to all rows are taken in one product, and aligned in one pass (the local
alignment of `local-match`): time is linear in hours, memory that of the longest video.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np

from vid2vidmr.alignment.components import laid_cosines
from vid2vidmr.alignment.local import local_alignment
from vid2vidmr.archive.sketch import Sketch
from vid2vidmr.records import Fuse
from vid2vidmr.windows import nms_1d
from vid2vidmr.workers import cores

THRESHOLD, STATIC_GAP, WAITING = 0.45, 1.0, 0.05
"""Of `local-match`, where they were chosen."""
COPY = 0.995
"""Mean cosine from which a part that is laid beside the query is a copy of it; 8 bits reach it."""
OVERLAP = 0.5
"""IoU above which the worse of two windows of one video is left out."""
POOL = 400
"""Candidates that are kept of a scan, at least."""
_ONE_THREAD = 2**18
"""Multiplications of a product up to which OpenBLAS keeps to one thread."""
_BLOCK = 20_000
"""Rows that a thread takes at once."""


Place = tuple[str, int, int]
"""A part of a video: its name, first row and the row behind the last."""


@dataclass(frozen=True)
class Candidates:
    """Windows of an archive, best first.

    Attributes
    ----------
    videos : list of str
    windows : ndarray, (n, 2)
        Seconds in the video.
    scores : ndarray, (n,)
        Gain per query row: 0 is chance, 1 - `THRESHOLD` a copy.
    evidence : ndarray, (n, queries + negatives)
        Score of each query about the window.
    background : ndarray, (peaks,)
        Scores of the best windows of all places of the archive, of which most hold no moment.
    share : float
        Part of the archive that the background is from.
    """

    videos: list[str]
    windows: np.ndarray
    scores: np.ndarray
    evidence: np.ndarray
    background: np.ndarray
    share: float = 1.0

    def __len__(self) -> int:
        return len(self.videos)

    def take(self, rows: np.ndarray) -> Candidates:
        """Select candidates by number, in that order."""
        return replace(
            self, videos=[self.videos[i] for i in rows], windows=self.windows[rows],
            scores=self.scores[rows], evidence=self.evidence[rows],
        )  # fmt: skip


class Asked(NamedTuple):
    """What is scanned for, see `scan`."""

    queries: Sequence[np.ndarray]
    negatives: Sequence[np.ndarray]
    fuse: Fuse
    keep: int


@dataclass(frozen=True)
class Peaks:
    """Peaks of one video, as `Candidates`; windows in rows."""

    video: str
    windows: np.ndarray
    scores: np.ndarray
    evidence: np.ndarray


class Engine(Protocol):
    """Where an archive is scanned."""

    def __call__(
        self, sketch: Sketch, asked: Asked, places: Iterable[Place], /
    ) -> Iterable[tuple[list[Peaks], np.ndarray]]:
        """Yield of some places after the others the peaks, and the scores of them all.

        Of the peaks those may be left out that are not among the best ``4 * asked.keep``.
        """
        ...


def scan_here(
    sketch: Sketch, asked: Asked, places: Iterable[Place]
) -> Iterator[tuple[list[Peaks], np.ndarray]]:
    """Scan with all cores of this machine, see `Engine`."""

    def of_block(block: list[Place]) -> list[Peaks]:
        return [_scan_place(sketch, place, asked) for place in block]

    with ThreadPoolExecutor(cores()) as pool:
        for some in pool.map(of_block, _blocks(places)):
            yield some, np.concatenate([each.scores.astype(np.float32) for each in some])


def scan(
    sketch: Sketch,
    queries: Sequence[np.ndarray],
    negatives: Sequence[np.ndarray] = (),
    fuse: Fuse = "mean",
    places: Iterable[Place] | None = None,
    keep: int = POOL,
    engine: Engine = scan_here,
) -> Candidates:
    """Find the windows of an archive that gain most from being read as the queries.

    Parameters
    ----------
    queries, negatives : sequence of ndarray, (N, k)
        See `Sketch.seen`. A window loses what it gains as a negative above chance.
    fuse : Fuse
        ``mean``: the mean of the queries' scores about a window; else the best of them.
    places : iterable of (video, first row, end row), optional
        By default all videos.
    keep : int
        Candidates, at most.
    engine : Engine
        Where.
    """
    if places is None:
        places = whole(sketch, sketch.spans)
    found: list[Peaks] = []
    background: list[np.ndarray] = []
    least = -np.inf
    for some, scores in engine(sketch, Asked(queries, negatives, fuse, keep), places):
        background.append(scores)
        found += [each for each in some if each.scores.max(initial=-np.inf) >= least]
        if sum(len(each.scores) for each in found) > 16 * keep:
            found, least = best_peaks(found, 4 * keep)
    found, _ = best_peaks(found, 4 * keep)
    empty = Peaks("", np.empty((0, 2)), np.empty(0), np.empty((0, len(queries) + len(negatives))))
    videos = [each.video for each in found for _ in each.scores]
    parts = [*found, empty]
    every = Candidates(
        videos,
        sketch.step_s * np.concatenate([each.windows for each in parts]),
        np.concatenate([each.scores for each in parts]).astype(np.float64),
        np.concatenate([each.evidence for each in parts]),
        np.concatenate([*background, np.empty(0, np.float32)]),
    )
    every = every.take(np.argsort(-every.scores, kind="stable"))
    return suppressed(every, keep)


def whole(sketch: Sketch, videos: Iterable[str]) -> list[Place]:
    """Give all rows of videos as places."""
    return [(v, 0, sketch.spans[v][1] - sketch.spans[v][0]) for v in videos]


def _blocks(places: Iterable[Place]) -> Iterator[list[Place]]:
    """Places in groups of some `_BLOCK` rows: threads have nothing to wait for."""
    block, rows = [], 0
    for place in places:
        block.append(place)
        rows += place[2] - place[1]
        if rows >= _BLOCK:
            yield block
            block, rows = [], 0
    if block:
        yield block


def _scan_place(sketch: Sketch, place: Place, asked: Asked) -> Peaks:
    (video, begin, behind), (queries, negatives, fuse, _) = place, asked
    rows, gap = sketch.of_video(video, begin, behind), STATIC_GAP * sketch.static[video] ** 2
    lines = [_aligned(rows, query, gap) for query in [*queries, *negatives]]
    near = max(1, round(np.mean([len(query) for query in queries]) / 2))
    scores = np.stack([_largest_near(line[0], near) for line in lines], axis=1)
    positive = scores[:, : len(queries)]
    fused = positive.mean(axis=1) if fuse == "mean" else positive.max(axis=1)
    if negatives:  # what is as like a negative as a query falls back to chance
        unlike = scores[:, len(queries) :].max(axis=1)
        fused = fused - (unlike - np.median(unlike)).clip(min=0)
    # Where a window ends and begins tells the query that likes it best.
    own = np.stack([line[0] for line in lines[: len(queries)]], axis=1)
    best, here = own.argmax(axis=1), np.arange(len(rows))
    sharp = fused - (positive.max(axis=1) - own[here, best])
    peaks = np.flatnonzero(sharp >= _largest_near(sharp, near))
    starts = np.stack([line[1] for line in lines[: len(queries)]], axis=1)[peaks, best[peaks]]
    windows = begin + np.column_stack([starts, peaks + 1]).astype(np.float64)
    return Peaks(video, windows, sharp[peaks], scores[peaks])


def _aligned(rows: np.ndarray, query: np.ndarray, gap: float) -> tuple[np.ndarray, np.ndarray]:
    """Score and first row of the best window that ends with each row, (M,) both."""
    # In products that are too small for BLAS to wake threads: places run side by side anyway.
    step = max(1, _ONE_THREAD // query.size)
    parts = [rows[i : i + step] @ query.T for i in range(0, len(rows), step)]
    cosines = np.concatenate(parts)
    scores, starts = local_alignment(cosines, THRESHOLD, gap, WAITING)
    scores /= len(query)
    laid = laid_cosines(cosines)
    first = np.flatnonzero(laid >= COPY)
    if len(first):  # nothing overrules what is equal row by row
        ends = first + len(query) - 1
        scores = np.minimum(scores, COPY - THRESHOLD)
        scores[ends], starts[ends] = laid[first] - THRESHOLD, first
    return scores, starts


def _largest_near(values: np.ndarray, reach: int) -> np.ndarray:
    """Largest of the values at most `reach` away, (M,): by doubling, in a few passes."""
    width, out = 1, values
    total = 2 * reach + 1
    padded = np.concatenate([np.full(reach, -np.inf), values, np.full(reach, -np.inf)])
    out = padded
    while 2 * width <= total:
        out = np.maximum(out[: len(out) - width], out[width:])
        width *= 2
    rest = total - width
    largest: np.ndarray = np.maximum(out[: len(out) - rest], out[rest:]) if rest else out
    return largest.astype(values.dtype)


def best_peaks(found: list[Peaks], keep: int) -> tuple[list[Peaks], float]:
    """Keep the best peaks of all, and tell the least score among them."""
    scores = np.concatenate([each.scores for each in found])
    least = float(np.partition(scores, -keep)[-keep]) if len(scores) > keep else -np.inf
    kept = []
    for each in found:
        rows = each.scores >= least
        if rows.any():
            kept.append(
                Peaks(each.video, each.windows[rows], each.scores[rows], each.evidence[rows])
            )
    return kept, least


def suppressed(candidates: Candidates, keep: int | None = None) -> Candidates:
    """Leave out what overlaps a better window of the same video, and what is behind `keep`."""
    rows_of: dict[str, list[int]] = {}
    for i, video in enumerate(candidates.videos):
        rows_of.setdefault(video, []).append(i)
    kept = [np.array(rows)[nms_1d(candidates.windows[rows], OVERLAP)] for rows in rows_of.values()]
    return candidates.take(np.sort(np.concatenate([*kept, np.empty(0, int)]))[:keep])
