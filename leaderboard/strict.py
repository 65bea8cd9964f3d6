"""Reading files of strangers: bounded, strict, one line of refusal.

Nothing is trusted: kind of file, size, encoding, nesting, numbers, keys, text.
"""

from __future__ import annotations

import json
import re
import stat
import zlib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vid2vidmr.errors import DataError
from vid2vidmr.evaluation.predictions import PredictionHeader
from vid2vidmr.records import Prediction, fault

MAX_BYTES = 128 * 2**20
"""Of a predictions file, uncompressed: ten thousand pairs with two hundred windows each."""
MAX_RECORD_BYTES = 2**20
"""Of a card, a result or a submission."""
MAX_LINE = 100_000
"""Characters of a line of predictions."""
MAX_WINDOWS = 1000
MAX_TEXT = 2000
_SIGNS = re.compile(r"[<>\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
"""Markup, and signs that are not seen."""


def read_bytes(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes; links, pipes and folders are refused."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    if not stat.S_ISREG(found.st_mode):
        raise DataError(f"{path} is not a regular file: links, folders and pipes are refused.")
    if found.st_size > limit:
        raise DataError(f"{path} has {found.st_size:,} bytes; at most {limit:,} are read.")
    with path.open("rb") as file:
        return file.read(limit)


def gunzip(path: Path) -> bytes:
    """Uncompress a gzip file of one member to at most `MAX_BYTES`."""
    raw = read_bytes(path, MAX_BYTES)
    unpacked = zlib.decompressobj(wbits=31)
    try:
        data = unpacked.decompress(raw, MAX_BYTES + 1)
    except zlib.error as error:
        raise DataError(f"{path} is not a gzip file: {error}.") from None
    if len(data) > MAX_BYTES:
        raise DataError(f"{path} uncompresses to more than {MAX_BYTES:,} bytes.")
    if not unpacked.eof or unpacked.unused_data:
        raise DataError(f"{path} is cut, or has something behind its end.")
    return data


def decode(data: bytes, where: object) -> str:
    """UTF-8 text without a byte order mark and without NUL."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{where} is not UTF-8 text: {error.reason}.") from None
    if text.startswith("\ufeff") or "\x00" in text:
        raise DataError(f"{where} has a byte order mark or NUL: expected plain UTF-8 text.")
    return text


def parse_json(text: str, where: object) -> Any:
    """Parse JSON without NaN, infinity, keys that come twice, or nesting beyond reason."""

    def constant(name: str) -> Any:
        raise DataError(f"{where}: {name} is not a number of JSON.")

    def number(digits: str) -> float:
        value = float(digits)
        if value in (float("inf"), float("-inf")):
            raise DataError(f"{where}: {digits[:30]} is too large for a number.")
        return value

    def whole(digits: str) -> int:
        if len(digits) > 18:
            raise DataError(f"{where}: {digits[:30]}... is too large for a number.")
        return int(digits)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise DataError(f"{where}: a key comes twice in one object.")
        return found

    try:
        return json.loads(
            text,
            parse_constant=constant,
            parse_float=number,
            parse_int=whole,
            object_pairs_hook=unique,
        )
    except json.JSONDecodeError as error:
        raise DataError(f"{where} is not JSON: {error.msg} at column {error.colno}.") from None
    except RecursionError:
        raise DataError(f"{where} is nested too deeply.") from None


def require_plain(value: Any, where: str) -> None:
    """Refuse markup, unseen signs and very long text anywhere in a JSON value."""
    if isinstance(value, str):
        if found := _SIGNS.search(value):
            raise DataError(
                f"{where} has the sign {found[0]!r}: markup and unseen signs are refused."
            )
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


def parse_predictions(data: bytes, where: Path) -> tuple[PredictionHeader, list[Prediction]]:
    """Read predictions, header first, one line a pair.

    Raises
    ------
    DataError
        With the line that is wrong.
    """
    lines = decode(data, where).split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    values = []
    for number, line in enumerate(lines, start=1):
        here = f"{where}, line {number}"
        if len(line) > MAX_LINE:
            raise DataError(f"{here} has {len(line):,} characters; at most {MAX_LINE:,} are read.")
        value = parse_json(line, here)
        if not isinstance(value, dict) or ("header" in value) != (number == 1):
            raise DataError(f"{here}: expected the header in line 1 and one pair a line below it.")
        values.append(value)
    if not values:
        raise DataError(f"{where} is empty: expected a header and one line a pair.")
    require_plain(values[0], f"{where}, the header")
    try:
        header = PredictionHeader.model_validate(values[0]["header"])
        predictions = [Prediction.model_validate(value) for value in values[1:]]
    except ValidationError as error:
        raise DataError(f"{where}: {fault(error, 'a line')}.") from None
    for prediction in predictions:
        require_plain(prediction.pair_id, f"{where}, a pair's id")
        if len(prediction.windows) > MAX_WINDOWS:
            raise DataError(
                f"{where}: {prediction.pair_id} has {len(prediction.windows):,} windows; at most "
                f"{MAX_WINDOWS:,} are read."
            )
    return header, predictions
