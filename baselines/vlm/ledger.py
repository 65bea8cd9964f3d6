"""Every answer, as it came: an append-only file that a killed run continues.

``raw_answers.jsonl``, a `Reply` a line, by the hash of the request and the model. Replies with an
`error` stay as a record of what happened; only those without are answers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from baselines.vlm.records import Reply
from vid2vidmr.errors import DataError

FILE = "raw_answers.jsonl"
FINAL = ("status 400", "status 413", "status 422")
"""Errors that the same request would meet again: refusals of a server, not of the road to it."""


class Ledger(Mapping[str, Reply]):
    """The last reply of every request, an answer if there is one.

    Use `open_ledger` to write.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._replies: dict[str, Reply] = {}
        if path.exists():
            for number, line in enumerate(path.read_bytes().splitlines(), start=1):
                if line.strip():
                    self._take(self._parsed(line, number))

    def _parsed(self, line: bytes, number: int) -> Reply:
        try:
            return Reply.model_validate_json(line)
        except ValidationError as error:
            raise DataError(
                f"{self.path}, line {number} is no reply: {error.errors()[0]['msg']}."
            ) from None

    def _take(self, reply: Reply) -> None:
        known = self._replies.get(reply.key)
        if known is None or known.error is not None:
            self._replies[reply.key] = reply

    def __getitem__(self, key: str) -> Reply:
        return self._replies[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._replies)

    def __len__(self) -> int:
        return len(self._replies)

    def is_settled(self, key: str) -> bool:
        """Tell whether a request needs not to be asked again."""
        reply = self.get(key)
        return reply is not None and (reply.error is None or reply.error in FINAL)

    def append(self, reply: Reply) -> None:
        """Keep a reply, at once."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(reply.model_dump_json(exclude_none=True) + "\n")
        self._take(reply)


@contextmanager
def open_ledger(path: Path) -> Iterator[Ledger]:
    """Open a ledger to append; a line that a killed run left unfinished is taken away.

    Raises
    ------
    DataError
        If another process has it, or it holds something else.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise DataError(f"Another process writes {path}: wait for it, or stop it.") from None
    try:
        if path.exists():
            data = path.read_bytes()
            if not data.endswith(b"\n"):
                with path.open("r+b") as file:
                    file.truncate(data.rfind(b"\n") + 1)
        yield Ledger(path)
    finally:
        lock.release()
