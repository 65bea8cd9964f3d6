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

from vid2vidmr.features.decoding import Decoder, Sampled, prepared_batches
from vid2vidmr.features.encoder import Encoder
from vid2vidmr.workers import cores

Work = TypeVar("Work")
Result = TypeVar("Result")


class Engine(Protocol):
    """Where videos are encoded."""

    def __call__(
        self, todo: list[tuple[str, Sampled]], encoder: Encoder, /
    ) -> Generator[tuple[str, Future[np.ndarray]]]:
        """Yield each video and the features of its samples, (n, dim), in the order of `todo`."""
        ...


def encode_here(
    todo: list[tuple[str, Sampled]], encoder: Encoder, decoders: int | None = None
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
        yield from side_by_side(todo, lambda video, stop: encode_samples(video, encoder, stop))
        return
    free: SimpleQueue[Decoder] = SimpleQueue()

    def encode(video: Sampled, stop: Event) -> np.ndarray:
        decoder = free.get()
        try:
            return _encode(decoder.batches(video), encoder, stop)
        finally:
            free.put(decoder)

    with ExitStack() as running:
        for _ in range(min(decoders, len(todo))):
            decoder = Decoder(encoder.prepare, encoder.size, encoder.batch)
            free.put(running.enter_context(decoder))
        yield from side_by_side(todo, encode, decoders)


def encode_video(path: Path, encoder: Encoder) -> np.ndarray:
    """Features of a video file, (n, dim) float32, one row a step.

    One thread decodes a batch ahead of one that encodes. More do not pay: batches are small, and
    on two busy cores a network in two threads took 7 times the CPU of one, and 7 times as long.

    Raises
    ------
    VideoError
        If the file cannot be read to its end.
    """
    batches = prepared_batches(
        Sampled(path, encoder.step_s), encoder.prepare, encoder.size, encoder.batch
    )
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return _encode(_ahead(batches), encoder, None)
    finally:
        torch.set_num_threads(before)


def _ahead(batches: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    """Let a thread make each batch while the one before is in use."""
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(next, batches, None)
        while (batch := following.result()) is not None:
            following = pool.submit(next, batches, None)
            yield batch


def encode_samples(video: Sampled, encoder: Encoder, stop: Event | None = None) -> np.ndarray:
    """Features of a video's samples, (n, dim) float32; when they are says `sample_times`.

    Parameters
    ----------
    stop : Event, optional
        Ends the work early once it is set; the rows are then worthless.

    Raises
    ------
    VideoError
        If the file cannot be read to its end.
    """
    batches = prepared_batches(video, encoder.prepare, encoder.size, encoder.batch)
    return _encode(batches, encoder, stop)


def _encode(batches: Iterator[np.ndarray], encoder: Encoder, stop: Event | None) -> np.ndarray:
    parts = [np.empty((0, encoder.dim), np.float32)]
    while not (stop and stop.is_set()) and (batch := next(batches, None)) is not None:
        parts.append(encoder.encode_prepared(batch))
    return np.concatenate(parts)


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
