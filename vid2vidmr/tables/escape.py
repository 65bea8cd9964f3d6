"""Names from outside, as text of a file format: never a formula, a command, a link or a new line.

Terminals get `vid2vidmr.text.plain`.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

from vid2vidmr.text import plain

_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
_MARKDOWN = re.compile(r"[\\`*\[\]<>|&~$#]|(?<!\w)_|_(?!\w)|:(?=//)|(?<=www)\.|^[-+]")
_TEX = {sign: f"\\{sign}" for sign in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "[": "{[}",  # behind \\ both are an option
    "*": "{*}",
}


def csv_text(rows: Iterable[Iterable[object]]) -> str:
    """Give rows as CSV; text that a spreadsheet would compute gets an apostrophe before it."""
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(
        [_csv_cell(cell) for cell in row] for row in rows
    )
    return out.getvalue()


def _csv_cell(cell: object) -> object:
    if not isinstance(cell, str):
        return cell
    cell = plain(cell)
    return f"'{cell}" if cell[:1] in tuple("=+-@") and not _NUMBER.fullmatch(cell) else cell


def markdown_text(text: str) -> str:
    """Give text that Markdown shows as it is."""
    return _MARKDOWN.sub(r"\\\g<0>", plain(text))


def tex_text(text: str) -> str:
    """Give text that LaTeX shows as it is."""
    return "".join(_TEX.get(sign, sign) for sign in plain(text))
