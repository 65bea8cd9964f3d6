"""Several examples of what is asked: how many, how they are fused, and which those are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple, cast, get_args

import numpy as np

from vid2vidmr.errors import DataError
from vid2vidmr.records import Fuse

if TYPE_CHECKING:
    import pandas as pd

_FORM = re.compile(rf"([1-9]\d?) of ([1-9]\d?) examples(?: by ({'|'.join(get_args(Fuse))}))?")


class Shots(NamedTuple):
    """With how many examples an archive is asked: a part of a protocol.

    Attributes
    ----------
    asked, known : int
        Asked with, and left out of the truth: protocols with the same `known` have the same truth.
    fuse : Fuse
        Of one example nothing is said.
    """

    asked: int
    known: int
    fuse: Fuse = "mean"

    @classmethod
    def parse(cls, text: str) -> Shots | None:
        """Read what `str` gives; None if it is something else."""
        found = _FORM.fullmatch(text)
        if found is None:
            return None
        return cls(int(found[1]), int(found[2]), cast(Fuse, found[3] or "mean"))

    def __str__(self) -> str:
        by = f" by {self.fuse}" if self.asked > 1 else ""
        return f"{self.asked} of {self.known} examples{by}"


def shot_protocols(counts: Sequence[int], fuse: Fuse = "mean") -> tuple[str, ...]:
    """Protocols that ask an archive with so many examples each, all of the same truth."""
    return tuple(f"archive, {Shots(count, max(counts), fuse)}" for count in counts)


def query_columns(example: int) -> list[str]:
    """Columns of where an example of what is asked lies: video, start and end; 0 is the query."""
    number = f"_{example + 1}" if example else ""
    return [f"query_{name}{number}" for name in ("video", "start_s", "end_s")]


def with_examples(
    table: pd.DataFrame, known: int, streams: Iterable[np.random.Generator]
) -> pd.DataFrame:
    """Give queries further ones of their class, all of different recordings, in columns.

    Queries whose class is not in so many recordings are left out.

    Parameters
    ----------
    table : DataFrame
        A row a query, see `vid2vidmr.data.pairs.pair_table`.
    known : int
        Examples of each, the query among them.
    streams : iterable of Generator
        Of each query; they say which of the others are taken.

    Raises
    ------
    DataError
        If no class is in so many recordings.
    """
    of_class = table.groupby("label", observed=True).indices
    sources, drawn = table["query_source"].to_numpy(object), []
    for row, (label, stream) in enumerate(zip(table["label"], streams, strict=True)):
        of_source = {sources[row]: row}
        for other in stream.permutation(of_class[label]):
            of_source.setdefault(sources[other], int(other))
        drawn.append([*of_source.values()][:known])
    chosen = [rows for rows in drawn if len(rows) == known]
    if not chosen:
        raise DataError(
            f"None of the classes of these pairs is in {known} recordings: ask with fewer examples."
        )
    first, *others = np.array(chosen).T
    out: pd.DataFrame = table.iloc[first].reset_index(drop=True)
    for example, rows in enumerate(others, start=1):
        for name, of_query in zip(query_columns(example), query_columns(0), strict=True):
            out[name] = table[of_query].array[rows]
    return out
