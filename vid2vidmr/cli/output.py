"""What commands print: JSON for programs, tables for people."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import typer

from vid2vidmr.text import plain

if TYPE_CHECKING:
    from vid2vidmr.archive.search import Found


def print_json(value: Any) -> None:
    """Print a value as indented JSON on standard output."""
    exact = "utf" in sys.stdout.encoding.lower()
    typer.echo(json.dumps(value, indent=2, ensure_ascii=not exact))


def print_table(title: str, columns: list[str], rows: list[list[str]], folded: int = -1) -> None:
    """Print rows of text; the column `folded`, by default the last, takes what room is left."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, no_wrap=column != columns[folded], overflow="fold")
    for row in rows:
        table.add_row(*(Text("\n".join(map(plain, cell.splitlines()))) for cell in row))
    console = Console()
    console.print(Text(plain(title), style="italic"))  # a table's own title is folded to its width
    console.print(table)


def print_found(found: Found) -> None:
    """Print windows as a table, or that there are none."""
    if not found.windows:
        typer.echo(str(found))
        return
    from vid2vidmr.archive.query import clock

    rows = [
        [str(rank), clock(round(w.start_s, 1)), clock(round(w.end_s, 1)), f"{w.score:.2f}", w.video]
        for rank, w in enumerate(found.windows, start=1)
    ]
    title = f"{', '.join(found.queries)} in {found.hours:.1f} hours ({found.method})"
    print_table(title, ["rank", "start", "end", "score", "video"], rows)


def count(value: object) -> str:
    """Format a whole number with thousands separated, `value` as it is if it is not one."""
    return f"{value:,}" if isinstance(value, int) else str(value)
