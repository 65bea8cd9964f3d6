"""Processes that decode and prepare frames for an encoder in this one."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from itertools import islice
from multiprocessing import get_context
from typing import Any

import numpy as np

from vid2vidmr.errors import FeatureError, UserError, VideoError
from vid2vidmr.features.readers import Reader, Sampled
from vid2vidmr.video.source import failures_of


def batches_of(video: Sampled, reader: Reader, batch: int) -> Iterator[np.ndarray]:
    """Yield what a network takes of a video's rows, (b, ...) with b at most `batch`.

    Raises
    ------
    VideoError
        If the file cannot be read to its end.
    FeatureError
        If a query begins behind the end of its video.
    """
    with failures_of(video.path):
        rows = reader.read(video)
        while part := list(islice(rows, batch)):
            yield np.stack(part)


class Decoder(AbstractContextManager["Decoder"]):
    """A process that decodes one video at a time, a batch ahead of who takes them."""

    def __init__(self) -> None:
        # Spawned, not forked: threads of the parent (torch, OpenCV) do not survive a fork.
        context = get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()  # so that reading ends when the process does
        self._asked = 0

    def batches(self, video: Sampled, reader: Reader, batch: int) -> Iterator[np.ndarray]:
        """Yield the batches of a video, see `batches_of`.

        Raises
        ------
        VideoError, FeatureError
            As of `batches_of`.
        UserError
            If the process has died.
        """
        self._asked += 1
        try:
            self._connection.send((self._asked, video, reader, batch))
            while True:
                asked, found = self._connection.recv()
                if asked != self._asked:  # of a video that nobody took to its end
                    continue
                if found is None:
                    return
                if isinstance(found, UserError):
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


def _serve(connection: Any) -> None:
    """Decode what is asked for until the parent closes the connection, or dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    for library, setting in (("torch", "set_num_threads"), ("cv2", "setNumThreads")):
        if library in sys.modules:  # one core a process
            getattr(sys.modules[library], setting)(1)
    with suppress(EOFError, OSError):
        while True:
            asked, video, reader, batch = connection.recv()
            try:
                for part in batches_of(video, reader, batch):
                    connection.send((asked, part))
                connection.send((asked, None))
            except (VideoError, FeatureError) as error:
                connection.send((asked, error))
