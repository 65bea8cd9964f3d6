"""A chat server on 127.0.0.1 that answers as a test says, well or badly; and pairs to ask it of."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from coded_video import constant_rate, numbered_frame, write_video
from mini_dataset import INFO

from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.write import write_dataset

Behaviour = Callable[[BaseHTTPRequestHandler], None]


def sent(
    data: bytes, kind: str = "application/json", status: int = 200, **headers: str
) -> Behaviour:
    """Any response."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(data)),
            **headers,
        }.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    return behave


def value(body: Any) -> Behaviour:
    """JSON with status 200."""
    return sent(json.dumps(body).encode())


def completion(text: str | None, finish: str = "stop", **changed: Any) -> dict[str, Any]:
    """Body of a good answer."""
    message = {"role": "assistant", "content": text}
    return {
        "id": "1", "object": "chat.completion", "created": 0, "model": "served",
        "choices": [{"index": 0, "finish_reason": finish, "message": message}],
        "usage": {"prompt_tokens": 90, "completion_tokens": 10, "total_tokens": 100},
    } | changed  # fmt: skip


def ok(text: str | None, finish: str = "stop", **changed: Any) -> Behaviour:
    """A good answer."""
    return value(completion(text, finish, **changed))


def failing(status: int, **headers: str) -> Behaviour:
    """An error as servers send it."""
    body = json.dumps({"error": {"message": f"no ({status})", "type": "x"}}).encode()
    return sent(body, status=status, **headers)


def cut(handler: BaseHTTPRequestHandler) -> None:
    """Half of an answer, and a closed connection."""
    data = json.dumps(completion("12 - 20 seconds")).encode()
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data[: len(data) // 2])
    handler.close_connection = True


def after(seconds: float, behaviour: Behaviour) -> Behaviour:
    """Something, late."""

    def behave(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(seconds)
        behaviour(handler)

    return behave


class ChatServer:
    """What was asked, and where; `answer` gets the body and its number, from 0."""

    def __init__(self, answer: Callable[[dict[str, Any], int], Behaviour | str]) -> None:
        self.answer = answer
        self.bodies: list[dict[str, Any]] = []
        self.lock = threading.Lock()
        self.url = ""

    def images(self, i: int) -> tuple[str, ...]:
        """Hashes of the images of a request."""
        return sent_images(self.bodies[i])


def sent_images(body: dict[str, Any]) -> tuple[str, ...]:
    """Hashes of the images of a request."""
    urls = [
        part["image_url"]["url"]
        for part in body["messages"][0]["content"]
        if part["type"] == "image_url"
    ]
    return tuple(
        hashlib.sha256(base64.b64decode(url.partition("base64,")[2])).hexdigest() for url in urls
    )


@contextmanager
def chat_server(answer: Callable[[dict[str, Any], int], Behaviour | str]) -> Iterator[ChatServer]:
    """Serve ``/v1/chat/completions``."""
    chat = ChatServer(answer)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with chat.lock:
                number = len(chat.bodies)
                chat.bodies.append(body)
            if self.path != "/v1/chat/completions":
                failing(404)(self)
                return
            found = chat.answer(body, number)
            (ok(found) if isinstance(found, str) else found)(self)

        def log_message(self, *args: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # clients that are killed hang up

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    chat.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield chat
    finally:
        server.shutdown()
        server.server_close()


LABELS = ("penalty", "throw-in", "free kick")


def numbered_dataset(folder: Path, pairs: int = 50, videos: int = 12, classes: int = 3) -> Dataset:
    """Videos of 60 s in which every frame differs from all others, with moments of some classes.

    Two more moments are a train and val split, which bias rows want.
    """
    rng = np.random.default_rng(0)
    names = [f"cup-final_{i}" for i in range(videos)]
    for i, name in enumerate(names):
        times = constant_rate(Fraction(2), 60)
        frames = [numbered_frame(1 + 200 * i + k) for k in range(len(times))]
        (folder / "videos").mkdir(parents=True, exist_ok=True)
        write_video(folder / "videos" / f"{name}.mp4", times, rate=2, frames=frames)
    starts = rng.integers(0, 45, size=videos).astype(float)
    moments = pd.DataFrame(
        {
            "moment_id": [f"moment-{name}" for name in names],
            "video_id": names,
            "label": [LABELS[i % classes] for i in range(videos)],
            "split": "test",
            "clip_start_s": 0.0,
            "clip_end_s": 60.0,
            "start_s": starts,
            "end_s": starts + rng.integers(4, 15, size=videos),
        }
    )
    other = moments[:4].assign(
        moment_id=[f"other-{i}" for i in range(4)],
        label=["corner", "corner", "save", "save"],
        split=["train", "train", "val", "val"],
    )
    others = {
        split: pd.DataFrame(
            {
                "pair_id": [f"{split}-0", f"{split}-1"],
                "query_id": [f"other-{i}", f"other-{i + 1}"],
                "target_id": [f"other-{i + 1}", f"other-{i}"],
            }
        )
        for i, split in ((0, "train"), (2, "val"))
    }
    moments = pd.concat([moments, other], ignore_index=True)
    both = [
        (q, t) for q in range(videos) for t in range(videos) if q != t and (q - t) % classes == 0
    ]
    chosen = (both * (pairs // len(both) + 1))[:pairs]
    table = pd.DataFrame(
        {
            "pair_id": [f"pair-{i:03d}" for i in range(pairs)],
            "query_id": [f"moment-{names[q]}" for q, _ in chosen],
            "target_id": [f"moment-{names[t]}" for _, t in chosen],
        }
    )
    files = pd.DataFrame(
        {
            "video_id": names,
            "source_id": names,
            "path": [f"videos/{name}.mp4" for name in names],
            "duration_s": 60.0,
            "sha256": None,
            "status": "ok",
        }
    )
    return write_dataset(folder, INFO, moments, {**others, "test": table}, files)
