"""Features of videos: the contract they were made under, and where methods read them.

A store is a folder::

    contract.json    how the features were made (`FeatureContract`)
    features.bin     the rows of all videos, one after another, (rows, dim), little endian
    index.jsonl      one line a video, in the order of the rows: video_id, rows; and one a query
                     that does not begin on its video's grid, with its start_s in the video
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from vid2vidmr.contract import (
    UNKNOWN,
    FeatureContract,
    clips_of,
    encoder_and_step,
    grid_rows,
    named_features,
    on_grid,
    step_option,
)
from vid2vidmr.data.dataset import Dataset, load_dataset
from vid2vidmr.errors import DataError, FeatureError, UnknownNameError, nearest
from vid2vidmr.files import read_bytes, read_json
from vid2vidmr.records import fault
from vid2vidmr.registry import registered_names

MAX_INDEX_BYTES = 2**28
"""Of ``index.jsonl``: more than a million videos."""
FILES = ("contract.json", "index.jsonl", "features.bin")
"""What a store is made of."""


Key = str | tuple[str, float]
"""Of what is stored: a video, or of a query its video and start in seconds."""


def named(key: Key) -> str:
    """Name a video or a query in a sentence."""
    return f"video {key!r}" if isinstance(key, str) else f"the query at {key[1]:g} s of {key[0]!r}"


def require_finite(rows: np.ndarray, key: Key, where: str, todo: str) -> None:
    """Refuse NaN and infinity; `todo` ends the message."""
    if not np.isfinite(rows).all():
        raise FeatureError(
            f"The features of {named(key)}{where} hold NaN or infinity, finite numbers were "
            f"expected: {todo}."
        )


def require_shape(rows: np.ndarray, dim: int, key: Key) -> None:
    """Refuse arrays that are not (n, dim) with n >= 1."""
    if rows.ndim != 2 or rows.shape[1] != dim or len(rows) == 0:
        raise FeatureError(
            f"The features of {named(key)} have the shape {rows.shape}; expected (n, {dim}) "
            "with n >= 1: check the encoder."
        )


class MemoryFeatures:
    """Features held in memory.

    Parameters
    ----------
    videos : mapping of str to ndarray, (n, dim)
        Video id to features, one row a step.

    Raises
    ------
    FeatureError
        If an array has another shape, or holds NaN or infinity.
    """

    def __init__(self, contract: FeatureContract, videos: Mapping[str, np.ndarray]) -> None:
        self.contract = contract
        for video_id, rows in videos.items():
            require_shape(rows, contract.dim, video_id)
            require_finite(rows, video_id, "", "encode the video again")
        self._videos = {key: rows.astype(np.float32) for key, rows in videos.items()}

    def __contains__(self, video_id: object) -> bool:
        return video_id in self._videos

    def rows(self, video_id: str, start_s: float = 0.0, end_s: float | None = None) -> np.ndarray:
        """Features of a window of a video, see `FeatureSource.rows`."""
        video = self._videos.get(video_id)
        if video is None:
            raise FeatureError(f"There are no features of video {video_id!r} in memory.")
        return video[grid_rows(len(video), video_id, start_s, end_s, self.contract.step_s)]

    def query_rows(self, video_id: str, start_s: float, end_s: float) -> np.ndarray:
        """Features of a query, see `FeatureSource.query_rows`.

        There are rows on the grid only: a query that begins elsewhere takes the nearest.
        """
        return self.rows(video_id, start_s, end_s)


class FeatureStore:
    """Features of many videos in a folder, read through a memory map.

    Parameters
    ----------
    path : str or Path
        The folder; a store that is still being written, or whose writing was killed, gives the
        videos it has.

    Raises
    ------
    FeatureError
        If there is no store, or its files do not belong together.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path = Path(path)
        self.contract = read_contract(path)
        self._spans, total = read_index(path, self.contract)
        dtype = np.dtype(self.contract.dtype).newbyteorder("<")
        shape = (total, self.contract.dim)
        # As a plain array: slices of np.memmap itself cost microseconds each.
        self._rows = (
            np.asarray(np.memmap(path / "features.bin", dtype, "r", shape=shape))
            if total
            else np.empty(shape, dtype)
        )
        self._seen: set[Key] = set()

    @property
    def keys(self) -> list[Key]:
        """Videos and queries that have features, in the order of the rows."""
        return list(self._spans)

    @property
    def video_ids(self) -> list[str]:
        """The videos that have features, in the order of the rows."""
        return [key for key in self._spans if isinstance(key, str)]

    @property
    def durations_s(self) -> dict[str, float]:
        """Seconds that the rows of each video cover."""
        spans = {video: self._spans[video] for video in self.video_ids}
        step_s = self.contract.step_s
        return {video: step_s * (end - first) for video, (first, end) in spans.items()}

    def __reduce__(self) -> tuple[type[FeatureStore], tuple[Path]]:
        return FeatureStore, (self.path,)  # data loader workers map the file themselves

    def __contains__(self, video_id: object) -> bool:
        return video_id in self._spans

    def __len__(self) -> int:
        return len(self.video_ids)

    def rows(self, video_id: str, start_s: float = 0.0, end_s: float | None = None) -> np.ndarray:
        """Features of a window of a video, see `FeatureSource.rows`.

        Raises
        ------
        FeatureError
            If the video has no features here, the window lies outside of it, or the features hold
            NaN or infinity (looked at when a video is first read).
        """
        video = self.stored(video_id)
        wanted = grid_rows(len(video), video_id, start_s, end_s, self.contract.step_s)
        rows: np.ndarray = video[wanted].astype(np.float32)
        return rows

    def query_rows(self, video_id: str, start_s: float, end_s: float) -> np.ndarray:
        """Features of a query, see `FeatureSource.query_rows`.

        Raises
        ------
        FeatureError
            As of `rows`.
        """
        key, step_s = (video_id, start_s), self.contract.step_s
        if key not in self._spans and on_grid(start_s, step_s):
            return self.rows(video_id, start_s, end_s)
        count = clips_of(start_s, end_s, step_s)
        rows = self.stored(key)
        if len(rows) < count:  # it ended earlier when it was encoded
            raise FeatureError(
                f"{self.path} has {len(rows)} of the {count} rows of {named(key)}: move the folder "
                "away and run `vid2vidmr features` again."
            )
        return rows[:count].astype(np.float32)

    def has_query(self, video_id: str, start_s: float) -> bool:
        """Whether there are rows of a query; one that starts at NaN is a whole video."""
        on_its_grid = math.isnan(start_s) or on_grid(start_s, self.contract.step_s)
        return (video_id if on_its_grid else (video_id, start_s)) in self._spans

    def stored(self, key: Key) -> np.ndarray:
        """All rows of a video's grid or of a query (of the latest end), as they are stored."""
        rows = self._video(key)
        if key not in self._seen:
            self._verify(key, rows)
        return rows

    def _video(self, key: Key) -> np.ndarray:
        span = self._spans.get(key)
        if span is None:
            raise FeatureError(
                f"{self.path} has no features of {named(key)}: run `vid2vidmr features` again, it "
                "adds what is missing and lists what it cannot read."
            )
        return self._rows[span[0] : span[1]]

    def _verify(self, key: Key, rows: np.ndarray) -> None:
        todo = "delete the folder and run `vid2vidmr features` again"
        require_finite(rows, key, f" in {self.path}", todo)
        self._seen.add(key)


