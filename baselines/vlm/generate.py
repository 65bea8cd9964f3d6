"""From requests to raw answers: who is asked, and what is not asked twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from baselines.vlm.config import VlmConfig
from baselines.vlm.ledger import Ledger
from baselines.vlm.records import Frames, Request, Runner
from vid2vidmr.errors import UserError
from vid2vidmr.progress import progress

HOPELESS = 16
"""Requests that fail to connect, from the first one on, after which the others are not tried."""


def open_runner(config: VlmConfig, frames: Frames, url: str | None, **settings: Any) -> Runner:
    """Give what asks the model: a server, with these settings, if there is one; else we do."""
    if url is not None:
        from baselines.vlm.remote import RemoteRunner

        return RemoteRunner(url, config.model, frames, **settings)
    from baselines.vlm.local import TransformersRunner

    return TransformersRunner(config, frames)


def ask(
    requests: Mapping[str, Request],
    ledger: Ledger,
    config: VlmConfig,
    frames: Frames,
    url: str | None,
    **settings: Any,
) -> None:
    """Ask what the ledger has no answer for, and keep every reply at once.

    Parameters
    ----------
    requests : mapping of str to Request
        By their keys: what is asked twice is asked once.
    url : str or None
        Of a server, see `open_runner`; it is asked as `settings` say.

    Raises
    ------
    UserError
        If none of the first requests reaches the server.
    """
    todo = {key: request for key, request in requests.items() if not ledger.is_settled(key)}
    if not todo:
        return
    errors: Counter[str] = Counter()
    runner = open_runner(config, frames, url, **settings)
    with progress(f"{config.model} answers", len(requests)) as bar:
        bar.advance(len(requests) - len(todo))
        for asked, reply in enumerate(runner.generate(todo.items()), start=1):
            ledger.append(reply)
            errors.update([reply.error] if reply.error else [])
            if errors["connection"] == asked == HOPELESS:
                raise UserError(
                    f"None of {asked} requests reached the server ({reply.error_text}): is it "
                    "running, and is the address right?"
                )
            bar.advance(1, ", ".join(f"{n} {error}" for error, n in errors.items()))
