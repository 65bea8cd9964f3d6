"""Encoding videos side by side on this machine."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Protocol, TypeVar

import numpy as np
import torch

from vid2vidmr.encoders import Encoder
from vid2vidmr.video import sample_frames

Work = TypeVar("Work")
Result = TypeVar("Result")


class Engine(Protocol):
    """Where videos are encoded."""

    def __call__(
        self, todo: list[tuple[str, Path]], encoder: Encoder, /
    ) -> Generator[tuple[str, Future[np.ndarray]]]:
        """Yield each video and its features, (n, dim) float32, in the order of `todo`."""
        ...


def encode_here(
    todo: list[tuple[str, Path]], encoder: Encoder
) -> Generator[tuple[str, Future[np.ndarray]]]:
    """Encode files with all cores of this machine, see `Engine`."""
    return side_by_side(todo, lambda path, stop: encode_video(path, encoder, stop))


def encode_video(path: Path, encoder: Encoder, stop: Event | None = None) -> np.ndarray:
    """Features of a video file, (n, dim) float32, one row every 2 s.

    Parameters
    ----------
    path : Path
    encoder : Encoder
    stop : Event, optional
        Ends the work early once it is set; the rows are then worthless.

    Raises
    ------
    VideoError
        If the file cannot be read to its end.
    """
    sampled = sample_frames(path, threads=1, size=encoder.size)
    frames = (encoder.prepare(frame) for _, frame in sampled)
    parts = []
    while not (stop and stop.is_set()) and (batch := list(islice(frames, encoder.batch))):
        parts.append(encoder.encode_prepared(batch))
    return np.concatenate(parts or [np.empty((0, encoder.dim), np.float32)])


def side_by_side(
    todo: Iterable[tuple[str, Work]], encode: Callable[[Work, Event], Result]
) -> Generator[tuple[str, Future[Result]]]:
    """Encode videos side by side, one a core, and yield them in order.

    Within a video everything runs on one core: nothing waits for other threads, which is the
    fastest way to keep all cores (and an accelerator) busy, and the features do not depend on
    the number of cores.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    stop = Event()
    threads = torch.get_num_threads()
    with ThreadPoolExecutor(cores, initializer=lambda: torch.set_num_threads(1)) as pool:
        running: deque[tuple[str, Future[Result]]] = deque()
        waiting = iter(todo)
        try:
            while True:
                for video, work in islice(waiting, 2 * (cores or 1) - len(running)):
                    running.append((video, pool.submit(encode, work, stop)))
                if not running:
                    break
                yield running.popleft()
        finally:
            stop.set()
            torch.set_num_threads(threads)  # the workers' setting is the default of new threads
