"""Protocols: what is changed of the pairs of a split before they are scored."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vid2vidmr.data.shots import Shots, query_columns, with_examples
from vid2vidmr.errors import DataError, UnknownNameError, UserError
from vid2vidmr.text import counted

if TYPE_CHECKING:
    import pandas as pd

    from vid2vidmr.data.availability import Manifest
    from vid2vidmr.data.targets import Targets

PROTOCOLS = ("official", "recropped")
"""Targets as they are annotated, and cut at random around their moment."""
CUTS = (*PROTOCOLS, "balanced")
"""The same, and `balanced`, which cuts no more than makes position say nothing."""
OPEN = "open"
"""Targets that hold the moment no times, once or several times."""
ARCHIVE = "archive"
"""All targets of the split at once, one after the other on one time line."""
ALONE = (OPEN, ARCHIVE)
"""Protocols with any number of moments and with metrics of their own: no table has them beside
others."""
_CUT_GRID_S = 2.0
"""Cuts start at its multiples whatever the step of features is: all methods have the same pairs."""
_WRONG, _ONLY = "wrong queries", "only "


@dataclass(frozen=True)
class Protocol:
    """What is changed of pairs, ``recropped, only 1a2b3c4d, wrong queries``.

    Attributes
    ----------
    cut : {"official", "recropped", "balanced", "open", "archive"}
    seed : int
        Of all draws. The text does not have it: files say it in a field of its own.
    changes : tuple of str
        What is changed besides, in this order: ``only`` the pairs whose videos a manifest has, by
        the name of its subset, and ``wrong queries``; of an archive only `shots`.
    """

    cut: str = "official"
    seed: int = 0
    changes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse queries of other classes where they say nothing."""
        if self.is_open and self.is_wrong:
            raise UserError(
                "Open targets have no wrong queries: of another class, a query may be right there."
            )
        if self.changes.count(_WRONG) > 1:
            raise UserError("Queries are exchanged once: dealt out again, some would be right.")
        if (shots := self.shots) and (
            self.cut != ARCHIVE or len(self.changes) > 1 or shots.asked > shots.known
        ):
            raise UserError(f"There is no protocol {self}: several examples are of an archive.")

    @classmethod
    def parse(cls, text: str, seed: int = 0) -> Protocol:
        """Read what `str` gives.

        Raises
        ------
        UnknownNameError
            If it is not the text of a protocol.
        """
        cut, *changes = text.split(", ")
        if cut not in (*CUTS, *ALONE) or not all(
            change == _WRONG or re.fullmatch(f"{_ONLY}[0-9a-f]{{8}}", change) or Shots.parse(change)
            for change in changes
        ):
            raise UnknownNameError("protocol", text, (*CUTS, *ALONE))
        return cls(cut, seed, tuple(changes))

    def __str__(self) -> str:
        return ", ".join((self.cut, *self.changes))

    @property
    def slug(self) -> str:
        """The text as a part of the name of a file or folder."""
        return str(self).replace(", ", "-").replace(" ", "-")

    @property
    def short(self) -> str:
        """What tells it from the others of one run, in one or two words."""
        return counted(self.shots.asked, "shot") if self.shots else self.cut

    @property
    def subset(self) -> str | None:
        """Name of the subset of the last manifest, see `Manifest.subset`."""
        names = [change for change in self.changes if change.startswith(_ONLY)]
        return names[-1].removeprefix(_ONLY) if names else None

    @property
    def is_wrong(self) -> bool:
        """Whether queries are of other classes than their targets."""
        return _WRONG in self.changes

    @property
    def shots(self) -> Shots | None:
        """With how many examples an archive is asked; None for one, of which all else is truth."""
        return next(filter(None, map(Shots.parse, self.changes)), None)

    @property
    def right(self) -> Protocol:
        """The same with the right queries."""
        return Protocol(self.cut, self.seed, tuple(c for c in self.changes if c != _WRONG))

    def then(self, later: Protocol) -> Protocol:
        """Give both as one. The seed is that of the first, if it draws anything."""
        if "official" not in (self.cut, later.cut):
            raise UserError(f"These pairs are {self.cut} already: expected others to cut.")
        if ARCHIVE in (self.cut, later.cut) and (
            self.changes or any(not Shots.parse(change) for change in later.changes)
        ):
            raise UserError(
                "An archive has all targets and right queries: ask for no change of it."
            )
        cut = self.cut if later.cut == "official" else later.cut
        seed = later.seed if self.cut == "official" and not self.is_wrong else self.seed
        return Protocol(cut, seed, (*self.changes, *later.changes))

    @property
    def is_open(self) -> bool:
        """Whether a target may hold no moment, or several."""
        return self.cut == OPEN

    @property
    def is_archive(self) -> bool:
        """Whether a query is asked of all targets at once."""
        return self.cut == ARCHIVE

    @property
    def has_targets(self) -> bool:
        """Whether targets are those of `vid2vidmr.data.targets.Targets`."""
        return self.cut in ALONE

    @property
    def metric(self) -> str:
        """The metric that ranks."""
        return {OPEN: "G-mIoU@1", ARCHIVE: "mAP"}.get(self.cut, "mIoU")

    def apply(
        self, table: pd.DataFrame, only: Manifest | None = None, targets: Targets | None = None
    ) -> pd.DataFrame:
        """Change a table of pairs, see `vid2vidmr.data.pairs.PairSet.table`.

        Raises
        ------
        DataError
            If the pairs are those of another manifest than `only`, or there are no open `targets`.
        UserError
            If queries cannot be exchanged: one class has more than half of the pairs.
        """
        if self.has_targets:
            known = _known(targets)
            if self.is_open:
                table = _open(table, self.seed, known)
            else:
                table = _archive(table, self.seed, known, self.shots.known if self.shots else 1)
        elif self.cut != "official":
            table = _cut(table, self.seed, balanced=self.cut == "balanced")
        for change in () if self.shots else self.changes:
            if change == _WRONG:
                table = _wrong_queries(table, self.seed)
            elif only is None or change != _ONLY + only.subset:
                here = "none is given" if only is None else f"the one given has {only.subset}"
                raise DataError(
                    f"The protocol {self} has the pairs of one availability manifest, {here}: "
                    "pass that manifest with --only-available."
                )
            else:
                both = table["query_video"].isin(only.available)
                both &= table["target_video"].isin(only.available)
                table = table[both].reset_index(drop=True)
        return table


