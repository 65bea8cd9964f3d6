"""Writing feature stores (the folder is described in `vid2vidmr.features.store`)."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from vid2vidmr.contract import FeatureContract, differences
from vid2vidmr.errors import FeatureError
from vid2vidmr.features.store import (
    Key,
    named,
    read_contract,
    read_index,
    require_finite,
    require_shape,
)
from vid2vidmr.files import write_json


class StoreBusyError(FeatureError):
    """Another process is writing to the store."""


class FeatureWriter(AbstractContextManager["FeatureWriter"]):
    """Appends videos to a store, one at a time; what a killed writer left unfinished is cut off.

    The rows of a video are written before its line in the index, so that at every moment the
    index names only what is there. The same videos in the same order give the same bytes, however
    often the writing was interrupted.

    Parameters
    ----------
    path : Path
        The folder; an existing store is continued.

    Attributes
    ----------
    keys : set of Key
        The videos and queries that are complete.

    Raises
    ------
    FeatureError
        If the store there has another contract, or another process is writing to it.
    """

    def __init__(self, path: Path, contract: FeatureContract) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path, self.contract = path, contract
        self._lock = lock_store(path)
        try:
            total = self._continue()
        except BaseException:
            unlock_store(self._lock)
            raise
        self._data = _open_at(path / "features.bin", total * self._row_bytes)
        index = path / "index.jsonl"
        raw = index.read_bytes() if index.exists() else b""
        self._index = _open_at(index, raw.rfind(b"\n") + 1)

    def _continue(self) -> int:
        """Take up what is in the folder; gives the number of complete rows."""
        for left in self.path.glob(".tmp-*"):  # of a killed run that wrote what this one may not
            left.unlink()
        if (self.path / "contract.json").exists():
            if differing := differences(read_contract(self.path), self.contract):
                raise FeatureError(
                    f"The features in {self.path} have {differing}, they cannot be continued: "
                    "move the folder away and run `vid2vidmr features` again."
                )
        else:
            write_json(self.path / "contract.json", self.contract.model_dump())
        spans, total = read_index(self.path, self.contract)
        self.keys = set(spans)
        return total

    @property
    def _row_bytes(self) -> int:
        return self.contract.dim * np.dtype(self.contract.dtype).itemsize

    def append(self, key: Key, rows: np.ndarray) -> None:
        """Add a video, or a query.

        Parameters
        ----------
        key : Key
            Not yet in the store.
        rows : ndarray, (n, dim)
            One row a step, n >= 1; rounded to the contract's dtype.

        Raises
        ------
        FeatureError
            If the video is there already, the shape is wrong, or a value is not finite (in the
            contract's dtype).
        """
        if key in self.keys:
            raise FeatureError(f"{self.path} already has features of {named(key)}.")
        require_shape(rows, self.contract.dim, key)
        with np.errstate(over="ignore"):  # overflow is reported by require_finite
            stored = rows.astype(np.dtype(self.contract.dtype).newbyteorder("<"))
        require_finite(stored, key, "", "check the encoder and its precision")
        of = {"video_id": key} if isinstance(key, str) else {"video_id": key[0], "start_s": key[1]}
        line = json.dumps({**of, "rows": len(rows)}, ensure_ascii=False) + "\n"
        _write_through(self._data, stored.tobytes())
        _write_through(self._index, line.encode())
        self.keys.add(key)

    def __exit__(self, *_: object) -> None:
        os.close(self._data)
        os.close(self._index)
        unlock_store(self._lock)


def is_complete(path: Path, contract: FeatureContract, keys: Iterable[Key]) -> bool:
    """Tell whether a store made in one way has all of the keys: there is nothing to write.

    Whoever finds it so can leave the store to other processes that read it.
    """
    if not (path / "contract.json").exists() or differences(read_contract(path), contract):
        return False
    return read_index(path, contract)[0].keys() >= set(keys)


def lock_store(path: Path) -> FileLock:
    """Keep others from writing to a store, until the lock is released.

    Raises
    ------
    StoreBusyError
        If another process is writing to it.
    """
    # A sibling of the folder, so that the store holds nothing but the store.
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise StoreBusyError(
            f"Another process is writing features to {path}: wait until it has finished."
        ) from None
    return lock


def unlock_store(lock: FileLock) -> None:
    """Let others write; the file goes while it is held, so that who waits sees that it is gone."""
    with suppress(OSError):
        Path(lock.lock_file).unlink()
    lock.release()


def _open_at(path: Path, size: int) -> int:
    """Open for writing at `size`, dropping what lies beyond."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
    os.ftruncate(file, size)
    os.lseek(file, size, os.SEEK_SET)
    return file


def _write_through(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
    os.fsync(file)
