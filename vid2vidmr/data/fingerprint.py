"""The fingerprint of a data set: equal where scores can be compared."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pandas as pd

from vid2vidmr.data.info import SPLITS

if TYPE_CHECKING:
    from vid2vidmr.data.info import DatasetInfo

_PART = 50_000  # rows whose text is in memory at a time


def fingerprint(info: DatasetInfo, moments: pd.DataFrame, pairs: Mapping[str, pd.DataFrame]) -> str:
    """Hash of everything that decides a score: name, version, moments and pairs.

    The availability of videos is not part of it: it differs from machine to machine, and a score
    states it as coverage.
    """
    digest = hashlib.sha256(f"{info.name}\x1e{info.version}".encode())
    update(digest, moments)
    for split in SPLITS:
        if split in pairs:
            digest.update(f"\x1c{split}".encode())
            update(digest, pairs[split])
    return ("synthetic-" if info.synthetic else "") + digest.hexdigest()[:16]


def update(digest: hashlib._Hash, table: pd.DataFrame) -> None:
    """Add a table, column by column, to a hash."""
    for column in table.columns:
        values = table[column]
        digest.update(f"\x1d{column}\x1e".encode())
        if values.dtype.kind == "f":
            digest.update(values.to_numpy("<f8").tobytes())
            continue
        for first in range(0, len(values), _PART):
            part = "\x1f".join(_texts(values.iloc[first : first + _PART]))
            digest.update((("\x1f" if first else "") + part).encode())


def _texts(values: pd.Series) -> list[str]:
    if isinstance(values.dtype, pd.CategoricalDtype):
        names = values.cat.categories.astype(str).to_numpy(object)
        texts: list[str] = names[values.cat.codes].tolist()
        return texts
    return values.astype(str).tolist()
