"""What is scanned of an archive: each row as 32 bytes, in which cosines are those of `local-match`.

A row is the unit vector of its leading half-whitened principal components, as int8. The components
are of the whole archive, so that a query is projected once, and scores of all videos are on one
scale. In the folder of an archive::

    scan/sketch.json              the videos, their rows, how static they are; loss of int8
    scan/components-HASH.safetensors
    scan/rows-HASH.i8             (rows, 32) int8
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vid2vidmr.alignment.components import Components, staticness
from vid2vidmr.errors import DataError
from vid2vidmr.files import MAX_TABLE_BYTES, file_sha256, read_json, replacing, write_json
from vid2vidmr.progress import progress

FOLDER = "scan"
COMPONENTS = 32
"""Of a row that is scanned."""
MOST_COMPONENTS = 64
"""Of the statistics that refining methods are given."""
WHITENING = 0.5
SAMPLE = 32_768
"""So many rows, at even distances, decide the components."""
SCALE = 127.0
Reader = Callable[[str], np.ndarray]
"""Video id to its rows (n, dim), of any float type."""


@dataclass(frozen=True)
class Sketch:
    """All rows of an archive in the form that is scanned.

    Attributes
    ----------
    spans : dict of str to (first row, end row)
        By video.
    rows : ndarray, (total, k) int8
        Unit vectors times `SCALE`, k at most `COMPONENTS`; a memory map.
    static : dict of str to float
        `staticness` by video.
    loss : dict
        What int8 costs: ``cosine_mean`` and ``cosine_max`` of errors of cosines.
    step_s : float
        Seconds between two rows.
    name : str
        Stands for what it was made of; empty in memory.
    folder : Path or None
        Of its archive; None in memory.
    """

    components: Components
    spans: Mapping[str, tuple[int, int]]
    rows: np.ndarray
    static: Mapping[str, float]
    loss: Mapping[str, float]
    step_s: float
    name: str = ""
    folder: Path | None = None

    def of_video(self, video_id: str, first: int, end: int) -> np.ndarray:
        """Rows `first` to `end` of a video as they are scanned, (n, k) float32."""
        start = self.spans[video_id][0]
        rows: np.ndarray = self.rows[start + first : start + end].astype(np.float32)
        return rows

    def seen(self, query: np.ndarray) -> np.ndarray:
        """Give a query (N, dim) as rows are compared with it, (N, k) float32 over `SCALE`."""
        unit = self.components.first(self.rows.shape[1]).unit(query, WHITENING)
        return np.ascontiguousarray(unit / SCALE)

    @classmethod
    def of(cls, counts: Mapping[str, int], read: Reader, step_s: float) -> Sketch:
        """Make it of the features of videos, in memory.

        Parameters
        ----------
        counts : mapping of str to int
            Rows a video.
        """
        components = _components(counts, read)
        out = np.empty((sum(counts.values()), _width(components)), np.int8)
        static, loss = _fill(out, counts, read, components)
        return cls(components, _spans(counts), out, static, loss, step_s)


def write_sketch(
    archive: Path, keys: Mapping[str, str], read: Reader, counts: Mapping[str, int], step_s: float
) -> None:
    """Write the sketch of an archive, if that of these features, in this form, is not there whole.

    Parameters
    ----------
    keys : mapping of str to str
        Video to the key of its features, which stands for their content.
    """
    folder = archive / FOLDER
    form = [COMPONENTS, MOST_COMPONENTS, WHITENING, SAMPLE, SCALE]
    made_of = json.dumps([form, list(keys.items()), dict(counts)])
    name = hashlib.sha256(made_of.encode()).hexdigest()[:16]
    with suppress(DataError):
        if read_sketch(archive).name == name:
            return
    components = _components(counts, read)
    width, path = _width(components), folder / f"rows-{name}.i8"
    with replacing(path) as temporary:
        out = np.memmap(temporary, np.int8, "w+", shape=(sum(counts.values()), width))
        static, loss = _fill(out, counts, read, components)
        out.flush()
    _write_components(folder / f"components-{name}.safetensors", components)
    write_json(
        folder / "sketch.json",
        {
            "name": name,
            "width": width,
            "step_s": step_s,
            "sha256": file_sha256(folder / f"components-{name}.safetensors"),
            "loss": loss,
            "videos": {video: [counts[video], static[video]] for video in counts},
        },
    )
    for old in folder.glob("*-*.*"):
        if name not in old.name:
            old.unlink()


def read_sketch(archive: Path) -> Sketch:
    """Open the sketch of an archive; its rows are mapped.

    Raises
    ------
    DataError
        If there is none, or its files do not belong together.
    """
    redo = f"run `vid2vidmr index VIDEOS --out {archive}` again"
    folder = archive / FOLDER
    if not (folder / "sketch.json").exists():
        raise DataError(f"{archive} is no archive that can be searched yet: {redo}.")
    about = read_json(folder / "sketch.json", MAX_TABLE_BYTES)
    try:
        videos: dict[str, Any] = about["videos"]
        counts = {video: int(rows) for video, (rows, _) in videos.items()}
        static = {video: float(value) for video, (_, value) in videos.items()}
        shape = (sum(counts.values()), int(about["width"]))
        path = folder / f"rows-{about['name']}.i8"
        components = _read_components(folder / f"components-{about['name']}.safetensors")
        if path.stat().st_size != shape[0] * shape[1] or len(components.axes) < shape[1]:
            raise ValueError("a file of another size")
        rows = np.asarray(np.memmap(path, np.int8, "r", shape=shape))
        step_s = float(about["step_s"])
        loss = {str(k): float(v) for k, v in about["loss"].items()}
    except (KeyError, TypeError, ValueError, OSError, AttributeError) as error:
        raise DataError(f"{folder} is damaged ({error}): {redo}.") from None
    return Sketch(
        components, _spans(counts), rows, static, loss, step_s, str(about["name"]), archive
    )


def _components(counts: Mapping[str, int], read: Reader) -> Components:
    """Components of rows at even distances over all videos."""
    total, sample = sum(counts.values()), []
    step, first = max(1, -(-total // SAMPLE)), 0
    for video, count in counts.items():
        wanted = np.arange(-first % step, count, step)
        if len(wanted):
            sample.append(np.asarray(read(video)[wanted], np.float32))
        first += count
    found = Components.of(np.concatenate(sample), MOST_COMPONENTS)
    if not len(found.axes):  # all frames are equal: any direction will do
        axis = np.eye(1, len(found.mean))
        found = Components(found.mean, axis, np.ones(1))
    return Components(*(np.asarray(part, np.float32) for part in vars(found).values()))


def _width(components: Components) -> int:
    return min(COMPONENTS, len(components.axes))


def _spans(counts: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    ends = np.cumsum(list(counts.values())).tolist()
    return {video: (end - counts[video], end) for video, end in zip(counts, ends, strict=True)}


def _fill(
    out: np.ndarray, counts: Mapping[str, int], read: Reader, components: Components
) -> tuple[dict[str, float], dict[str, float]]:
    """Write rows; give how static the videos are, and what int8 costs."""
    part, first = components.first(out.shape[1]), 0
    static, errors = {}, []
    with progress("Scan form", len(counts)) as bar:
        for video, count in counts.items():
            unit = part.unit(read(video), WHITENING)
            rounded = np.rint(unit * SCALE).astype(np.int8)
            out[first : first + count] = rounded
            static[video] = staticness(unit)
            asked = unit[:: max(1, count // 8)]  # some of its own rows, as a query
            errors.append((unit[:64] @ asked.T - (rounded[:64] / SCALE) @ asked.T).ravel())
            first += count
            bar.advance()
    error = np.abs(np.concatenate(errors))
    loss = {"cosine_mean": float(error.mean()), "cosine_max": float(error.max())}
    return static, {name: round(value, 6) for name, value in loss.items()}


def _write_components(path: Path, components: Components) -> None:
    from safetensors.numpy import save_file

    with replacing(path) as temporary:
        save_file({k: np.ascontiguousarray(v) for k, v in vars(components).items()}, temporary)


def _read_components(path: Path) -> Components:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        found = Components(**load_file(path))
    except (SafetensorError, TypeError) as error:
        raise ValueError(str(error)) from None
    shapes = (found.mean.shape, found.axes.shape, found.deviations.shape)
    count, dim = shapes[1]
    if shapes != ((dim,), (count, dim), (count,)) or not all(
        np.isfinite(part).all() for part in vars(found).values()
    ):
        raise ValueError(f"components of the shapes {shapes}")
    return found
