"""The table in a terminal: fewer columns where it is narrow, best numbers bold, bias rows apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vid2vidmr.records import Interval
from vid2vidmr.tables.files import shot_lines
from vid2vidmr.tables.table import OPEN_METRICS, Row, Table
from vid2vidmr.text import plain

if TYPE_CHECKING:
    from rich.console import Group
    from rich.table import Table as RichTable

WIDE = 118
"""Columns of a terminal from which on `WIDE_METRICS` fit."""
NARROW_NAME = 14
"""Letters of a name that fit beside two protocols in 80 columns."""
NARROW_METRICS = ("R1@0.5",)
WIDE_METRICS = ("R1@0.3", "R1@0.5", "R1@0.7")


def to_rich(table: Table, width: int) -> Group:
    """Render for a terminal of `width` columns; verdicts and notes stand below."""
    from rich.console import Console, Group
    from rich.text import Text

    def parts(grid: RichTable, shown: Sequence[str]) -> Group:
        verdicts = [Text(plain(text)) for text in table.verdicts]
        notes = [Text(plain(text), style="dim") for text in table.notes_on(shown)]
        return Group(grid, *verdicts, Text(""), *notes)

    if table.shots:
        return parts(_shots_grid(table), [table.headline])
    wide = width >= WIDE
    metrics: tuple[str, ...] = WIDE_METRICS if wide else NARROW_METRICS
    if table.metrics == OPEN_METRICS:
        metrics = OPEN_METRICS[1:] if wide else OPEN_METRICS[1:4]
    room = Console(width=10 * width)
    while metrics and room.measure(_grid(table, metrics, wide, titled=False)).maximum > width:
        metrics = metrics[:-1]  # else names would be broken
    return parts(_grid(table, metrics, wide), (table.headline, *metrics))


def _shots_grid(table: Table) -> RichTable:
    """Make the rows of a table of several examples."""
    grid = _titled(table)
    grid.add_column("method", overflow="fold")
    for name in ("examples", table.headline, "gain"):
        grid.add_column(name, justify="right", no_wrap=True)
    for line in shot_lines(table):
        grid.add_row(*map(plain, line))
    return grid


def _titled(table: Table) -> RichTable:
    from rich import box
    from rich.table import Table as RichTable
    from rich.text import Text

    return RichTable(
        title=Text(plain(table.title)), title_justify="left", title_style="bold",
        box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False,
    )  # fmt: skip


def _grid(table: Table, metrics: tuple[str, ...], wide: bool, *, titled: bool = True) -> RichTable:
    """Make the rows, with some metrics behind that which ranks; parts have titles, which fold."""
    from rich.text import Text

    grid = _titled(table)
    # A subset that a protocol names stands on a line of its own.
    heads = [protocol.replace(", ", ",\n") for protocol in table.protocols]
    above = "\n" * (1 + max(head.count("\n") for head in heads))
    grid.add_column(f"{above}method", overflow="fold")
    for head in heads:
        grid.add_column(f"{head}\n{table.headline}", no_wrap=True)
        for metric in metrics:
            grid.add_column(f"{above}{metric}", justify="right", no_wrap=True)
    for name in ["sens."] * table.has_sensitivity + ["sd"] * table.has_spread + ["rank"]:
        grid.add_column(f"{above}{name}", justify="right", no_wrap=True)

    def line(row: Row) -> list[Text]:
        name = plain(row.name)
        name = name if wide or len(table.protocols) == 1 else _broken(name)
        cells = [Text(name, style="dim" if row.kind == "bias" else "")]
        for protocol in table.protocols:
            for metric in (table.headline, *metrics):
                mean = row.metrics[protocol][metric].mean
                best = table.is_best(row, protocol, metric)
                cell = Text(f"{mean.value:4.1f}", style="bold green" if best else "")
                if metric == table.headline:
                    cell.append(_brackets(mean, wide), style="not bold dim default")
                cells.append(cell)
        last = table.protocols[-1]
        lost, sd = row.sensitivity.get(last), row.metrics[last][table.headline].spread
        cells += [Text("" if lost is None else f"{lost.value:z.1f}")] * table.has_sensitivity
        cells += [Text(sd)] * table.has_spread
        cells.append(Text(row.rank(last)))
        return cells

    for row in table.over_bias:
        grid.add_row(*line(row))
    below = ("not above bias:", table.not_over_bias), ("bias rows:", table.bias_rows)
    for title, rows in below:
        if rows and titled:
            grid.add_section()
            grid.add_row(Text(title, style="dim italic"))
        for row in rows:
            grid.add_row(*line(row))
    return grid


def _broken(name: str) -> str:
    """Break a name that is too long for a narrow terminal where its parts meet."""
    if len(name) <= NARROW_NAME:
        return name
    return name.replace(":", ":\n").replace("@", "\n@")


def _brackets(mean: Interval, wide: bool) -> str:
    """Interval behind a number; in little room whole percents, or half of it where it is short."""
    if mean.low is None or mean.high is None:
        return ""
    if wide:
        return f" [{mean.low:.1f}, {mean.high:.1f}]"
    if mean.high - mean.low < 4:
        return f" ±{(mean.high - mean.low) / 2:.1f}"
    return f" [{mean.low:.0f}, {mean.high:.0f}]"
