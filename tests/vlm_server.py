"""OpenAI-compatible servers on 127.0.0.1: `transformers serve`, and one that fails on demand."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

HTML = b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>"


@contextlib.contextmanager
def serve(model: Path) -> Iterator[str]:
    """Run ``transformers serve`` for a checkpoint folder; its base URL.

    The name to ask for is the folder's path; any other is refused with 400.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = "from transformers.cli.transformers import main; main()"
    arguments = ["serve", str(model), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    log = model.parent / f"serve-{port}.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", command, *arguments],
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"},
        )
    try:
        wait_until_ready(process, f"http://127.0.0.1:{port}/health", log)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"transformers serve ended: {log.read_text()[-2000:]}")
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
            if answer.status == 200:
                return
        time.sleep(0.1)
    raise RuntimeError(f"transformers serve does not answer: {log.read_text()[-2000:]}")


class Exchange:
    """A request that is being answered: what a handler of `faulty` gets.

    Attributes
    ----------
    body : dict
        The request.
    n : int
        How many came before it.
    """

    def __init__(self, body: dict[str, Any], n: int, http: BaseHTTPRequestHandler) -> None:
        self.body = body
        self.n = n
        self.http = http

    def send(
        self, status: int, body: bytes, type: str = "application/json", **headers: str
    ) -> None:
        """Answer with these bytes; an underscore in a header's name is a dash."""
        self.head(status, len(body), type, **headers)
        self.http.wfile.write(body)

    def head(self, status: int, length: int, type: str, **headers: str) -> None:
        self.http.send_response(status)
        self.http.send_header("Content-Type", type)
        self.http.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.http.send_header(name.replace("_", "-"), value)
        self.http.end_headers()


Behaviour = Callable[[Exchange], None]


def completion(body: dict[str, Any], text: str | None, finish: str = "stop") -> dict[str, Any]:
    """What a well-behaved server answers."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": body.get("model", ""),
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": finish,
            }
        ],
        "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
    }


def ok(text: str, finish: str = "stop") -> Behaviour:
    """Answer with `text`."""
    return lambda ask: ask.send(200, json.dumps(completion(ask.body, text, finish)).encode())


def status(code: int, **headers: str) -> Behaviour:
    """An HTTP error, such as ``status(429, Retry_After="0")``."""
    body = json.dumps({"error": {"message": f"status {code}", "type": "error"}}).encode()
    return lambda ask: ask.send(code, body, **headers)


def html(ask: Exchange) -> None:
    """A page of some proxy, with status 200."""
    ask.send(200, HTML, "text/html")


def empty_choices(ask: Exchange) -> None:
    """A completion without choices."""
    ask.send(200, json.dumps({**completion(ask.body, ""), "choices": []}).encode())


def content_none(ask: Exchange) -> None:
    """A message without text."""
    ask.send(200, json.dumps(completion(ask.body, None)).encode())


def no_usage(text: str) -> Behaviour:
    """Answer without token counts."""

    def answer(ask: Exchange) -> None:
        whole = completion(ask.body, text)
        del whole["usage"]
        ask.send(200, json.dumps(whole).encode())

    return answer


def cut(ask: Exchange) -> None:
    """Half of an answer, then the connection is closed."""
    whole = json.dumps(completion(ask.body, "12.0 - 20.5 seconds")).encode()
    ask.head(200, len(whole), "application/json")
    ask.http.wfile.write(whole[: len(whole) // 2])
    ask.http.close_connection = True


def stall(seconds: float, then: Behaviour) -> Behaviour:
    """Say nothing for a while (or until the server is stopped), then do `then`."""

    def answer(ask: Exchange) -> None:
        if not ask.http.server.stopping.wait(seconds):  # type: ignore[attr-defined]
            then(ask)

    return answer


def slow(text: str, pieces: int = 10, pause_s: float = 0.05) -> Behaviour:
    """Answer in pieces."""

    def answer(ask: Exchange) -> None:
        whole = json.dumps(completion(ask.body, text)).encode()
        ask.head(200, len(whole), "application/json")
        step = -(-len(whole) // pieces)
        for start in range(0, len(whole), step):
            ask.http.wfile.write(whole[start : start + step])
            ask.http.wfile.flush()
            ask.http.server.stopping.wait(pause_s)  # type: ignore[attr-defined]

    return answer


class Faulty:
    """A running `faulty` server.

    Attributes
    ----------
    url : str
        Base URL for a client.
    bodies : list of dict
        All requests so far, in order of arrival.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.bodies: list[dict[str, Any]] = []


@contextlib.contextmanager
def faulty(handle: Callable[[dict[str, Any], int], Behaviour]) -> Iterator[Faulty]:
    """Serve ``/v1/chat/completions`` as `handle` says.

    `handle` gets the request and how many came before it, and gives what to do: one of `ok`,
    `status`, `html`, `empty_choices`, `content_none`, `no_usage`, `cut`, `stall`, `slow`. For
    answers in turn: ``faulty(lambda body, n: [status(429), cut, ok("1 - 2")][n])``.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path != "/v1/chat/completions":
                self.send_error(404)
                return
            with lock:
                n = len(running.bodies)
                running.bodies.append(body)
            with contextlib.suppress(ConnectionError):  # the client gave up: that is tested
                handle(body, n)(Exchange(body, n, self))

        def log_message(self, *args: Any) -> None:
            pass

    lock = threading.Lock()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.stopping = threading.Event()  # type: ignore[attr-defined]
    running = Faulty(f"http://127.0.0.1:{server.server_address[1]}/v1")
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield running
    finally:
        server.stopping.set()  # type: ignore[attr-defined]
        server.shutdown()
        server.server_close()
