"""Progress of long work: one look for all commands, on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


@dataclass
class Bar:
    """A running progress bar."""

    rich: Progress
    task: TaskID

    def advance(self, steps: float = 1, note: str | None = None) -> None:
        """Count `steps` as done; `note` replaces the text behind the bar."""
        self.rich.advance(self.task, steps)
        if note is not None:
            self.rich.update(self.task, note=note)


@contextmanager
def progress(title: str, total: float | None) -> Iterator[Bar]:
    """Show a bar with count, elapsed and remaining time while the block runs."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as rich:
        try:
            yield Bar(rich, rich.add_task(title, total=total, note=""))
        except BaseException:
            rich.live.transient = True  # what went wrong is said in one line, without the bar
            raise
