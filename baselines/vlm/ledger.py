"""Every answer, as it came: an append-only file that a killed run continues.

``raw_answers.jsonl``, a `Reply` a line, by the hash of the request and the model. Replies with an
`error` stay as a record of what happened; only those without are answers.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from baselines.vlm.records import Reply
from vid2vidmr.errors import DataError
from vid2vidmr.files import read_jsonl

FILE = "raw_answers.jsonl"


class Ledger(dict[str, Reply]):
    """The last reply of every request, an answer if there is one; `open_ledger` to write."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for number, value in read_jsonl(path) if path.exists() else ():
            try:
                self._take(Reply.model_validate(value))
            except ValidationError as error:
                raise DataError(
                    f"{path}, line {number} is no reply: {error.errors()[0]['msg']}."
                ) from None

    def _take(self, reply: Reply) -> None:
        if reply.key not in self or self[reply.key].error is not None:
            self[reply.key] = reply

    def is_settled(self, key: str) -> bool:
        """Tell whether a request needs not to be asked again."""
        return key in self and self[key].is_settled

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
        if path.exists() and not (data := path.read_bytes()).endswith(b"\n"):
            os.truncate(path, data.rfind(b"\n") + 1)
        yield Ledger(path)
    finally:
        lock.release()
