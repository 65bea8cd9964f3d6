"""Responses of a server, read to a bound: what has no end fills no memory and holds nobody up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

MAX_BYTES = 2**22
"""Of a response: an answer has some hundred tokens."""


class TooMuchError(Exception):
    """A response has no end, or one that is too far away."""


def bounds(timeout_s: float) -> Callable[[Any], None]:
    """Give a hook of httpx2 that bounds the body of every response, in bytes and seconds.

    What is packed, and could unpack to any size, is refused.
    """
    import httpx2

    class Bounded(httpx2.SyncByteStream):
        def __init__(self, stream: Any) -> None:
            self.stream = stream

        def __iter__(self) -> Iterator[bytes]:
            read, end = 0, time.monotonic() + timeout_s
            for piece in self.stream:
                read += len(piece)
                if read > MAX_BYTES or time.monotonic() > end:
                    raise TooMuchError(f"more than {MAX_BYTES:,} bytes, or {timeout_s:g} s")
                yield piece

        def close(self) -> None:
            self.stream.close()

    def bound(response: Any) -> None:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise TooMuchError("a packed response, which was not asked for")
        response.stream = Bounded(response.stream)

    return bound
