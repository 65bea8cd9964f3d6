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
from vid2vidmr.archive.scan import Candidates, Place, scan, whole
from vid2vidmr.archive.sketch import FOLDER, SCALE, Sketch
from vid2vidmr.archive.store import Archive
from vid2vidmr.errors import UserError
from vid2vidmr.files import replacing
from vid2vidmr.progress import progress

NEAREST = 400
"""Rows of the archive for each row of a query."""
PROBES = 24
"""Lists that are looked through for each row of a query."""
LEARNED = 200_000
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
    sketch = archive.sketch
    index = _index(archive)
    names, ends = list(sketch.spans), np.array([end for _, end in sketch.spans.values()])
    asked = np.concatenate(queries) * SCALE
    _, found = index.search(np.ascontiguousarray(asked, np.float32), NEAREST)
    rows = np.unique(found[found >= 0])
    reach = 2 * max(len(query) for query in queries)
    places: list[Place] = []
    for video in np.unique(np.searchsorted(ends, rows, side="right")):
        first, end = sketch.spans[names[video]]
        own = rows[(rows >= first) & (rows < end)] - first
        breaks = np.flatnonzero(np.diff(own) > 2 * reach) + 1
        for part in np.split(own, breaks):
            begin, behind = (
                max(0, int(part[0]) - reach),
                min(end - first, int(part[-1]) + reach + 1),
            )
            places.append((names[video], begin, behind))
    return places


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
    lists = max(1, min(65_536, round(4 * math.sqrt(total)), total // 40))
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
