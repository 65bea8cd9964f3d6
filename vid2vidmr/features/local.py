"""Encoding videos side by side on this machine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from threading import Event
from typing import Protocol, TypeVar

import numpy as np
import torch

from vid2vidmr.devices import one_thread
from vid2vidmr.features.decoding import Decoder, batches_of
from vid2vidmr.features.encoder import Joined, VideoEncoder, unit
from vid2vidmr.features.readers import Reader, Sampled
from vid2vidmr.workers import cores

Work = TypeVar("Work")
Result = TypeVar("Result")


class Engine(Protocol):
    """Where videos are encoded."""

    def __call__(
        self, todo: list[tuple[str, Sampled]], encoder: VideoEncoder, /
    ) -> Generator[tuple[str, Future[np.ndarray]]]:
        """Yield each video and its features, see `encode_rows`, in the order of `todo`."""
        ...


def encode_here(
    todo: list[tuple[str, Sampled]], encoder: VideoEncoder, decoders: int | None = None
) -> Generator[tuple[str, Future[np.ndarray]]]:
    """Encode files with all of this machine, see `Engine`.

    Parameters
    ----------
    todo : list of (video id, path)
    decoders : int, optional
        Processes that decode, and feed the encoder in this one; 0 decodes here. By default all
        cores but one for an accelerator, which one process could not keep busy; 0 for a single
        video, and on a CPU: there each core encodes what it has decoded (CLIP on two cores, one or
        two processes: the same CPU time, but 1.3 to 2.3 times as long).
    """
    if decoders is None:
        decoders = 0 if encoder.device.type == "cpu" or len(todo) == 1 else cores() - 1
    if decoders == 0:
        yield from side_by_side(todo, lambda video, stop: encode_rows(video, encoder, stop))
        return
    free: SimpleQueue[Decoder] = SimpleQueue()

    def encode(video: Sampled, stop: Event) -> np.ndarray:
        decoder = free.get()
        try:
            return encode_rows(video, encoder, stop, decoder.batches)
        finally:
            free.put(decoder)

    with ExitStack() as running:
        for _ in range(min(decoders, len(todo))):
            free.put(running.enter_context(Decoder()))
        yield from side_by_side(todo, encode, decoders)


def encode_video(
    path: Path, encoder: VideoEncoder, advance: Callable[[int], None] | None = None
) -> np.ndarray:
    """Features of a video file, (n, dim) float32, one row a step.

    `advance` is told how many rows were read, a batch at a time (of each part, where encoders are
    joined). One thread decodes a batch ahead of one that encodes. More do not pay: batches are
    small, and on two busy cores a network in two threads took 7 times the CPU of one, and 7 times
    as long.

    Raises
    ------
    VideoError
        If the file cannot be read to its end.
    """

    def read(video: Sampled, reader: Reader, batch: int) -> Iterator[np.ndarray]:
        for rows in _ahead(video, reader, batch):
            if advance is not None:
                advance(len(rows))
            yield rows

    with one_thread():
        return encode_rows(Sampled(path, encoder.step_s), encoder, read=read)


def _ahead(video: Sampled, reader: Reader, batch: int) -> Iterator[np.ndarray]:
    """Let a thread make each batch while the one before is in use."""
    batches = batches_of(video, reader, batch)
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, batches, None)
        while (found := following.result()) is not None:
            following = pool.submit(next, batches, None)
            yield found


def encode_rows(
    video: Sampled,
    encoder: VideoEncoder,
    stop: Event | None = None,
    read: Callable[[Sampled, Reader, int], Iterator[np.ndarray]] = batches_of,
) -> np.ndarray:
    """Features of a video and its queries, (n, dim) float32, as `vid2vidmr.features.queries` says.

    Parameters
    ----------
    stop : Event, optional
        Ends the work early once it is set; the rows are then worthless.
    read : callable
        `batches_of`, or that of a process.

    Raises
    ------
    VideoError
        If the file cannot be read to its end.
    FeatureError
        If a query begins behind the end of its video.
    """
    if isinstance(encoder, Joined):
        each = [unit(encode_rows(video, part, stop, read)) for part in encoder.parts]
        return np.concatenate([rows[: min(map(len, each))] for rows in each], axis=1)
    batches = read(video, encoder.reads, encoder.batch)
    parts = [np.empty((0, encoder.dim), np.float32)]
    while not (stop and stop.is_set()) and (batch := next(batches, None)) is not None:
        parts.append(encoder.encode_prepared(batch))
    rows = np.concatenate(parts)
    return rows if stop and stop.is_set() else encoder.reads.arranged(video, rows)


def side_by_side(
    todo: Iterable[tuple[str, Work]],
    encode: Callable[[Work, Event], Result],
    threads: int | None = None,
) -> Generator[tuple[str, Future[Result]]]:
    """Encode videos side by side, by default one a core, and yield them in order.

    Within a video everything runs on one core: nothing waits for other threads, which is the
    fastest way to keep all cores (and an accelerator) busy, and the features do not depend on
    the number of cores.
    """
    threads = threads or cores()
    stop = Event()
    before = torch.get_num_threads()
    with ThreadPoolExecutor(threads, initializer=lambda: torch.set_num_threads(1)) as pool:
        running: deque[tuple[str, Future[Result]]] = deque()
        waiting = iter(todo)
        try:
            while True:
                for video, work in islice(waiting, 2 * threads - len(running)):
                    running.append((video, pool.submit(encode, work, stop)))
                if not running:
                    break
                yield running.popleft()
        finally:
            stop.set()
            torch.set_num_threads(before)  # the workers' setting is the default of new threads
