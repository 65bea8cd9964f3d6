"""Progress of long work: one look for all commands, on standard error, and a file of what it said.

A bar that ends, its notes that tell a result (those without a step), and lines of `tell` stand in
the file too while the block is `logged`.
"""

from __future__ import annotations

import os
import shlex
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
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
from rich.table import Column

from vid2vidmr.errors import UserError
from vid2vidmr.text import redacted

LOG = "log.txt"
_reports: Any = None
"""In a worker process: the queue to its parent, which shows the bars."""
_log: _Log | None = None


@dataclass
class Bar:
    """A running progress bar."""

    rich: Progress
    task: TaskID
    kept: tuple[float, str] | None = field(default=None, init=False)

    def advance(self, steps: float = 1, note: str | None = None) -> None:
        """Count `steps` as done; `note` replaces the text behind the bar."""
        self.rich.advance(self.task, steps)
        if note is not None:
            self.rich.update(self.task, note=note)
            if not steps:
                self.log()

    def log(self) -> None:
        """Keep how far it is in the file of the block that is `logged`."""
        (task,) = (task for task in self.rich.tasks if task.id == self.task)
        now = task.completed, task.fields["note"]
        if _log is not None and not self.rich.console.quiet and now != self.kept:
            self.kept = now
            of = "" if task.total is None else f"/{task.total:g}"
            note = f", {now[1]}" if now[1] else ""
            _log.add(f"{task.description}: {task.completed:g}{of}, {task.elapsed or 0:.0f} s{note}")


@dataclass
class _RemoteBar(Bar):
    title: str

    def advance(self, steps: float = 1, note: str | None = None) -> None:
        super().advance(steps, note)
        _reports.put((self.title, self.rich.tasks[0].total, steps, note))


def _rich(**options: Any) -> Progress:
    columns = (
        SpinnerColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),  # in a narrow window this alone gets shorter
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TimeElapsedColumn(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[note]}"),
    )
    return Progress(*columns, console=Console(stderr=True, **options))


@contextmanager
def progress(title: str, total: float | None) -> Iterator[Bar]:
    """Show a bar with count, elapsed and remaining time while the block runs."""
    with _rich(quiet=_reports is not None or total == 0 or not is_main_process()) as rich:
        task = rich.add_task(title, total=total, note="")
        bar = Bar(rich, task) if _reports is None else _RemoteBar(rich, task, title)
        try:
            yield bar
        except BaseException:
            rich.live.transient = True  # what went wrong is said in one line, without the bar
            raise
        finally:
            bar.log()


def tell(text: str) -> None:
    """Print text on standard error; a line stays a line."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(text, markup=False)
    if _log is not None:
        _log.add(text)


@dataclass
class _Log:
    """A file that lines are added to; without one that can be written there are none."""

    path: Path
    begun: bool = False

    def add(self, text: str) -> None:
        command = shlex.join(["vid2vidmr", *sys.argv[1:]])
        lines = text.splitlines() if self.begun else ["", command, *text.splitlines()]
        with suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a", encoding="utf-8", errors="replace") as file:
                for line in lines:
                    stamp = f"{datetime.now():%Y-%m-%d %H:%M:%S} " if line else ""
                    file.write(f"{stamp}{redacted(line)}\n")
            self.begun = True


@contextmanager
def logged(folder: Path) -> Iterator[None]:
    """Keep what is said in ``log.txt`` of a folder while the block runs, and why it failed.

    Where it lies is said at the end. Of a block that says nothing there is no file.

    Raises
    ------
    UserError
        If a folder or a pipe lies there: what is written into a pipe may wait for ever.
    """
    global _log
    if not is_main_process():
        yield
        return
    log = _Log(folder / LOG)
    if os.path.lexists(log.path) and not os.path.isfile(log.path):  # noqa: PTH113 - never raises
        raise UserError(
            f"{log.path} is no ordinary file, and the log goes there: move it away, or choose "
            "another folder."
        )
    _log = log
    try:
        yield
    except BaseException as error:
        if log.begun:
            short = isinstance(error, UserError | KeyboardInterrupt)
            log.add(f"{error or 'stopped'}" if short else traceback.format_exc())
        raise
    finally:
        _log = None
        if log.begun:
            print(f"Log: {log.path}", file=sys.stderr)


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
        for bar in bars.values():
            bar.log()

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
