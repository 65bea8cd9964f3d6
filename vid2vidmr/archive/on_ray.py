"""Scanning an archive on a Ray cluster: every task scans a share of the videos.

Workers need this package, and the archive's folder at the same path. Few bytes travel: the rows of
the queries there, the best peaks of a share and all peaks' scores back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from vid2vidmr.archive.scan import Asked, Peaks, Place, best_peaks, scan_here
from vid2vidmr.archive.sketch import Sketch, read_sketch
from vid2vidmr.errors import DataError
from vid2vidmr.features.on_ray import cluster

SHARES = 4
"""Of each core of the cluster: none waits long for the last."""


def scan_on_ray(
    sketch: Sketch, asked: Asked, places: Iterable[Place]
) -> Iterator[tuple[list[Peaks], np.ndarray]]:
    """Scan on a Ray cluster, see `vid2vidmr.archive.scan.Engine`.

    Raises
    ------
    UserError
        If Ray is not installed, its cluster cannot be joined, or a worker finds another archive.
    """
    if sketch.folder is None:
        raise DataError("An archive in memory cannot be scanned on Ray: index its videos first.")
    every = list(places)
    with cluster() as ray:
        count = max(1, min(len(every), SHARES * int(ray.cluster_resources().get("CPU", 1))))
        task = ray.remote(num_cpus=1)(_scan_share)
        folder, kept = str(sketch.folder.resolve()), ray.put(asked)
        shares = [
            every[len(every) * i // count : len(every) * (i + 1) // count] for i in range(count)
        ]
        for running in [task.remote(folder, sketch.name, kept, share) for share in shares]:
            peaks, scores, refused = ray.get(running)
            if refused:
                raise DataError(refused)
            yield peaks, scores


def _scan_share(
    folder: str, name: str, asked: Asked, places: list[Place]
) -> tuple[list[Peaks], np.ndarray, str]:
    """Scan a share in a process of the cluster; say why it cannot."""
    try:
        sketch = _opened(folder, name)
    except DataError as error:
        return [], np.empty(0, np.float32), f"A worker of Ray cannot scan: {error}"
    if sketch.name != name:
        said = (
            f"A worker of Ray finds another archive in {folder}: share one folder among all nodes."
        )
        return [], np.empty(0, np.float32), said
    found = [*scan_here(sketch, asked, places)]
    peaks, _ = best_peaks([each for some, _ in found for each in some], 4 * asked.keep)
    return peaks, np.concatenate([scores for _, scores in found]), ""


@lru_cache(maxsize=1)
def _opened(folder: str, name: str) -> Sketch:
    """Open the sketch of an archive, once for the questions that one process is given."""
    return read_sketch(Path(folder))
