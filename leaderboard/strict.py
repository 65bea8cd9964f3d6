"""Reading files of strangers: bounded, strict, one line of refusal.

Nothing is trusted: kind of file, size, encoding, nesting, numbers, keys, text. What all readers of
JSON need of this is in `vid2vidmr.files`; here is what a board asks for besides.
"""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vid2vidmr.errors import DataError
from vid2vidmr.evaluation.metrics import AP_WINDOWS
from vid2vidmr.evaluation.predictions import PredictionHeader
from vid2vidmr.files import MAX_RECORD_BYTES, decode, parse_json
from vid2vidmr.files import read_bytes as read_file
from vid2vidmr.records import Prediction, fault
from vid2vidmr.text import unseen_sign

MAX_BYTES = 128 * 2**20
"""Of a predictions file, uncompressed: ten thousand pairs with two hundred windows each."""
MAX_LINE = 100_000
"""Characters of a line of predictions."""
STORED_LINE = 2048
"""Bytes of a line of predictions as they are stored, on average: ten windows take 300."""
MAX_WINDOWS = 1000
MAX_TEXT = 2000
MAX_S = 1e6
"""Seconds from the start of a target, either way: what is further is a fault of a program."""
_MARKUP = re.compile("[<>]")


def read_bytes(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes; links, pipes and folders are refused."""
    with suppress(OSError):  # a name that no file can have, as the reader says
        if path.is_symlink():
            raise DataError(f"{path} is not a regular file: links are refused.")
    return read_file(path, limit)


def gunzip(path: Path, limit: int = MAX_BYTES) -> bytes:
    """Uncompress a gzip file of one member to at most `limit` bytes."""
    raw = read_bytes(path, limit)
    unpacked = zlib.decompressobj(wbits=31)
    try:
        data = unpacked.decompress(raw, limit + 1)
    except zlib.error as error:
        raise DataError(f"{path} is not a gzip file: {error}.") from None
    if len(data) > limit:
        raise DataError(f"{path} uncompresses to more than {limit:,} bytes.")
    if not unpacked.eof or unpacked.unused_data:
        raise DataError(f"{path} is cut, or has something behind its end.")
    return data


def require_plain(value: Any, where: str) -> None:
    """Refuse markup, unseen signs and very long text anywhere in a JSON value."""
    if isinstance(value, str):
        found = _MARKUP.search(value)
        if sign := found[0] if found else unseen_sign(value):
            raise DataError(f"{where} has the sign {sign!a}: markup and unseen signs are refused.")
        if len(value) > MAX_TEXT:
            raise DataError(
                f"{where} has {len(value):,} characters; at most {MAX_TEXT:,} are kept."
            )
    elif isinstance(value, dict):
        for key, inner in value.items():
            require_plain(key, f"{where}, a key")
            require_plain(inner, f"{where}, {key}")
    elif isinstance(value, list | tuple):
        for inner in value:
            require_plain(inner, where)


def read_record(path: Path) -> Any:
    """Read a small JSON file."""
    value = parse_json(decode(read_bytes(path, MAX_RECORD_BYTES), path), path)
    require_plain(value, path.name)
    return value


def parse_header(data: bytes, where: Path) -> PredictionHeader:
    """Read what predictions were made for.

    Raises
    ------
    DataError
    """
    line = next(_lines(data, where), None)
    if line is None:
        raise DataError(f"{where} is empty: expected a header and one line a pair.")
    here, text = line
    value = parse_json(text, here)
    if not isinstance(value, dict) or value.keys() != {"header"}:
        raise DataError(f"{here}: expected the header in line 1 and one pair a line below it.")
    require_plain(value, f"{where}, the header")
    try:
        return PredictionHeader.model_validate(value["header"])
    except ValidationError as error:
        raise DataError(f"{here}: {fault(error, 'the header')}.") from None


def parse_predictions(data: bytes, where: Path, known: Collection[str]) -> list[Prediction]:
    """Read the lines below the header: of every pair the windows that are scored, best first.

    Parameters
    ----------
    known : collection of str
        Ids of the pairs that there are.

    Raises
    ------
    DataError
        With the line that is wrong: no more are read.
    """
    found: dict[str, Prediction] = {}
    lines = _lines(data, where)
    next(lines, None)
    for here, text in lines:
        value = parse_json(text, here)
        if not isinstance(value, dict) or "header" in value:
            raise DataError(f"{here}: expected the header in line 1 and one pair a line below it.")
        given = value.get("windows")
        if isinstance(given, list) and len(given) > MAX_WINDOWS:
            raise DataError(f"{here} has {len(given):,} windows; at most {MAX_WINDOWS:,} are read.")
        try:
            prediction = Prediction.model_validate(value)
        except ValidationError as error:
            raise DataError(f"{here}: {fault(error, 'the line')}.") from None
        pair_id, windows = prediction.pair_id, prediction.windows
        require_plain(pair_id, f"{here}, a pair's id")
        if pair_id not in known:
            raise DataError(f"{here}: {pair_id!r} is not among the {len(known)} pairs.")
        if pair_id in found:
            raise DataError(f"{here}: the pair {pair_id!r} is there more than once.")
        for start_s, end_s, score in windows:
            if not (abs(start_s) <= MAX_S and abs(end_s) <= MAX_S and math.isfinite(score)):
                raise DataError(
                    f"{here}: {[start_s, end_s, score]} is no window: expected at most {MAX_S:,.0f}"
                    " s and a finite score."
                )
        if not 0 <= (prediction.exists or 0) <= 1:
            raise DataError(f"{here}: exists is {prediction.exists:g}, expected 0 to 1.")
        kept = sorted(windows, key=lambda window: -window[2])[:AP_WINDOWS]
        found[pair_id] = prediction.model_copy(update={"windows": tuple(kept)})
    return list(found.values())


def _lines(data: bytes, where: Path) -> Iterator[tuple[str, str]]:
    """Yield what to call a line, and its text, one after another."""
    number = start = 0
    while start < len(data):
        number += 1
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        here = f"{where}, line {number}"
        if end - start > MAX_LINE:
            raise DataError(
                f"{here} has {end - start:,} characters; at most {MAX_LINE:,} are read."
            )
        yield here, decode(data[start:end], here)
        start = end + 1
