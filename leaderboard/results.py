"""Boards in documents: ``python -m leaderboard.results SITE DOCUMENT...`` puts those of a site in.

A document says where a board goes, and what is between the two lines is written over::

    <!-- board minimatch/official -->
    <!-- end -->
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from vid2vidmr.errors import DataError
from vid2vidmr.files import write_text

_BOARD = re.compile(r"(<!-- board (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)


def with_boards(text: str, site: Path) -> str:
    """Give a document with the boards that a built site has.

    Raises
    ------
    DataError
        If the site lacks a board that the document asks for.
    """

    def board(found: re.Match[str]) -> str:
        path = site / "boards" / f"{found[2]}.md"
        if not path.exists():
            raise DataError(f"{path} is not there: run `vid2vidmr leaderboard build --out {site}`.")
        return f"{found[1]}\n{path.read_text(encoding='utf-8').strip()}\n\n{found[3]}"

    return _BOARD.sub(board, text)


def main(site: str, *documents: str) -> None:
    """Write the boards of a site into documents."""
    for document in map(Path, documents):
        write_text(document, with_boards(document.read_text(encoding="utf-8"), Path(site)))


if __name__ == "__main__":
    main(*sys.argv[1:])
