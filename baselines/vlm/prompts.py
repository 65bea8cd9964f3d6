"""What is said to a model. Nothing here names a file, an id or a class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from baselines.vlm.config import Layout, Order, VlmConfig
from baselines.vlm.records import Image, Part, Request, Text, Video

EXAMPLE = '{"start_s": START, "end_s": END}'
"""How an answer should look: placeholders, since plausible numbers come back as answers."""


class Wording(NamedTuple):
    """One way to ask; `{example}` stands for `EXAMPLE`."""

    task: str
    question: str


WORDINGS = (
    Wording(
        "Below are a query and a target video. The query shows a moment: an action or an event.",
        "When does the target video show a moment of the same kind as the query? Answer with its "
        "start and end in seconds of the target video, in the form: {example}",
    ),
    Wording(
        "You get a query, which shows one action, and a longer target video.",
        "Find the segment of the target in which the same action takes place. Give the time it "
        "starts and the time it ends, in seconds from the start of the target, as: {example}",
    ),
    Wording(
        "Look at the query and at the target video.",
        "Exactly one segment of the target means the same as the query. Which one? Reply only with "
        "{example}, counted from the beginning of the target.",
    ),
    Wording(
        "This is video moment retrieval by example: the query is an example of an event.",
        "Return the start and the end of this event in the target video, in seconds. Format: "
        "{example}",
    ),
    Wording(
        "Compare the query with the target video, which contains something that matches it.",
        "From which second to which second of the target does the match last? Write {example}",
    ),
)
"""The first is the default; seeds choose among them, see `variation`."""

CAPTION_QUESTION = (
    "Describe in one sentence what happens in this video: who does what, and how. Say nothing of "
    "the setting or the quality of the pictures."
)


def variation(seed: int, order: Order) -> tuple[int, Order]:
    """Give the wording and the order of a seed: all wordings, then all in the other order."""
    wording, turned = seed % len(WORDINGS), (seed // len(WORDINGS)) % 2
    other: Order = "target-first" if order == "query-first" else "query-first"
    return wording, other if turned else order


def retrieval_request(
    query: Video | str, target: Video, config: VlmConfig, seed: int = 0
) -> Request:
    """Build the request of a pair: the query is frames or a caption, the seed a `variation`."""
    number, order = variation(seed, config.order)
    wording = WORDINGS[number]
    if isinstance(query, str):
        of_query: list[Part] = [Text(text=f"Query: {query}\n")]
    else:
        of_query = _clip("Query", query, config.layout)
    of_target = _clip("Target", target, config.layout)
    clips = of_query + of_target if order == "query-first" else of_target + of_query
    question = wording.question.format(example=EXAMPLE)
    parts = [Text(text=wording.task + "\n"), *clips, Text(text=question)]
    return Request(content=_joined(parts), max_tokens=config.max_tokens, answer="window")


def caption_request(query: Video, config: VlmConfig) -> Request:
    """Build the request for a caption of a query."""
    parts = [*_clip("Video", query, config.layout), Text(text=CAPTION_QUESTION)]
    return Request(content=_joined(parts), max_tokens=config.max_tokens)


def _clip(name: str, clip: Video, layout: Layout) -> list[Part]:
    heading = Text(text=f"{name}, {clip.duration_s:.1f} seconds:\n")
    if layout == "native":
        return [heading, clip, Text(text="\n")]
    parts: list[Part] = [heading]
    for sha256, time_s in zip(clip.sha256, clip.times_s, strict=True):
        parts += [Text(text=f"[{time_s:.1f}s]"), Image(sha256=sha256)]
    return [*parts, Text(text="\n")]


def _joined(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Make texts that follow each other one: chat templates put nothing between them."""
    joined: list[Part] = []
    for part in parts:
        if isinstance(part, Text) and joined and isinstance(joined[-1], Text):
            joined[-1] = Text(text=joined[-1].text + part.text)
        else:
            joined.append(part)
    return tuple(joined)
