"""What goes between the steps prepare, generate, parse: requests, replies, frames."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal, Protocol

from pydantic import Field, field_validator

from vid2vidmr.errors import DataError
from vid2vidmr.records import Record
from vid2vidmr.text import plain, redacted

FINAL = ("status 400", "status 413", "status 422")
"""Errors that the same request would meet again: refusals of a server, not of the road to it."""


class Text(Record):
    """Text of a request."""

    type: Literal["text"] = "text"
    text: str


class Image(Record):
    """One frame, by the hash of its JPEG file, see `Frames`."""

    type: Literal["image"] = "image"
    sha256: str


class Video(Record):
    """A clip: the hash of each frame, its seconds from the start, and the length in all."""

    type: Literal["video"] = "video"
    sha256: tuple[str, ...]
    times_s: tuple[float, ...]
    duration_s: float


Part = Annotated[Text | Image | Video, Field(discriminator="type")]


class Request(Record):
    """What a model is shown: one user message. Nothing in it names a file, an id or a class.

    Attributes
    ----------
    answer : {"window", "text"}
        What it asks for: a window is asked for as JSON, where a server can be told so.
    """

    content: tuple[Part, ...]
    max_tokens: int
    answer: Literal["window", "text"] = "text"

    def key(self, model: str, revision: str | None) -> str:
        """Hash that its answer is kept under: request and model, not where the model runs."""
        value = [self.model_dump(mode="json", exclude={"answer"}), model, revision]
        return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()

    @property
    def images(self) -> tuple[str, ...]:
        """Hashes of all frames in order."""
        return tuple(
            sha256
            for part in self.content
            if not isinstance(part, Text)
            for sha256 in ((part.sha256,) if isinstance(part, Image) else part.sha256)
        )


class Reply(Record):
    """What came back for a request: a line of the ledger.

    Attributes
    ----------
    key : str
        `Request.key`.
    text : str or None
        The raw answer; None if there is none, see `error`.
    finish : str or None
        Why the model stopped: ``stop``, ``length``, or what a server says.
    error : str or None
        Why no answer came: ``connection``, ``timeout``, ``status 500``, ``not json``,
        ``no choices``, ... These are no answers: they are asked again, and a score without them is
        incomplete.
    latency_s : float or None
        Of the request; of a batch its share.
    started : str
        ISO 8601, UTC.
    model : str or None
        As the server or the checkpoint calls it.
    engine : dict of str to str
        Versions of what ran it.
    """

    key: str
    text: str | None = None
    finish: str | None = None
    error: str | None = None
    error_text: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    latency_s: float | None = None
    started: str
    model: str | None = None
    revision: str | None = None
    dtype: str | None = None
    engine: dict[str, str] = Field(default_factory=dict)

    @field_validator("*", mode="before")
    @classmethod
    def _writable(cls, value: object) -> object:
        """Replace halves of signs, which JSON can name and no file can hold."""
        return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value

    @property
    def is_settled(self) -> bool:
        """An answer, or a refusal that the same request would meet again: not asked once more."""
        return self.error is None or self.error in FINAL


def short(value: object) -> str:
    """Give a message of a library or a server in one line, without keys."""
    return plain(redacted(str(value)[:10_000]))[:300]


class Frames:
    """JPEG files by their hash, in a folder ``frames/ab/abcd....jpg``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, sha256: str) -> Path:
        """File of a frame."""
        return self.folder / sha256[:2] / f"{sha256}.jpg"

    def jpeg(self, sha256: str) -> bytes:
        """Bytes of a frame.

        Raises
        ------
        DataError
            If it is not here: requests and frames belong together.
        """
        try:
            return self.path(sha256).read_bytes()
        except FileNotFoundError:
            raise DataError(
                f"{self.path(sha256)} is missing: run `vid2vidmr vlm prepare` again."
            ) from None


class Runner(Protocol):
    """What asks a model."""

    def generate(self, requests: Iterable[tuple[str, Request]]) -> Iterator[Reply]:
        """Answer requests, given with their keys, in any order, as they are done.

        Failures of one request are replies with an `error`; what no other request could do
        either (no such model, wrong API key) is raised as a `UserError`.
        """
        ...
