"""Worker processes that report progress to their parent and do not outlive it."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from typing import Any, TypeVar

from vid2vidmr.files import give_up
from vid2vidmr.progress import report_to, workers_progress

Result = TypeVar("Result")

GRACE_S = 5.0
"""So long may a worker that is to end take to delete what it has not finished."""


class _Pool(ProcessPoolExecutor):
    """Workers are never interrupted by Ctrl-C, not even while they start."""

    def submit(self, job: Callable[..., Result], /, *args: Any, **kwargs: Any) -> Future[Result]:
        before = _held_back()
        try:
            return super().submit(job, *args, **kwargs)
        finally:
            _let_through(before)


def cores() -> int:
    """Count the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def worker_pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Give a pool of processes; the progress bars of their work are shown here.

    Leaving the block, also by an error, cancels what has not started and waits for the rest; after
    Ctrl-C the rest ends at once, and deletes what it has half-written.
    """
    # Spawned, not forked: threads of the parent (torch, OpenCV) do not survive a fork.
    context = get_context("spawn")
    reports = context.SimpleQueue()
    theirs, ours = context.Pipe(duplex=False)
    pool = _Pool(workers, mp_context=context, initializer=_start, initargs=(reports, theirs))
    with workers_progress(reports):
        try:
            yield pool
        except KeyboardInterrupt:
            ours.close()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            ours.close()
            theirs.close()


def _start(reports: Any, parent: Any) -> None:
    """Leave Ctrl-C to the parent, and end when it says so or is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _end)
    _let_through(set())
    report_to(reports)

    def follow() -> None:
        with suppress(EOFError, OSError):
            parent.recv()  # nothing comes: it ends when the parent closes its side, or dies
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE_S)
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _end(*_: Any) -> None:
    give_up()
    os._exit(1)


def _held_back() -> set[Any]:
    """Keep Ctrl-C for later, also in processes that begin meanwhile; give what was kept before."""
    if hasattr(signal, "pthread_sigmask"):
        return signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    return set()


def _let_through(kept: set[Any]) -> None:
    """Take what came meanwhile, but for what is still to be `kept`."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_SETMASK, kept)
