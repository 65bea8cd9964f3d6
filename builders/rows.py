"""Tables that a user gives: one reader of CSV files, one way to tell the faults of rows."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from vid2vidmr.errors import DataError
from vid2vidmr.files import read_bytes

MAX_BYTES = 2**30
SHOWN = 20
_BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_DELIMITERS = ",;\t"
_COMMA = re.compile(r"([+-]?\d+),(\d+)")


class MomentError(DataError):
    """Rows or records of a file that cannot be used.

    Attributes
    ----------
    faults : tuple of str
        One line a fault, with its place: its row is the line of the file, as editors count.
    """

    def __init__(self, path: Path, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        count = len(self.faults)
        said = self.faults[0] if count == 1 else f"{count:,} faults, told above"
        super().__init__(f"{path}: {said}; nothing was built: mend the file and build again.")


def raise_faults(path: Path, faults: Iterable[tuple[int, str]]) -> None:
    """Tell all faults, by row, on standard error; refuse the file if there is one."""
    raise_lines(path, [f"row {row}: {fault}" for row, fault in sorted(faults)])


def raise_lines(path: Path, lines: list[str]) -> None:
    """Tell all faults, each a line with its place; refuse the file if there is one."""
    if not lines:
        return
    if len(lines) > 1:
        tell(path, lines)
    raise MomentError(path, lines)


def tell(path: Path, lines: list[str]) -> None:
    """Print lines about a file on standard error, `SHOWN` at most."""
    from vid2vidmr import progress
    from vid2vidmr.text import plain

    for line in lines[:SHOWN]:
        progress.tell(plain(f"{path}: {line}"))
    if len(lines) > SHOWN:
        progress.tell(f"and {len(lines) - SHOWN} more")


def read_rows(path: Path, what: str) -> pd.DataFrame:
    """Read a CSV file: text in UTF-8 or UTF-16, with commas, semicolons or tabs.

    Parameters
    ----------
    what : str
        What the file should be, for messages: ``a CSV file of moments``.

    Returns
    -------
    DataFrame of str
        Cells without the spaces around them, in columns named as in the header, lower case. The
        index, ``row``, is the line in the file on which the row begins. Lines and columns without
        anything are left out.

    Raises
    ------
    DataError
        If the file is missing, or no such table.
    MomentError
        If rows have more fields than the header.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist: expected {what}.")
    text = _text(path)
    first = next((line for line in text.splitlines() if line.strip()), "")
    delimiter = max(
        _DELIMITERS, key=lambda sign: len(next(csv.reader([first], delimiter=sign), []))
    )
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    rows: list[list[str]] = []
    lines: list[int] = []
    line = 1
    try:
        for cells in reader:
            if any(stripped := [cell.strip() for cell in cells]):
                rows.append(stripped)
                lines.append(line)
            line = reader.line_num + 1
    except csv.Error as error:
        raise DataError(f"{path} is not a CSV file: row {line}: {error}.") from None
    if not rows:
        raise DataError(f"{path} is not a CSV file: it is empty; expected {what}.")
    header = [name.lower() for name in rows[0]]
    while header and not header[-1]:
        header.pop()
    if twice := {name for name in header if name and header.count(name) > 1}:
        raise DataError(f"{path} has the column {min(twice)!r} more than once: leave one.")
    width = len(header)
    raise_faults(
        path,
        [
            (line, f"it has {len(row)} fields, the header {width}: put quotes around a text "
             f"with {_name(delimiter)} in it")
            for line, row in zip(lines[1:], rows[1:], strict=True) if any(row[width:])
        ],
    )  # fmt: skip
    cells = [(row + [""] * width)[:width] for row in rows[1:]]
    table = pd.DataFrame(cells, columns=header, index=pd.Index(lines[1:], name="row"), dtype="str")
    return table[[name for name in header if name]]


def numbers(texts: pd.Series) -> pd.Series:
    """Give seconds, NaN where a text is none; a comma is a point if it cannot mean thousands."""

    def point(text: str) -> str:
        match = _COMMA.fullmatch(text)
        return f"{match[1]}.{match[2]}" if match and len(match[2]) != 3 else text

    if texts.str.contains(",").any():
        texts = texts.map(point)
    return pd.to_numeric(texts, errors="coerce").astype("float64")


def _text(path: Path) -> str:
    data = read_bytes(path, MAX_BYTES)
    encoding = next((name for bom, name in _BOMS.items() if data.startswith(bom)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path} is not a CSV file in UTF-8 (row {row}): save it as CSV UTF-8."
        ) from None
    if "\0" in text:
        raise DataError(f"{path} is not a CSV file in UTF-8 (it has NUL): save it as CSV UTF-8.")
    return text


def _name(delimiter: str) -> str:
    return {",": "a comma", ";": "a semicolon", "\t": "a tab"}[delimiter]
