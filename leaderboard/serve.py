"""Serving a built site to this machine, with ranges: browsers seek in videos by them."""

from __future__ import annotations

import re
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from leaderboard.site.build import MARK
from vid2vidmr.errors import DataError, UserError

HOST = "127.0.0.1"


class _Part(BytesIO):
    """The next bytes of a file, read as they are sent: videos do not fit in memory."""

    def __init__(self, file: BinaryIO, left: int) -> None:
        super().__init__()
        self._file, self._left = file, left

    def read(self, size: int | None = -1) -> bytes:
        asked = self._left if size is None or size < 0 else min(size, self._left)
        data = self._file.read(asked)
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._file.close()
        super().close()


class Handler(SimpleHTTPRequestHandler):
    """Static files; a request for a range of bytes gets that range."""

    def send_head(self) -> BytesIO | BinaryIO | None:
        """Answer with a part where one is asked for."""
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        path = Path(self.translate_path(self.path))
        if not asked or asked[0] == "bytes=-" or not path.is_file():
            return super().send_head()
        size = path.stat().st_size
        if asked[1]:
            first = int(asked[1])
            last = min(int(asked[2]), size - 1) if asked[2] else size - 1
        else:
            first, last = max(0, size - int(asked[2])), size - 1
        if first > last:
            self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        length = last - first + 1
        file = path.open("rb")
        file.seek(first)
        self.send_response(HTTPStatus.PARTIAL_CONTENT)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Content-Length", str(length))
        self.end_headers()
        return _Part(file, length)

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """Send; browsers hang up on videos when they have seen enough."""
        with suppress(ConnectionError):
            super().copyfile(source, outputfile)

    def end_headers(self) -> None:
        """Say that ranges are known; keep nothing, a site may be built again."""
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def server(out: Path, port: int) -> ThreadingHTTPServer:
    """Make a server of a site for this machine; ``serve_forever`` runs it.

    Raises
    ------
    DataError
        If the folder is not a site.
    UserError
        If the port is taken.
    """
    if not (out / MARK).exists():
        raise DataError(
            f"{out} holds no site: run `vid2vidmr leaderboard build --out {out}` first."
        )
    try:
        return ThreadingHTTPServer((HOST, port), partial(Handler, directory=str(out)))
    except OSError as error:
        raise UserError(
            f"Port {port} cannot be used ({error.strerror}): pass another --port."
        ) from None