OFFICIAL = Protocol()
WRONG_QUERIES = Protocol(changes=(_WRONG,))
"""Every target has the query of another class: what a method loses is what it used."""


def subset_of(only: Manifest) -> Protocol:
    """Give the protocol that leaves the pairs whose two videos a manifest has."""
    return Protocol(changes=(_ONLY + only.subset,))


def _cut(table: pd.DataFrame, seed: int, *, balanced: bool) -> pd.DataFrame:
    """Cut every target to a sub-window that holds its moment.

    Recropped: the moment's relative position in the cut is uniform wherever the target has room for
    it, and the cut is at least twice the moment and at least 30 s long where the target allows, so
    that neither position nor context length tells where the moment is. Each pair has its own random
    stream: the cut of a pair does not depend on which others are scored.

    Balanced: over the table positions are uniform, too, but in their order, and the cut is the
    longest that has the position. Where targets have their moments anywhere it cuts next to
    nothing. The cut of a pair depends on the positions in all of them: apply it to a whole split.

    The cut starts at a multiple of 2 s of the target, so that features are sliced, not computed (of
    a step that does not divide 2 s, the nearest).
    """
    table = table.copy()
    uniform = np.stack([pair_stream(seed, pair_id).random(2) for pair_id in table["pair_id"]])
    durations_s = (table["clip_end_s"] - table["clip_start_s"]).to_numpy("float64")
    start_s, end_s = table["start_s"].to_numpy("float64"), table["end_s"].to_numpy("float64")
    if balanced:
        room = durations_s - (end_s - start_s)
        position = np.divide(start_s, room, out=np.full(len(table), 0.5), where=room > 0)
        order = np.lexsort((uniform[:, 0], position))
        uniform[order, 0] = (np.arange(len(table)) + 0.5) / len(table)
        uniform[:, 1] = 1.0
    cut_start, cut_end = recrop_windows(start_s, end_s, durations_s, uniform)
    table["start_s"] -= cut_start
    table["end_s"] -= cut_start
    table["clip_end_s"] = table["clip_start_s"] + cut_end
    table["clip_start_s"] += cut_start
    return table


def _known(targets: Targets | None) -> Targets:
    if targets is None:
        raise DataError(
            "These pairs have no open targets: their data set does not say in which clips every "
            "moment is annotated; build it again if its annotation is exhaustive."
        )
    return targets


def _open(table: pd.DataFrame, seed: int, targets: Targets) -> pd.DataFrame:
    """Give every query an open target, with all moments of its class that are there.

    Queries of a class without targets are left out.
    """
    drawn = [
        targets.draw(label, source, pair_stream(seed, f"open {pair_id}").random(2))
        for pair_id, label, source in zip(
            table["pair_id"], table["label"], table["query_source"], strict=True
        )
    ]
    table = table[[clip is not None for clip in drawn]].reset_index(drop=True)
    rows = [clip for clip in drawn if clip is not None]
    if not rows:
        raise DataError("None of the classes of these pairs has an open target in their split.")
    clips = targets.clips.iloc[rows].reset_index(drop=True)
    names = clips["video"] + clips["clip_start_s"].map(" {:.10g}".format)
    table = table.assign(
        target_id=names + clips["clip_end_s"].map("-{:.10g}".format),
        target_video=clips["video"],
        target_source=clips["source"],
        clip_start_s=clips["clip_start_s"],
        clip_end_s=clips["clip_end_s"],
    )
    return with_truth(table, [*map(targets.windows, rows, table["label"])])


