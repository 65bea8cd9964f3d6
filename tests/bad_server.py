"""A server of videos on 127.0.0.1 that behaves as badly as real ones, by the name of the file."""

import re
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HTML = b"<!DOCTYPE html><html><head><title>No</title></head><body>Not found.</body></html>"


class BadServer:
    """Serves `video` under ``/KIND-anything.mp4``; KIND says how. Keeps the paths of requests.

    ``ok``; ``gone`` 404; ``forbidden`` 403; ``busy`` 429 always, ``busyonce`` at first;
    ``stalled`` half of the body and silence; ``cut`` half and a closed connection, ``cutonce`` at
    first; ``long`` and ``short`` a wrong Content-Length; ``html`` a page, ``liar`` a page that is
    said to be a video; ``slow`` in pieces; ``broken`` 500; ``endless`` and ``endlesspage`` go
    on and on; ``tofile`` leads to a file of the client's machine.
    """

    def __init__(self, video: bytes, retry_after: str = "1") -> None:
        self.video = video
        self.requests: list[str] = []
        self.ranges: list[str] = []
        self.piece_s = 0.1
        self._seen: Counter[str] = Counter()
        self._stop = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.removeprefix("/").removesuffix(".mp4")
                kind = re.split("[-_]", name)[0]
                server.requests.append(name)
                server._seen[name] += 1
                if sent := self.headers.get("Range"):
                    server.ranges.append(f"{name} {sent}")
                first = server._seen[name] <= 2  # the page, then the data
                self.close_connection = True
                body = server.video
                if kind in ("gone", "forbidden", "broken"):
                    self.head({"gone": 404, "forbidden": 403, "broken": 500}[kind], len(HTML))
                    self.wfile.write(HTML)
                elif kind == "busy" or (kind == "busyonce" and server._seen[name] == 1):
                    self.head(429, 0, retry_after)
                elif kind in ("html", "liar"):
                    self.head(200, len(HTML), type="text/html" if kind == "html" else "video/mp4")
                    self.wfile.write(HTML)
                elif kind == "stalled":
                    self.head(200, len(body))
                    self.wfile.write(body[: len(body) // 2])
                    self.wfile.flush()
                    server._stop.wait(60)
                elif kind == "cut" or (kind == "cutonce" and first):
                    self.head(200, len(body))
                    self.wfile.write(body[: len(body) // 2])
                elif kind == "long":
                    self.head(200, len(body) + 1000)
                    self.wfile.write(body)
                elif kind == "short":
                    self.head(200, len(body) * 2 // 3)
                    self.wfile.write(body[: len(body) * 2 // 3])
                elif kind in ("endless", "endlesspage"):
                    self.send_response(200)
                    page = kind == "endlesspage"
                    self.send_header("Content-Type", "text/html" if page else "video/mp4")
                    self.end_headers()
                    self.wfile.write(HTML if page else body)
                    while not server._stop.is_set():
                        self.wfile.write(bytes(2**16))
                elif kind == "tofile":
                    self.send_response(302)
                    self.send_header("Location", "file:///etc/passwd")
                    self.end_headers()
                elif kind == "slow":
                    self.head(200, len(body))
                    step = len(body) // 10 + 1
                    for start in range(0, len(body), step):
                        self.wfile.write(body[start : start + step])
                        self.wfile.flush()
                        time.sleep(server.piece_s)
                else:
                    self.whole(body)

            def whole(self, body: bytes) -> None:
                wanted = re.match(r"bytes=(\d+)-", self.headers.get("Range") or "")
                if wanted is None:
                    self.head(200, len(body))
                    self.wfile.write(body)
                    return
                start = int(wanted[1])
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
                self.send_header("Content-Length", str(len(body) - start))
                self.end_headers()
                self.wfile.write(body[start:])

            def head(
                self, status: int, length: int, wait: str | None = None, type: str = "video/mp4"
            ) -> None:
                self.send_response(status)
                self.send_header("Content-Type", type)
                self.send_header("Content-Length", str(length))
                if wait is not None:
                    self.send_header("Retry-After", wait)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args: Any) -> None:
                pass  # clients that hang up

        self._server = Server(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self.mirror = self.address + "/{id}.mp4"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._stop.set()
        self._server.shutdown()
        self._server.server_close()
