"""An approximate index of rows for archives that are too long to be scanned at once.

It gives the rows of the archive that are nearest to the rows of a query. They vote for where it
may begin; there it is laid beside the archive, row by row, and about the best places it is aligned,
exactly. The index (faiss: all rows, as 8 bytes each) is made when it is first asked, and lies in
``scan/``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from vid2vidmr.archive.scan import Candidates, Place, scan, whole
from vid2vidmr.archive.sketch import COMPONENTS, FOLDER, Sketch
from vid2vidmr.archive.store import Archive
from vid2vidmr.errors import UserError
from vid2vidmr.files import replacing
from vid2vidmr.progress import progress
from vid2vidmr.records import Fuse

NEAREST = 20_000
"""Rows of the archive for each row of a query."""
LAID = 4000
"""Places beside which the query is laid row by row: those for which most of its rows vote."""
PLACES = 300
"""Places that are aligned: those beside which it fits best."""
LISTS, PROBES = 2048, 32
"""Lists of like rows, at most; of these are looked through for each row of a query."""
LEARNED = 100_000
"""Rows by which lists and codes are made."""
FEW = 4000
"""Rows of an archive whose index holds them as they are."""
CODES = "PQ16x4fs"
"""Of faiss: each pair of a row's numbers as one of 16, 8 bytes a row."""
SAMPLE_ROWS = 200_000
"""Rows of videos at even distances, whose exact scan gives the background."""
_STEP = 500_000


def near_rows(archive: Archive, queries: Sequence[np.ndarray]) -> list[Place]:
    """Find the places of an archive that have rows like those of the queries.

    Parameters
    ----------
    queries : sequence of ndarray, (N, k)
        See `Sketch.seen`.

    Raises
    ------
    UserError
        If faiss is not installed.
    """
    sketch, index = archive.sketch, _index(archive)
    starts, fits = [], []
    for query in queries:
        cosines, found = index.search(query, min(NEAREST, len(sketch.rows)))
        # What is not among the nearest rows of a query's row is no nearer than the last of them.
        votes = cosines - cosines.min(axis=1, where=found >= 0, initial=1.0, keepdims=True)
        # Where the query would begin, if this row were its row j.
        first = found - np.arange(len(query))[:, None]
        hit = (found >= 0) & (first >= 0)
        at, which = np.unique(first[hit], return_inverse=True)
        voted = np.bincount(which, votes[hit], len(at))
        starts.append(at[np.argsort(-voted, kind="stable")[:LAID]])
        fits.append(_laid(sketch.rows, query, starts[-1]))
    best = np.argsort(-np.concatenate(fits), kind="stable")[:PLACES]
    rows = np.unique(np.concatenate(starts)[best])
    return _merged(sketch, rows, max(len(query) for query in queries))


def _laid(rows: np.ndarray, query: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """Mean cosine of a query that is laid beside the archive from each of the rows on, (n,)."""
    total = np.zeros(len(starts), np.float32)
    for j, row in enumerate(query):
        total += rows[np.minimum(starts + j, len(rows) - 1)].astype(np.float32) @ row
    return total / len(query)


def _merged(sketch: Sketch, starts: np.ndarray, length: int) -> list[Place]:
    """Places about rows of the archive, rising, that a query of that length may begin at."""
    names, ends = list(sketch.spans), np.array([end for _, end in sketch.spans.values()])
    out: list[Place] = []
    for start, number in zip(starts.tolist(), np.searchsorted(ends, starts, "right"), strict=True):
        first, end = sketch.spans[names[number]]
        begin, behind = max(0, start - first - length), min(end, start + 3 * length) - first
        if out and out[-1][0] == names[number] and begin <= out[-1][2]:
            begin = out.pop()[1]
        out.append((names[number], begin, behind))
    return out


def with_background(
    found: Candidates,
    sketch: Sketch,
    queries: Sequence[np.ndarray],
    negatives: Sequence[np.ndarray],
    fuse: Fuse,
) -> Candidates:
    """Give candidates the background of a part of the archive that is scanned whole."""
    names = list(sketch.spans)
    count = max(1, math.ceil(len(names) * min(1.0, SAMPLE_ROWS / max(1, len(sketch.rows)))))
    some = [names[i] for i in np.linspace(0, len(names) - 1, count).astype(int)]
    places = whole(sketch, dict.fromkeys(some))
    share = sum(end for _, _, end in places) / len(sketch.rows)
    chance = scan(sketch, queries, negatives, fuse, places, 1)
    return replace(found, background=chance.background, share=share)


def _index(archive: Archive) -> Any:
    """Open the index of an archive, or make it; in memory it is made each time."""
    try:
        import faiss
    except ImportError:
        raise UserError(
            'An approximate index needs faiss: run `pip install "vid2vidmr[ann]"`.'
        ) from None
    sketch = archive.sketch
    total, width = sketch.rows.shape
    form = f"IVF{min(LISTS, math.isqrt(total))},{CODES}"
    if width != COMPONENTS or total < FEW:
        form = "Flat"
    path = None
    if archive.path is not None:
        path = archive.path / FOLDER / f"index-{sketch.name}.{form.lower()}"
        if path.exists():
            return _read(str(path))
    index: Any = faiss.index_factory(width, form, faiss.METRIC_INNER_PRODUCT)
    index.train(sketch.rows[:: max(1, total // LEARNED)].astype(np.float32))
    with progress("Approximate index", total) as bar:
        for first in range(0, total, _STEP):
            rows = sketch.rows[first : first + _STEP].astype(np.float32)
            index.add(rows)
            bar.advance(len(rows))
    if form != "Flat":
        index.nprobe = PROBES  # is written, too
    if path is not None:
        with replacing(path) as temporary:
            faiss.write_index(index, str(temporary))
    return index


@lru_cache(maxsize=1)
def _read(path: str) -> Any:
    """Read an index; who asks again finds it in memory."""
    import faiss

    return faiss.read_index(path)
