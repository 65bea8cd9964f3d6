"""Serving a built site to this machine, with ranges: browsers seek in videos by them."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, unquote, urlsplit

from leaderboard.site.build import MARK
from vid2vidmr.errors import DataError, UserError

HOST = "127.0.0.1"
NAMES = (HOST, "localhost")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


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
    """Files of a site; a request for a range of bytes gets that range.

    A page of another site may ask, too: a name that leads here is not enough (DNS rebinding), and
    nothing is given but files of the folder whose names no dot begins.
    """

    timeout = 30.0  # of a client that neither asks nor takes

    def send_head(self) -> BytesIO | BinaryIO | None:
        """Answer with a file, or the part of it that is asked for."""
        path = self._asked_for()
        if path is None:
            return None
        try:
            file = path.open("rb")
        except OSError:
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        size = path.stat().st_size
        asked = self.headers.get("Range", "")
        partial = asked.startswith("bytes=") and "," not in asked  # else all of it is an answer
        part = _range(asked, size) if partial else range(size)
        if part is None:
            file.close()
            self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_header("Content-Range", f"bytes */{size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        file.seek(part.start)
        self.send_response(HTTPStatus.PARTIAL_CONTENT if partial else HTTPStatus.OK)
        self.send_header("Content-Type", self.guess_type(str(path)))
        if partial:
            self.send_header("Content-Range", f"bytes {part.start}-{part.stop - 1}/{size}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        return _Part(file, len(part))

    def _asked_for(self) -> Path | None:
        """Give the file that is asked for; None where something else was answered."""
        host = self.headers.get("Host", "")
        if host.rpartition(":")[0] not in NAMES and host not in NAMES:
            self.send_error(HTTPStatus.FORBIDDEN, "This server is for this machine only")
            return None
        try:
            text = unquote(urlsplit(self.path).path, errors="strict")
        except ValueError:
            text = "\0"
        if "\0" in text:
            self.send_error(HTTPStatus.BAD_REQUEST)
            return None
        root, names = Path(self.directory).resolve(), [name for name in text.split("/") if name]
        try:
            path = root.joinpath(*names).resolve()
            if _is_given(path, root) and path.is_dir():
                if not text.endswith("/"):  # links of the page start at its folder
                    self.send_response(HTTPStatus.MOVED_PERMANENTLY)
                    self.send_header("Location", quote(f"/{'/'.join(names)}/"))
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return None
                path = (path / "index.html").resolve()
            if _is_given(path, root) and path.is_file():
                return path
        except (OSError, RuntimeError):  # a name too long, links in a circle
            pass
        self.send_error(HTTPStatus.NOT_FOUND)
        return None

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """Send; browsers hang up on videos when they have seen enough."""
        with suppress(ConnectionError, TimeoutError):
            super().copyfile(source, outputfile)

    def end_headers(self) -> None:
        """Say that ranges are known; keep nothing, a site may be built again."""
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _is_given(path: Path, root: Path) -> bool:
    inside = path.is_relative_to(root)
    return inside and not any(part.startswith(".") for part in path.relative_to(root).parts)


def _range(asked: str, size: int) -> range | None:
    """Give the bytes that a ``Range`` header asks for; None for those that are not there."""
    found = _RANGE.fullmatch(asked)
    if found is None or asked == "bytes=-":
        return None
    first, last = found[1], found[2]
    if not first:
        part = range(max(0, size - int(last)), size)
    else:
        part = range(int(first), min(int(last) + 1, size) if last else size)
    return part or None


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that hang up."""
        if not isinstance(sys.exception(), ConnectionError | TimeoutError):
            super().handle_error(request, client_address)


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
        return _Server((HOST, port), partial(Handler, directory=str(out)))
    except OSError as error:
        raise UserError(
            f"Port {port} cannot be used ({error.strerror}): pass another --port."
        ) from None