def _archive(table: pd.DataFrame, seed: int, targets: Targets, known: int) -> pd.DataFrame:
    """Ask every query once, of all targets: the truth is every moment of its class but its own.

    A query is named by its first pair. Queries whose class has no other moment there are left out.
    Where several examples are `known`, none of them is truth.
    """
    table = table.drop_duplicates("query_id", ignore_index=True)
    if known > 1:
        streams = [pair_stream(seed, f"examples {pair_id}") for pair_id in table["pair_id"]]
        table = with_examples(table, known, streams)
    spans = [
        [*zip(*(table[name] for name in query_columns(example)), strict=True)]
        for example in range(known)
    ]
    windows = [
        targets.everywhere(label, places)
        for label, *places in zip(table["label"], *spans, strict=True)
    ]
    asked = [len(own) > 0 for own in windows]
    if not any(asked):
        raise DataError("None of the classes of these pairs has two moments in the open targets.")
    table = table[asked].reset_index(drop=True)
    table = table.assign(
        target_id=ARCHIVE,
        target_video=ARCHIVE,
        target_source=ARCHIVE,
        clip_start_s=0.0,
        clip_end_s=targets.length_s,
    )
    return with_truth(table, [own for own in windows if len(own)])


def with_truth(table: pd.DataFrame, windows: Sequence[np.ndarray]) -> pd.DataFrame:
    """Give pairs their windows, each (n, 2), seconds from the target's start, see `truth_of`."""
    truth = np.full((len(windows), max([1, *map(len, windows)]), 2), np.nan)
    for row, own in zip(truth, windows, strict=True):
        row[: len(own)] = own
    numbers = ["", *(f"_{k + 1}" for k in range(1, truth.shape[1]))]
    names = [f"{end}_s{number}" for number in numbers for end in ("start", "end")]
    return table.assign(**dict(zip(names, truth.reshape(len(truth), -1).T, strict=True)))


def truth_columns(table: pd.DataFrame) -> list[str]:
    """Columns of the ground truth: ``start_s, end_s``, then ``start_s_2, end_s_2`` and so on."""
    return [name for name in table.columns if re.fullmatch(r"(start|end)_s(_\d+)?", name)]


def truth_of(table: pd.DataFrame) -> np.ndarray:
    """Ground truth of every pair, (P, G, 2), seconds from the target's start; NaN where fewer."""
    return table[truth_columns(table)].to_numpy("float64").reshape(len(table), -1, 2)


def _wrong_queries(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Deal out the queries so that every target has one of another class."""
    labels = table["label"].to_numpy()
    largest = int(table["label"].value_counts().iloc[0])
    if 2 * largest > len(table):
        raise UserError(
            f"Queries of another class cannot be dealt out: one class has {largest} of the "
            f"{len(table)} pairs, at most half was expected."
        )
    # In an order sorted by class, a roll by the largest class's size always changes the class.
    order = np.lexsort((np.random.default_rng(seed).random(len(table)), labels))
    donor = np.empty(len(table), dtype=int)
    donor[order] = np.roll(order, largest)
    table = table.copy()
    for column in [column for column in table.columns if column.startswith("query_")]:
        table[column] = table[column].array[donor]
    return table


def pair_stream(seed: int, pair_id: str) -> np.random.Generator:
    """Give a random stream of its own to every pair (or clip)."""
    digest = hashlib.sha256(f"{seed}\x1f{pair_id}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "little"))


def recrop_windows(
    start_s: np.ndarray, end_s: np.ndarray, duration_s: np.ndarray, uniform: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sub-windows of targets in which the moment's position is uniform.

    Parameters
    ----------
    start_s, end_s, duration_s : ndarray, (n,)
        Moment in the target, and the target's length, seconds.
    uniform : ndarray, (n, 2)
        Uniform draws in [0, 1]: position of the moment in the cut, length of the cut.

    Returns
    -------
    cut_start_s, cut_end_s : ndarray, (n,)
        Start is a multiple of 2 s.
    """
    moment = end_s - start_s
    position = np.clip(uniform[:, 0], 1e-9, 1 - 1e-9)
    shortest = np.minimum(np.maximum(2 * moment, 30.0), duration_s)
    # The longest cut that keeps the moment at `position` and stays inside the target.
    room = np.minimum(start_s / position, (duration_s - end_s) / (1 - position))
    longest = np.clip(moment + room, shortest, duration_s)
    length = shortest + uniform[:, 1] * (longest - shortest)
    start = start_s - position * (length - moment)
    start = np.clip(start, np.maximum(0, end_s - length), np.minimum(start_s, duration_s - length))
    cut_end = np.minimum(start + length, duration_s)
    return _CUT_GRID_S * np.floor(start / _CUT_GRID_S), cut_end
