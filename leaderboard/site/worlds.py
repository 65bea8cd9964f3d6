"""Boards of several worlds as one: rows are means over them, as `vid2vidmr bench` makes them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from leaderboard.site.boards import Board, Entry, headline_alone, with_doubts
from leaderboard.submission import BOARDS
from vid2vidmr.evaluation import Evaluation
from vid2vidmr.experiments.run import Scored
from vid2vidmr.tables import Row, Table, summarise_method, tabulate, worlds_name


@dataclass(frozen=True)
class Pool:
    """Boards of worlds of each other, and their mean.

    Attributes
    ----------
    slug : str
        Its name in addresses, that of the table of a bench over these worlds.
    boards : tuple of Board
        By the seed that made their data sets.
    entries : dict of str to tuple of Entry
        The submissions of a row, one a board.
    tables : dict of str to Table
        Protocol to its table, of the rows that every board has.
    """

    slug: str
    boards: tuple[Board, ...]
    entries: dict[str, tuple[Entry, ...]] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)


@dataclass(frozen=True)
class _Found:
    """A row under a protocol: in which boards, and the mean over them where seeds are in all."""

    name: str
    entries: dict[str, Entry]
    mean: tuple[Row, dict[str, Evaluation]] | None


class Worlds:
    """Collects what submissions scored in worlds, and makes one board of theirs.

    Runs are held of one method at a time: `add` is called with all of one, then with the next.
    """

    def __init__(self) -> None:
        self._method = ""
        self._runs: dict[tuple[str, str, tuple[object, ...]], list[_Run]] = defaultdict(list)
        self._found: dict[tuple[str, str], list[_Found]] = defaultdict(list)

    def add(self, board: Board, entry: Entry, protocol: str, runs: Mapping[int, Scored]) -> None:
        """Take what every seed of a submission scored under a protocol."""
        if (kind := _kind_of_world(board)) is None:
            return
        if entry.submission.id != self._method:
            self._combine()
            self._method = entry.submission.id
        header = entry.submission.header
        alike = entry.row.name, entry.row.kind, header.method, header.preset, header.encoder
        self._runs[kind, protocol, alike].append((board, entry, runs))

    def _combine(self) -> None:
        for (kind, protocol, _), found in self._runs.items():
            found.sort(key=lambda run: _seed(run[0]))
            name = found[0][1].row.name
            seeds = sorted(set.intersection(*(set(runs) for _, _, runs in found)))
            mean = None
            if seeds and len(found) > 1:
                worlds = ([runs[seed] for seed in seeds] for _, _, runs in found)
                row, means = summarise_method(name, *worlds)
                row = replace(row, method=name, kind=found[0][1].row.kind)
                mean = row, {protocol: headline_alone(means[protocol], protocol)}
            entries = {board.slug: entry for board, entry, _ in found}
            self._found[kind, protocol].append(_Found(name, entries, mean))
        self._runs.clear()

    def pools(self, boards: Sequence[Board]) -> list[Pool]:
        """Give the boards over worlds: none of one world, or where no row is in all."""
        self._combine()
        kinds: dict[str, list[Board]] = defaultdict(list)
        for board in sorted(boards, key=_seed):
            if kind := _kind_of_world(board):
                kinds[kind].append(board)
        found = []
        for kind, worlds in kinds.items():
            if len(worlds) < 2 or len({*map(_seed, worlds)}) < len(worlds):  # these share videos
                continue
            pool = Pool(worlds_name([board.slug for board in worlds]), tuple(worlds))
            for protocol in BOARDS:
                self._rank(pool, protocol, self._found[kind, protocol])
            if pool.tables:
                found.append(pool)
        return found

    def _rank(self, pool: Pool, protocol: str, rows: Sequence[_Found]) -> None:
        boards = {board.slug: board for board in pool.boards}
        means, left_out = [], []
        for row in rows:
            # A submission may have been refused after it was scored.
            shown = {
                slug
                for slug, entry in row.entries.items()
                if slug in boards and boards[slug].entries.get(row.name) is entry
            }
            if row.mean is not None and shown == boards.keys():
                means.append(row.mean)
                pool.entries[row.name] = tuple(row.entries.values())
            elif shown:
                left_out.append(row.name)
        if means:
            table = tabulate(
                [board.dataset for board in pool.boards],
                means,
                split=pool.boards[0].split,
                pairs=sum(len(board.pairs[protocol]) for board in pool.boards),
                protocols=(protocol,),
                left_out=tuple(dict.fromkeys(left_out)),
            )
            pool.tables[protocol] = with_doubts(table, pool.entries)


_Run = tuple[Board, Entry, Mapping[int, Scored]]


def _seed(board: Board) -> int:
    seed = board.dataset.options.get("seed")
    return seed if isinstance(seed, int) else -1


def _kind_of_world(board: Board) -> str | None:
    """Say what worlds of each other have in common; None of what is no world.

    They are rendered, so that another seed is other videos, and of all that their records say they
    differ in name, title and seed alone.
    """
    info, options = board.dataset.info, dict(board.dataset.options)
    if not info.synthetic or not isinstance(options.pop("seed", None), int):
        return None
    same = info.model_dump(exclude={"name", "title"})
    return json.dumps([same, options, board.split], sort_keys=True)
