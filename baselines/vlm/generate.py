"""From requests to raw answers: who is asked, and what is not asked twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from baselines.vlm.config import VlmConfig
from baselines.vlm.ledger import Ledger
from baselines.vlm.records import Frames, Request, Runner
from vid2vidmr.errors import UserError
from vid2vidmr.progress import progress

HOPELESS = 16
"""Requests that fail to connect, from the first one on, after which the others are not tried."""


def open_runner(config: VlmConfig, frames: Frames, url: str | None) -> Runner:
    """Give what asks the model: a server if there is an address, else this process."""
    if url is not None:
        from baselines.vlm.remote import RemoteRunner

        return RemoteRunner(url, config.model, frames)
    from baselines.vlm.local import TransformersRunner

    return TransformersRunner(
        config.model,
        config.revision,
        frames=frames,
        batch_size=config.batch_size,
        dtype=config.dtype,
        model_kwargs=config.loading,
    )


def ask(runner: Runner, requests: Mapping[str, Request], ledger: Ledger, title: str) -> None:
    """Ask what the ledger has no answer for, and keep every reply at once.

    Parameters
    ----------
    runner : Runner
    requests : mapping of str to Request
        By their keys: what is asked twice is asked once.
    ledger : Ledger
    title : str
        Of the progress bar.

    Raises
    ------
    UserError
        If none of the first requests reaches the server.
    """
    todo = {key: request for key, request in requests.items() if not ledger.is_settled(key)}
    errors: Counter[str] = Counter()
    with progress(title, len(requests)) as bar:
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
