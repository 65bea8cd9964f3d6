"""Rows of earlier benches in a folder of runs: a table keeps them as long as they hold.

``RUNS/rows.json`` lists what was asked for and scored. A row holds while its runs are complete:
those of this code, on the same split, under the same protocols, with the same encoder and options.
A class of a file (``PATH.py:CLASS``) is not listed: no file chooses what is imported.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import NonNegativeInt

from vid2vidmr.data.protocols import ALONE, CUTS, Protocol
from vid2vidmr.errors import UnknownNameError, UserError
from vid2vidmr.files import alone, write_json
from vid2vidmr.methods.info import MethodName
from vid2vidmr.records import Record, read_record

NAME = "rows.json"
MAX_SEED = 2**32 - 1
"""What every generator takes."""
MOST_SEEDS = 1000


class Asked(Record):
    """What was asked for: method and preset, the checkpoint to start from, the seed."""

    method: MethodName
    preset: str | None
    init: str | None
    seed: NonNegativeInt


def remembered(runs: Path) -> list[Asked]:
    """Read what was asked for in a folder of runs.

    Raises
    ------
    DataError
        If the file there is no such list.
    """
    path = runs / NAME
    if not path.exists():
        return []
    found = read_record(path, list[Asked], "list of rows", "delete it")
    return [row for row in found if ".py:" not in row.method]


def remember(runs: Path, method: str, preset: str | None, init: Path | None, seed: int) -> None:
    """Add a row to the list, once."""
    if ".py:" in method:
        return
    row = Asked(method=method, preset=preset, init=None if init is None else str(init), seed=seed)
    with alone(runs):
        rows = remembered(runs)
        if row not in rows:
            write_json(runs / NAME, [each.model_dump() for each in (*rows, row)])


def checked_seeds(seeds: int | Sequence[int]) -> Sequence[int]:
    """Give a count of seeds, or a list of them, as a list.

    Raises
    ------
    UserError
        If there is none, or more than `MOST_SEEDS`; or one is negative, too large or no whole
        number, or comes twice.
    """
    given = seeds
    if isinstance(seeds, int) and not isinstance(seeds, bool):
        given = range(min(seeds, MOST_SEEDS + 1))
    if isinstance(given, Sequence) and not isinstance(given, str) and len(given) <= MOST_SEEDS:
        whole = all(isinstance(seed, int) and 0 <= seed <= MAX_SEED for seed in given)
        if given and whole and len(set(given)) == len(given):
            return given
    raise UserError(
        f"{seeds!r} is neither a count of seeds (2) nor a list of them ([0, 1]), of at most "
        f"{MOST_SEEDS:,}, each 0 to {MAX_SEED} and once."
    )


def checked_protocols(protocols: str | Sequence[str]) -> Sequence[str]:
    """Give protocols, one or several, as a list.

    Raises
    ------
    UnknownNameError
        If one is unknown.
    UserError
        If there is none, or ``open`` or ``archive``, which have other metrics, is not alone.
    """
    given = [protocols] if isinstance(protocols, str) else protocols
    for name in given:
        if name not in (*CUTS, *ALONE) and Protocol.parse(str(name)).shots is None:
            raise UnknownNameError("protocol", str(name), (*CUTS, *ALONE))
    if not given:
        raise UserError(f"No protocol is asked for: expected some of {', '.join((*CUTS, *ALONE))}.")
    if (alone := {*ALONE} & {*given}) and len(set(given)) > 1:
        raise UserError(f"The protocol {min(alone)} has metrics of its own: ask for it alone.")
    if len({shots and shots.known for shots in (Protocol.parse(p).shots for p in given)}) > 1:
        raise UserError(
            f"{' and '.join(given)} have other queries and truths: expected the same number of "
            "examples behind `of`."
        )
    return given
