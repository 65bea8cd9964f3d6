"""Asking an OpenAI-compatible server: vLLM, SGLang, llama.cpp, `transformers serve`, hosted ones.

The library ``openai`` does the talking and the retries (429 with Retry-After, 5xx, dropped
connections, time-outs; 400 not).
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import os
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from importlib import metadata
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from baselines.vlm.bounded import TooMuchError, bounds
from baselines.vlm.records import Frames, Image, Reply, Request, Text, short
from vid2vidmr.errors import UserError
from vid2vidmr.text import redacted

if TYPE_CHECKING:
    from openai import OpenAI


_T = TypeVar("_T")
_SECONDS = {"type": ["number", "null"]}
WINDOW = {
    "type": "json_schema",
    "json_schema": {
        "name": "window",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"start_s": _SECONDS, "end_s": _SECONDS},
            "required": ["start_s", "end_s"],
            "additionalProperties": False,
        },
    },
}
"""The form in which a window is asked for, `response_format`; null where there is none."""


class RemoteRunner:
    """Answers of a model, as a server calls it, from an address such as http://127.0.0.1:8000/v1.

    `concurrency` requests are under way at a time; `timeout_s` is that of one try, `retries` are
    those after the first.
    """

    def __init__(
        self,
        url: str,
        model: str,
        frames: Frames,
        *,
        concurrency: int = 8,
        timeout_s: float = 600.0,
        retries: int = 5,
    ) -> None:
        try:
            from openai import DefaultHttpxClient, OpenAI
        except ImportError:
            raise UserError(
                'The library openai is missing: pip install "vid2vidmr[vlm]".'
            ) from None
        # Servers of one's own want no key; the library wants one.
        key = os.environ.get("OPENAI_API_KEY", "none")
        self.client: OpenAI = OpenAI(
            base_url=url,
            api_key=key,
            timeout=timeout_s,
            max_retries=retries,
            # what is packed could unpack to any size
            default_headers={"Accept-Encoding": "identity"},
            http_client=DefaultHttpxClient(event_hooks={"response": [bounds(timeout_s)]}),
        )
        self.url, self.model, self.frames = redacted(url), model, frames
        self.concurrency = concurrency
        self.takes_formats = True

    def generate(self, requests: Iterable[tuple[str, Request]]) -> Iterator[Reply]:
        """Answer requests in the order in which answers come, see `Runner`.

        Raises
        ------
        UserError
            If the server refuses the key, or has no such address or model.
        """
        waiting = iter(requests)
        with ThreadPoolExecutor(self.concurrency) as pool:
            running: set[Future[Reply]] = set()
            try:
                while True:
                    free = self.concurrency - len(running)
                    running |= {pool.submit(self._ask, *one) for one in islice(waiting, free)}
                    if not running:
                        return
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    # All that came is given before what is raised: nothing paid for is lost.
                    for future in sorted(done, key=lambda f: f.exception() is not None):
                        yield future.result()
            finally:
                for future in running:
                    future.cancel()

    def _ask(self, key: str, request: Request) -> Reply:
        import openai

        started, clock = dt.datetime.now(dt.UTC), time.monotonic()
        content = [self._part(part) for part in request.content]
        engine = {"server": self.url, "openai": metadata.version("openai")}
        found: dict[str, Any]
        try:
            found, format = self._answer(content, request)
            engine |= {"response_format": format} if format else {}
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            raise UserError(
                f"{self.url} refuses the key in OPENAI_API_KEY ({error.status_code}): set another."
            ) from None
        except openai.NotFoundError as error:
            raise UserError(
                f"{self.url} answers 404 to a request of {self.model!r} ({short(error)}): check "
                "the address (it usually ends with /v1) and the name that the server knows the "
                "model by."
            ) from None
        except openai.APIStatusError as error:
            found = {"error": f"status {error.status_code}", "error_text": short(error)}
        except openai.APITimeoutError as error:
            found = {"error": "timeout", "error_text": short(error)}
        except openai.APIConnectionError as error:
            found = {"error": "connection", "error_text": short(error.__cause__ or error)}
        except TooMuchError as error:
            found = {"error": "too much", "error_text": short(error)}
        except Exception as error:  # whatever a server sends, it ends no more than its own request
            found = {"error": "protocol", "error_text": f"{type(error).__name__}: {short(error)}"}
        return Reply(
            key=key,
            started=started.isoformat(timespec="seconds"),
            latency_s=round(time.monotonic() - clock, 3),
            engine=engine,
            **{"model": self.model, **found},
        )

    def _answer(self, content: list[Any], request: Request) -> tuple[dict[str, Any], str | None]:
        """Ask for JSON; a server that refuses that is asked without, then and from then on."""
        import openai

        def create(**form: Any) -> dict[str, Any]:
            answer = self.client.chat.completions.with_raw_response.create(
                model=self.model,
                messages=[{"role": "user", "content": content}],
                max_tokens=request.max_tokens,
                temperature=0,
                **form,
            )
            return _read(answer.http_response.content)

        if request.answer != "window" or not self.takes_formats:
            return create(), None
        try:
            return create(response_format=WINDOW), "json_schema"
        except (openai.BadRequestError, openai.NotFoundError, openai.UnprocessableEntityError):
            found = create()  # refused all the same: the format was not to blame
            self.takes_formats = False
            return found, None

    def _part(self, part: Any) -> dict[str, Any]:
        if isinstance(part, Text):
            return {"type": "text", "text": part.text}
        if isinstance(part, Image):
            data = base64.b64encode(self.frames.jpeg(part.sha256)).decode()
            return {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}}
        raise UserError(
            "A server is shown images with timestamps: the native layout runs only where the model "
            "is loaded here. Leave the preset's -native away."
        )


def _read(body: bytes) -> dict[str, Any]:
    """Take what is needed from a completion; servers leave out a good deal, and send anything."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):  # a page with status 200
        return {"error": "not json", "error_text": short(body[:300].decode("utf-8", "replace"))}
    choice = next(iter(_get(answer, "choices", list) or ()), None)
    message = _get(choice, "message", dict)
    if message is None:
        return {"error": "no choices", "error_text": short(body[:300].decode("utf-8", "replace"))}
    text = message.get("content") or message.get("refusal") or ""
    usage = _get(answer, "usage", dict)
    return {
        "text": text if isinstance(text, str) else json.dumps(text),
        "finish": _get(choice, "finish_reason", str),
        "model": _get(answer, "model", str) or None,
        "input_tokens": _count(_get(usage, "prompt_tokens", int)),
        "output_tokens": _count(_get(usage, "completion_tokens", int)),
    }


def _get(value: Any, name: str, kind: type[_T]) -> _T | None:
    """Give a field where there is one of this type."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, kind) else None


def _count(number: int | None) -> int | None:
    return number if number is not None and 0 <= number < 2**53 else None
