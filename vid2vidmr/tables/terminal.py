"""The table in a terminal: fewer columns where it is narrow, best numbers bold, bias rows apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vid2vidmr.tables.summary import Row, Table

if TYPE_CHECKING:
    from rich.console import Group

WIDE = 116
"""Columns of a terminal from which on all of `WIDE_METRICS` fit."""
NARROW_METRICS = ("mIoU", "R1@0.5")
WIDE_METRICS = ("mIoU", "R1@0.3", "R1@0.5", "R1@0.7")


def to_rich(table: Table, width: int) -> Group:
    """Render for a terminal of `width` columns; caption and notes stand below."""
    from rich import box
    from rich.console import Group
    from rich.table import Table as RichTable
    from rich.text import Text

    wide = width >= WIDE
    metrics = WIDE_METRICS if wide else NARROW_METRICS
    grid = RichTable(
        title=table.title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD,
        padding=(0, 1) if wide else (0, 1, 0, 0), pad_edge=False,
    )  # fmt: skip
    grid.add_column("\nmethod", no_wrap=True)
    for protocol in table.protocols:
        for metric in metrics:
            head = protocol if metric == metrics[0] else ""
            grid.add_column(f"{head}\n{metric}", justify="right", no_wrap=True)
    grid.add_column("\nsens.", justify="right", no_wrap=True)
    grid.add_column("\nsd", justify="right", no_wrap=True)
    grid.add_column("\nseeds", justify="right", no_wrap=True)

    def line(row: Row) -> list[Text]:
        cells = [Text(row.method, style="dim" if row.kind == "bias" else "")]
        for protocol in table.protocols:
            for metric in metrics:
                mean = row.metrics[protocol][metric].mean
                best = table.is_best(row, protocol, metric)
                cell = Text(f"{mean.value:.1f}", style="bold green" if best else "")
                if metric == metrics[0] and mean.low is not None and mean.high is not None:
                    digits = 1 if wide else 0
                    cell.append(f" [{mean.low:.{digits}f}, {mean.high:.{digits}f}]", style="dim")
                cells.append(cell)
        last = table.protocols[-1]
        lost, sd = row.sensitivity.get(last), row.metrics[last]["mIoU"].seed_sd
        cells.append(Text("" if lost is None else f"{lost.value:.1f}"))
        cells.append(Text("" if sd is None else f"{sd:.1f}"))
        cells.append(Text(str(len(row.seeds))))
        return cells

    for row in table.method_rows:
        grid.add_row(*line(row))
    grid.add_section()
    for row in table.bias_rows:
        grid.add_row(*line(row))
    lines = [*table.verdicts, *table.notes]
    return Group(
        grid, *(Text(text, style="" if text in table.verdicts else "dim") for text in lines)
    )
