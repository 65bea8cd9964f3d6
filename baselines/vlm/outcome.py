"""From raw answers to predictions, and what there is to say of the failures."""

from __future__ import annotations

import json
import operator
import os
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from baselines.vlm.answers import Answer, parse_answer
from baselines.vlm.config import VlmConfig
from baselines.vlm.prepare import Prepared
from baselines.vlm.prompts import EXAMPLE
from baselines.vlm.records import Reply
from vid2vidmr.errors import DataError
from vid2vidmr.files import read_json, read_jsonl, write_jsonl
from vid2vidmr.records import Prediction

FILE = "answers.jsonl"
PRICES = "VID2VIDMR_PRICES"
"""Environment variable: file of prices, see `read_prices`."""
REJECTED = "rejected"
"""Reason of a failure: the server refuses the request, however often it is asked."""


@dataclass(frozen=True)
class Outcome:
    """What became of a pair; without an answer, it is to be asked again."""

    prepared: Prepared
    reply: Reply | None
    answer: Answer | None

    def prediction(self, *, strict: bool = False) -> Prediction:
        """Give the window, or none; `strict` counts only what needed no leniency."""
        found, pair_id = self.answer, self.prepared.pair_id
        if found is None or found.status != "ok" or (strict and not found.strict):
            return Prediction(pair_id=pair_id, windows=())
        assert found.start_s is not None and found.end_s is not None
        return Prediction(pair_id=pair_id, windows=((found.start_s, found.end_s, 1.0),))


def outcomes(prepared: Sequence[Prepared], replies: Mapping[str, Reply]) -> list[Outcome]:
    """Parse the reply of every pair; `replies` are by pair."""
    return [_outcome(one, replies.get(one.pair_id)) for one in prepared]


def _outcome(prepared: Prepared, reply: Reply | None) -> Outcome:
    if reply is None or not reply.is_settled:
        return Outcome(prepared, reply, None)
    if reply.error is not None:
        return Outcome(prepared, reply, Answer(None, None, "failed", REJECTED, 0))
    answer = parse_answer(
        reply.text,
        prepared.duration_s,
        prepared.frame_times_s,
        finish=reply.finish,
        example=EXAMPLE,
        query_first=prepared.query_first,
    )
    return Outcome(prepared, reply, answer)


def read_raw_answers(
    path: Path, prepared: Sequence[Prepared], config: VlmConfig
) -> dict[str, Reply]:
    """Read raw answers by pair: those of a ledger, or those of any program.

    A line has the ``key`` of the request, or a ``pair_id``; of the fields of `Reply` only ``text``
    is needed beside the latter.

    Raises
    ------
    DataError
        If a line is neither, or is of no pair or a second one of a pair.
    """
    by_key: dict[str, list[str]] = {}
    for one in prepared:
        key = one.request.key(config.model, config.revision)
        by_key.setdefault(key, []).append(one.pair_id)
    pairs = {one.pair_id for one in prepared}
    found: dict[str, Reply] = {}
    for number, value in read_jsonl(path):
        of_pair = value.pop("pair_id", None) if isinstance(value, dict) else None
        try:
            reply = Reply.model_validate({"started": "", "key": "", **value})
        except (ValidationError, TypeError):
            raise DataError(
                f"{path}, line {number} is no raw answer: expected pair_id and text, or a line of "
                "the ledger."
            ) from None
        if of_pair is not None:
            if of_pair not in pairs or of_pair in found:
                what = "a second answer of" if of_pair in found else "an answer of the unknown"
                raise DataError(f"{path}, line {number} is {what} pair {of_pair!r}.")
            found[of_pair] = reply
            continue
        for pair_id in by_key.get(reply.key, ()):  # other keys: requests of another time
            if pair_id not in found or found[pair_id].error is not None:
                found[pair_id] = reply
    if not found:
        raise DataError(f"{path} has no answer to these requests: were they prepared anew?")
    return found


def write_outcomes(path: Path, found: Sequence[Outcome]) -> None:
    """Write what the parser made of every answer, a line a pair."""

    def row(one: Outcome) -> dict[str, Any]:
        pair = {"pair_id": one.prepared.pair_id}
        if one.answer is None:
            error = "not asked" if one.reply is None else one.reply.error
            return pair | {"status": "unanswered", "reason": error}
        return pair | asdict(one.answer) | {"text": one.reply and one.reply.text}

    write_jsonl(path, map(row, found))


def details(
    found: Sequence[Outcome], config: VlmConfig, contamination: tuple[str, str]
) -> dict[str, float | str | None]:
    """Give what boards show beside the scores: failures by reason, flags, frames, tokens, cost.

    Shares are percent of all pairs.
    """
    n = len(found)
    shown = [len(one.prepared.frame_times_s) for one in found]
    images = [len(one.prepared.request.images) for one in found]
    answers = [one.answer for one in found if one.answer is not None]
    replies = {one.reply.key or one.prepared.pair_id: one.reply for one in found if one.reply}
    reasons = Counter(a.reason for a in answers if a.status != "ok")
    flags = Counter(flag.partition("_of_")[0] for a in answers for flag in a.flags)
    share = 100 / n
    row: dict[str, float | str | None] = {
        "answered": f"{len(answers)}/{n}",
        "unanswered": n - len(answers),
        "failed": round(share * sum(reasons.values()), 2),
        **{f"failed, {r}": round(share * c, 2) for r, c in sorted(reasons.items(), key=str)},
        "strict": round(share * sum(a.strict for a in answers), 2),
        **{f"lenient, {f}": round(share * c, 2) for f, c in sorted(flags.items())},
        "target frames": round(statistics.fmean(shown), 2),
        "query frames": round(statistics.fmean(map(operator.sub, images, shown)), 2),
        "longer side": config.size,
        "model": config.model,
        "contamination": contamination[0],
        "contamination, source": contamination[1],
    }
    done = [reply for reply in replies.values() if reply.error is None]
    if not done:
        return row
    for field in ("revision", "dtype"):
        row[field] = ", ".join(sorted({v for r in done if (v := getattr(r, field))})) or None
    engines = {f"{k} {v}" for r in done for k, v in r.engine.items() if k != "server"}
    row["engine"] = ", ".join(sorted(engines)) or None
    latencies = [r.latency_s for r in done if r.latency_s is not None]
    row["latency, median s"] = round(statistics.median(latencies), 3) if latencies else None
    for way in ("input", "output"):  # a server that tells none of some tells nothing
        counts = [getattr(r, f"{way}_tokens") for r in done]
        row[f"{way} tokens"] = None if None in counts else sum(counts)
    row["cost"] = _cost(row, config.model)
    return row


def read_prices(path: Path) -> dict[str, tuple[float, float]]:
    """Read prices: model to money a million input and output tokens, in a currency of one's own."""
    value = read_json(path)
    try:
        return {m: (float(p["input"]), float(p["output"])) for m, p in value.items()}
    except (AttributeError, KeyError, TypeError, ValueError):
        raise DataError(
            f"{path} is no table of prices: expected "
            f"{json.dumps({'model': {'input': 1.25, 'output': 10}})}, money a million tokens."
        ) from None


def _cost(row: Mapping[str, Any], model: str) -> float | None:
    path = os.environ.get(PRICES)
    prices = read_prices(Path(path)) if path else {}
    tokens = row["input tokens"], row["output tokens"]
    if model not in prices or None in tokens:
        return None
    return round(sum(p * t for p, t in zip(prices[model], tokens, strict=True)) / 1e6, 6)
