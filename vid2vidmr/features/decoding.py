"""Processes that decode and prepare frames for an encoder in this one."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from vid2vidmr.errors import UserError, VideoError
from vid2vidmr.video.sample import sample_frames
from vid2vidmr.video.source import failures_of

Prepare = Callable[[np.ndarray], np.ndarray]
Size = Callable[[int, int], tuple[int, int]]


class Sampled(NamedTuple):
    """A video file, the step of its grid, and at which times beside it is sampled, seconds."""

    path: Path
    step_s: float
    at_s: tuple[float, ...] = ()


def prepared_batches(
    video: Sampled, prepare: Prepare, size: Size | None, batch: int
) -> Iterator[np.ndarray]:
    """Yield what a network takes of a video's samples, (b, ...) with b at most `batch`.

    Parameters
    ----------
    prepare, size, batch
        Of the `vid2vidmr.features.encoder.Encoder`.

    Raises
    ------
    VideoError
        If the file cannot be read to its end.
    """
    samples = sample_frames(video.path, video.step_s, at_s=video.at_s, threads=1, size=size)
    frames = (prepare(frame) for _, frame in samples)
    with failures_of(video.path):
        while part := list(islice(frames, batch)):
            yield np.stack(part)


class Decoder(AbstractContextManager["Decoder"]):
    """A process that decodes one video at a time, a batch ahead of who takes them.

    Parameters
    ----------
    prepare, size, batch
        As of `prepared_batches`; they go to the process, and must be such that can be pickled.
    """

    def __init__(self, prepare: Prepare, size: Size | None, batch: int) -> None:
        # Spawned, not forked: threads of the parent (torch, OpenCV) do not survive a fork.
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, prepare, size, batch), daemon=True
        )
        self._process.start()
        theirs.close()  # so that reading ends when the process does
        self._asked = 0

    def batches(self, video: Sampled) -> Iterator[np.ndarray]:
        """Yield the batches of a video, see `prepared_batches`.

        Raises
        ------
        VideoError
            If the file cannot be read to its end.
        UserError
            If the process has died.
        """
        self._asked += 1
        try:
            self._connection.send((self._asked, video))
            while True:
                asked, found = self._connection.recv()
                if asked != self._asked:  # of a video that nobody took to its end
                    continue
                if found is None:
                    return
                if isinstance(found, VideoError):
                    raise found
                yield found
        except (EOFError, OSError):
            self._process.join()
            raise UserError(  # not of this video: the run ends
                f"A process that decodes ended with status {self._process.exitcode}: if memory "
                "was short, run again, it continues; a script that extracts features must do so "
                'under `if __name__ == "__main__":`.'
            ) from None

    def __exit__(self, *_: object) -> None:
        self._connection.close()
        self._process.terminate()
        self._process.join()


def _serve(connection: Any, prepare: Prepare, size: Size | None, batch: int) -> None:
    """Decode what is asked for until the parent closes the connection, or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    for library, setting in (("torch", "set_num_threads"), ("cv2", "setNumThreads")):
        if library in sys.modules:  # one core a process
            getattr(sys.modules[library], setting)(1)
    with suppress(EOFError, OSError):
        while True:
            asked, video = connection.recv()
            try:
                for part in prepared_batches(video, prepare, size, batch):
                    connection.send((asked, part))
                connection.send((asked, None))
            except VideoError as error:
                connection.send((asked, error))
