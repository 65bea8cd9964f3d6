"""Progress of long work: one look for all commands, on standard error."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

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

_reports: Any = None
"""In a worker process: the queue to its parent, which shows the bars."""


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


@dataclass
class _RemoteBar(Bar):
    title: str

    def advance(self, steps: float = 1, note: str | None = None) -> None:
        super().advance(steps, note)
        _reports.put((self.title, self.rich.tasks[0].total, steps, note))


def _rich(**options: Any) -> Progress:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    return Progress(*columns, console=Console(stderr=True, **options))


@contextmanager
def progress(title: str, total: float | None) -> Iterator[Bar]:
    """Show a bar with count, elapsed and remaining time while the block runs."""
    with _rich(quiet=_reports is not None or total == 0 or not is_main_process()) as rich:
        task = rich.add_task(title, total=total, note="")
        try:
            yield Bar(rich, task) if _reports is None else _RemoteBar(rich, task, title)
        except BaseException:
            rich.live.transient = True  # what went wrong is said in one line, without the bar
            raise


def report_to(queue: Any) -> None:
    """Make this process send its progress to a queue instead of showing it."""
    global _reports
    _reports = queue


@contextmanager
def workers_progress(queue: Any) -> Iterator[None]:
    """Show the bars of worker processes that report to `queue`, one a title."""
    rich = _rich()

    def show() -> None:
        bars: dict[str, Bar] = {}
        while (report := queue.get()) is not None:
            title, total, steps, note = report
            if title not in bars:
                rich.start()  # not before: the parent may show a bar of its own instead
                bars[title] = Bar(rich, rich.add_task(title, total=total, note=""))
            bars[title].advance(steps, note)

    shower = threading.Thread(target=show, daemon=True)
    shower.start()
    try:
        yield
    finally:
        queue.put(None)
        shower.join()
        rich.stop()


def is_main_process() -> bool:
    """Tell whether this process writes and shows progress: of a joint run, the first one.

    Launchers (``torchrun``, ``accelerate launch``) number the processes in ``RANK``.
    """
    return os.environ.get("RANK", "0") == "0"