def read_contract(path: Path) -> FeatureContract:
    """Read the contract of the store in a folder."""
    try:
        found = FeatureContract.model_validate(read_json(path / "contract.json"))
    except DataError:
        raise FeatureError(
            f"{path} is no feature store (it has no readable contract.json): run `vid2vidmr "
            "features` to make one."
        ) from None
    except ValidationError as error:
        raise FeatureError(
            f"{path / 'contract.json'} was written by another version ({fault(error)}): delete the "
            "folder and run `vid2vidmr features` again."
        ) from None
    if found.dtype == UNKNOWN:  # says an imported checkpoint of the features that it needs
        raise FeatureError(f"{path / 'contract.json'} does not say the type of its numbers.")
    return found


def read_index(path: Path, contract: FeatureContract) -> tuple[dict[Key, tuple[int, int]], int]:
    """Key to (first row, end row), and the number of rows; ignores a half-written line.

    Raises
    ------
    FeatureError
        If a line is not what a writer leaves (no key comes twice, each has rows), or rows are
        missing.
    """
    redo = "delete the folder and run `vid2vidmr features` again"
    spans: dict[Key, tuple[int, int]] = {}
    total = 0
    index = path / "index.jsonl"
    raw = read_bytes(index, MAX_INDEX_BYTES) if index.exists() else b""
    for line in raw[: raw.rfind(b"\n") + 1].splitlines():
        try:
            key, rows = _entry(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            shown = line[:40].decode(errors="replace")
            raise FeatureError(f"{path} is damaged: index.jsonl holds {shown!r}; {redo}.") from None
        if key in spans:
            raise FeatureError(f"{path} is damaged: index.jsonl has {named(key)} twice; {redo}.")
        spans[key] = (total, total + rows)
        total += rows
    data = path / "features.bin"
    size = data.stat().st_size if data.exists() else 0
    expected = total * contract.dim * np.dtype(contract.dtype).itemsize
    if size < expected:
        raise FeatureError(
            f"{path} is damaged: features.bin has {size:,} bytes and the index needs {expected:,}; "
            f"{redo}."
        )
    return spans, total


def _entry(entry: Any) -> tuple[Key, int]:
    video, start_s, rows = entry["video_id"], entry.get("start_s"), entry["rows"]
    is_start = start_s is None or (type(start_s) in (int, float) and 0 <= start_s < math.inf)
    if type(video) is not str or type(rows) is not int or rows < 1 or not is_start:
        raise ValueError
    return (video if start_s is None else (video, float(start_s))), rows


def feature_folder(dataset: Dataset, name: str) -> Path:
    """Where features of a name lie: ``<dataset>/features/<encoder>``, ``.../<encoder>-0.5``.

    Those of a repository of the Hub are fetched.
    """
    folder = dataset.path / "features" / re.sub(r"[^\w.-]+", "-", name)
    if not all((folder / file).exists() for file in FILES):
        dataset.fetch([f"features/{folder.name}/{file}" for file in FILES])
    return folder


def imported_features(dataset: Dataset, name: str) -> FeatureStore | None:
    """Open features that were imported under a name; None where there are none."""
    folder = feature_folder(dataset, name)
    if not (folder / "contract.json").exists():
        return None
    contract = read_contract(folder)
    return FeatureStore(folder) if contract.imported and contract.name == name else None


def open_features(dataset: Dataset | str | Path, encoder: str | None = None) -> FeatureStore:
    """Open the features of a data set.

    Parameters
    ----------
    dataset : Dataset, str or Path
        See `vid2vidmr.load_dataset`.
    encoder : str, optional
        By default that of the data set; with the step behind it, where that is not 2 s:
        ``clip-vit-b32@0.5`` (``@0.5``: of the data set's).

    Raises
    ------
    FeatureError
        If there are none, saying which command makes them.
    UnknownNameError
        If no encoder has that name, and one a name like it.

    Examples
    --------
    >>> import vid2vidmr as v
    >>> store = v.open_features("minimatch", "efficientnet-lite0")
    >>> store.rows(store.video_ids[0]).shape  # one row a step
    """
    dataset = load_dataset(dataset)
    name = named_features(encoder, dataset.info.default_encoder)
    folder = feature_folder(dataset, name)
    of, step_s = encoder_and_step(name)
    command = f"vid2vidmr features --dataset {dataset.name} --encoder {of}{step_option(step_s)}"
    if not (folder / "contract.json").exists():
        known = {*registered_names("encoder"), *(path.name for path in folder.parent.glob("[!.]*"))}
        alone = "+" not in of  # else several, joined
        if alone and of.partition(":")[0] not in known and nearest(of, known):
            raise UnknownNameError("encoder", of, known)
        raise FeatureError(f"{dataset.name} has no {name} features in {folder}: run `{command}`.")
    store = FeatureStore(folder)
    if store.contract.name != name:
        raise FeatureError(
            f"{folder} holds features of {store.contract.name}, not of {name}: run `{command}` "
            "after moving it away."
        )
    return store
