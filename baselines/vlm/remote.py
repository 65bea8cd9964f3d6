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
from typing import TYPE_CHECKING, Any

from baselines.vlm.records import Frames, Image, Reply, Request, Text, short
from vid2vidmr.errors import UserError

if TYPE_CHECKING:
    from openai import OpenAI


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
            from openai import OpenAI
        except ImportError:
            raise UserError(
                'The library openai is missing: pip install "vid2vidmr[vlm]".'
            ) from None
        # Servers of one's own want no key; the library wants one.
        key = os.environ.get("OPENAI_API_KEY", "none")
        self.client: OpenAI = OpenAI(
            base_url=url, api_key=key, timeout=timeout_s, max_retries=retries
        )
        self.url, self.model, self.frames, self.concurrency = url, model, frames, concurrency

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
        found: dict[str, Any]
        try:
            answer = self.client.chat.completions.create(
                model=self.model,
                messages=[{"role": "user", "content": [self._part(p) for p in request.content]}],  # type: ignore[misc, list-item]
                max_tokens=request.max_tokens,
                temperature=0,
            )
            found = _read(answer)
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
        except (openai.APIResponseValidationError, json.JSONDecodeError) as error:
            found = {"error": "not json", "error_text": short(error)}
        except openai.APIError as error:
            found = {"error": "protocol", "error_text": short(error)}
        return Reply(
            key=key,
            started=started.isoformat(timespec="seconds"),
            latency_s=round(time.monotonic() - clock, 3),
            engine={"server": self.url, "openai": metadata.version("openai")},
            **{"model": self.model, **found},
        )

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


def _read(answer: Any) -> dict[str, Any]:
    """Take what is needed from a completion; servers leave out a good deal."""
    if isinstance(answer, str) or not hasattr(answer, "choices"):  # a page with status 200
        return {"error": "not json", "error_text": short(answer)}
    if not answer.choices or (message := answer.choices[0].message) is None:
        return {"error": "no choices", "error_text": short(answer)}
    usage = answer.usage
    text = message.content or getattr(message, "refusal", None) or ""
    return {
        "text": text if isinstance(text, str) else json.dumps(text),
        "finish": answer.choices[0].finish_reason,
        "model": answer.model or None,
        "input_tokens": usage and usage.prompt_tokens,
        "output_tokens": usage and usage.completion_tokens,
    }
