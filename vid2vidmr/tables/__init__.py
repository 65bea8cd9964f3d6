"""Tables of scored runs: one model of a table, and writers for terminals and files."""

from vid2vidmr.tables.files import to_csv, to_latex, to_markdown, write_tables
from vid2vidmr.tables.summary import summarise, summarise_method, tabulate
from vid2vidmr.tables.table import Row, Table, worlds_name
from vid2vidmr.tables.terminal import to_rich

__all__ = [
    "Row",
    "Table",
    "summarise",
    "summarise_method",
    "tabulate",
    "to_csv",
    "to_latex",
    "to_markdown",
    "to_rich",
    "worlds_name",
    "write_tables",
]
