"""An approximate index of rows for archives that are too long to be scanned at once.

It gives the rows of the archive that are nearest to the rows of a query; only what lies about them
is aligned, exactly. The index (faiss: inverted lists of 8-bit rows) is made when it is first asked,
and lies in ``scan/``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from vid2vidmr.archive.fusion import Fuse
from vid2vidmr.archive.scan import THRESHOLD, Candidates, Place, scan, whole
from vid2vidmr.archive.sketch import FOLDER, SCALE, Sketch
from vid2vidmr.archive.store import Archive
from vid2vidmr.errors import UserError
from vid2vidmr.files import replacing
from vid2vidmr.progress import progress

NEAREST = 2000
"""Rows of the archive for each row of a query."""
PLACES = 500
"""Places that are aligned: those for which most rows of a query vote."""
PROBES = 32
"""Lists that are looked through for each row of a query."""
LEARNED = 100_000
"""Rows by which lists are made."""
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
    bin_rows = max(1, min(len(query) for query in queries) // 2)
    bins, votes = [], []
    for query in queries:
        asked = np.ascontiguousarray(query * SCALE, np.float32)
        cosines, found = index.search(asked, NEAREST)
        # Where the query would begin, if this row were its row j.
        starts = found - np.arange(len(query))[:, None]
        hit = (found >= 0) & (cosines > THRESHOLD) & (starts >= 0)
        bins.append(starts[hit] // bin_rows)
        votes.append(cosines[hit] - THRESHOLD)
    places, which = np.unique(np.concatenate(bins), return_inverse=True)
    weights = np.bincount(which, np.concatenate(votes), len(places))
    best = np.sort(places[np.argsort(-weights, kind="stable")[:PLACES]]) * bin_rows
    return _merged(sketch, best, max(len(query) for query in queries))


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
    path = None
    if archive.path is not None:
        path = archive.path / FOLDER / f"index-{sketch.name}.faiss"
        if path.exists():
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP)
            faiss.extract_index_ivf(index).nprobe = PROBES
            return index
    total, width = sketch.rows.shape
    lists = max(1, min(round(math.sqrt(total)), total // 40))
    index = faiss.index_factory(width, f"IVF{lists},SQ8", faiss.METRIC_INNER_PRODUCT)
    index.train(sketch.rows[:: max(1, total // LEARNED)].astype(np.float32))
    with progress("Approximate index", total) as bar:
        for first in range(0, total, _STEP):
            rows = sketch.rows[first : first + _STEP].astype(np.float32)
            index.add(rows)
            bar.advance(len(rows))
    if path is not None:
        with replacing(path) as temporary:
            faiss.write_index(index, str(temporary))
    faiss.extract_index_ivf(index).nprobe = PROBES
    return index
