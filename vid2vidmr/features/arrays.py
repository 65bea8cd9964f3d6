"""Features as others publish them: one array a video in ``.npz``, ``.npy``, ``.pt`` or ``.h5``.

Nothing that a file could run is run: no pickles, and of torch's files weights only.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from vid2vidmr.errors import FeatureError, UserError
from vid2vidmr.text import plain
from vid2vidmr.video.files import files_below

KEY = "features"
"""Of the array in a file that holds several, as lighthouse and HERO write it."""
MAX_BYTES = 2**32
"""Of a video's features: a million rows of 1024 numbers."""
HDF5 = (".h5", ".hdf5")


class Arrays:
    """A folder with a file a video, or an HDF5 file with an array (or a group of one) a video.

    Parameters
    ----------
    path : Path

    Attributes
    ----------
    names : tuple of str
        Of a folder, paths below it without the ending; of an HDF5 file, its keys.

    Raises
    ------
    UserError
        If it is neither, there is nothing to read in it, or two files have one name.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: Any = None
        if path.suffix.lower() in HDF5:
            h5py = _h5py()
            try:
                self._file = h5py.File(path, "r")
                self.names = tuple(self._file)
            except Exception as error:
                raise UserError(f"{path} cannot be read as HDF5: {_said(error)}.") from None
        elif path.is_dir():
            self._files: dict[str, Path] = {}
            for below, file in files_below(path).items():
                if file.suffix.lower() in READERS:
                    name = below[: -len(file.suffix)]
                    if name in self._files:
                        raise UserError(f"{path} has {name} with two endings: leave one of them.")
                    self._files[name] = file
            self.names = tuple(self._files)
        else:
            raise UserError(f"{path} is no folder and no HDF5 file (.h5): expected features.")
        if not self.names:
            raise UserError(f"{path} holds no {', '.join(READERS)}: expected one file a video.")
        self._known = set(self.names)

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def read(self, name: str) -> np.ndarray:
        """Features of one of the `names`, (n, dim) float32.

        Raises
        ------
        FeatureError
            If there is no such array of numbers.
        """
        where = f"{name} of {self.path}"
        try:
            found = self._read(name)
        except (
            Exception
        ) as error:  # of broken bytes, numpy, torch and h5py raise errors of any kind
            raise FeatureError(f"{where} cannot be read: {_said(error)}.") from None
        if found.dtype.kind not in "fiu":
            raise FeatureError(f"{where} holds {found.dtype}, expected numbers.")
        if found.ndim == 3 and found.shape[0] == 1:  # a batch of one
            found = found[0]
        if found.ndim != 2 or 0 in found.shape:
            raise FeatureError(f"{where} has the shape {found.shape}, expected (rows, width).")
        rows = found.astype(np.float32)
        if not np.isfinite(rows).all():
            raise FeatureError(f"{where} holds NaN or infinity, expected finite numbers.")
        return rows

    def _read(self, name: str) -> np.ndarray:
        if self._file is None:
            file = self._files[name]
            return READERS[file.suffix.lower()](file)
        found = self._file[name]
        found = found if hasattr(found, "shape") else _only(dict(found))
        if found.size * found.dtype.itemsize > MAX_BYTES:
            raise ValueError(f"it is larger than {MAX_BYTES:,} bytes")
        return np.asarray(found[()])


def _npy(path: Path) -> np.ndarray:
    # Mapped: what its header promises must be there.
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def _npz(path: Path) -> np.ndarray:
    with zipfile.ZipFile(path) as archive:
        if sum(info.file_size for info in archive.infolist()) > MAX_BYTES:
            raise ValueError(f"it unpacks to more than {MAX_BYTES:,} bytes")
    with np.load(path, allow_pickle=False) as arrays:
        return np.asarray(arrays[_key(list(arrays))])


def _pt(path: Path) -> np.ndarray:
    import pickle

    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise ValueError("it holds more than tensors, which could run code: save tensors") from None
    found = _only(found) if isinstance(found, dict) else found
    if not isinstance(found, torch.Tensor):
        raise ValueError("it holds no tensor")
    return (found.float() if found.is_floating_point() else found).detach().numpy()


def _only(arrays: dict[str, Any]) -> Any:
    return arrays[_key(list(arrays))]


def _key(keys: list[str]) -> str:
    """Choose the array in a file."""
    if KEY in keys or len(keys) == 1:
        return KEY if KEY in keys else keys[0]
    raise ValueError(f"it has {', '.join(map(str, keys)) or 'nothing'}, expected one array: {KEY}")


def _said(error: Exception) -> str:
    return plain((str(error).strip() or type(error).__name__).splitlines()[0])


def _h5py() -> Any:
    try:
        import h5py
    except ImportError:
        raise UserError('HDF5 needs h5py: run `pip install "vid2vidmr[hdf5]"`.') from None
    return h5py


READERS: dict[str, Callable[[Path], np.ndarray]] = {".npz": _npz, ".npy": _npy, ".pt": _pt}
