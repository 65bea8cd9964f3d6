"""Answers that are data: JSON and what looks like it, and tables of Markdown."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from typing import Any

from baselines.vlm.ranges import Range, find_ranges, with_unit
from baselines.vlm.words import SECONDS, Token, normalise, tokens, unit_of

_PIECE = re.compile(
    r'("(?:[^"\\]|\\.){0,2000}")' r"|'((?:[^'\\]|\\.){0,2000})'"
    r"|([\[({])|([\])}])|([:,])|(\d{1,3}:\d\d(?::\d\d)?[\d.,]{0,9}|[^\s\[\](){}:,\"']{1,200})"
)  # fmt: skip
_OBJECT = re.compile(r"\{\s{0,20}[\"']?[^\W\d][\w .()-]{0,40}[\"']?\s{0,5}:")
_LIST = re.compile(r"\W{0,9}(?:json|python)?\s{0,9}(?=\[)")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_FOUND = re.compile(r"(?i)found|exist|present|match|visible|detected|occurs")
_FALSE = re.compile(r"(?i)false|no|none|0(?:\.0)?")
_OTHER = re.compile(r"(?i)confid|score|prob|reason|expl|descr|comment|note|video_?dur")
_READ = re.compile(
    r"(?i)time|window|moment|segment|range|interval|span|answer|result|response|output|pred|target"
)
_MOST = 50


def find_structured(text: str) -> list[Range] | None:
    """Give the ranges of an answer that is data or has an object in it; None if it is text.

    Beside an object nothing else is read: one without a range is an answer without a range.
    """
    values = _table(text)
    if (opened := _LIST.match(text)) and not values:
        value, end = _parse(text, opened.end())
        values = [] if re.search(r"\w", text[end:]) else [value]
    match = None if values else _OBJECT.search(text)
    while match and len(values) < _MOST:
        value, end = _parse(text, match.start())
        values.append(value)
        match = _OBJECT.search(text, end)
    try:
        return [found for value in values for found in _ranges(value, "")] if values else None
    except RecursionError:
        return []


def _kinds(text: str) -> set[str]:
    return {token.kind for token in tokens(_words(text).lower())}


def _table(text: str) -> list[Any]:
    """Give the rows of a table with columns for start and end, those of the query left out."""
    lines = [line.strip().strip("|").split("|") for line in text.splitlines() if "|" in line]
    for i, (head, rule) in enumerate(itertools.pairwise(lines)):
        if not "".join(rule).strip(" :-") and {"S", "E"} <= set(map(_role, head)):
            rows = (row for row in lines[i + 2 :] if not _kinds("|".join(row)) & set("Qp"))
            return [dict(zip(head, row, strict=False)) for row in rows]
    return []


def _parse(text: str, start: int) -> tuple[Any, int]:
    """Read one value, in any quotes and brackets, closed or cut off; and say where it ends."""
    out: list[str] = []
    closing: list[str] = []
    words: list[str] = []
    end = start
    for piece in itertools.chain(_PIECE.finditer(text, start), (None,)):
        double, single, opened, closed, sign, word = piece.groups() if piece else (None,) * 6
        end = piece.end() if piece else end
        if word:
            words.append(word)
            continue
        if words:
            out.append(_literal(" ".join(words)))
            words = []
        if (closed or not piece) and out[-1] == ",":
            out.pop()
        if opened:
            closing.append("}" if opened == "{" else "]")
            out.append("{" if opened == "{" else "[")
        elif closed:
            out.append(closing.pop())
        elif piece:
            out.append(sign or double or json.dumps(single))
        if not closing:
            break
    try:
        return json.loads("".join([*out, *reversed(closing)]), strict=False), end
    except (ValueError, RecursionError):
        return None, end


def _literal(word: str) -> str:
    if word.lower() in ("true", "false", "null", "none"):
        return word.lower().replace("none", "null")
    return json.dumps(float(word) if re.fullmatch(r"-?\d{1,15}(?:\.\d{0,20})?", word) else word)


def _ranges(value: Any, key: str) -> list[Range]:
    if isinstance(value, dict):
        return _of_object(value)
    if isinstance(value, list):
        times = [_time(one, _unit(key)) for one in value[:2]]
        if len(value) in (2, 3) and times[0] and times[1]:  # the third is a score
            return [Range(times[0], times[1])]
        return [found for one in value for found in _ranges(one, key)]
    if isinstance(value, str) and (_READ.search(key) or not key):
        return [one for one in find_ranges(normalise(value))[0] if one.subject in ("", "target")]
    return []


def _of_object(value: dict[str, Any]) -> list[Range]:
    """Read an object: a window, or what it holds."""
    parts: dict[str, list[Token | None]] = {"S": [], "E": [], "L": [], "": []}
    rest: dict[str, Any] = {}
    for key, one in value.items():
        if _FOUND.search(key) and _FALSE.fullmatch(str(one)):
            return []
        if (role := _role(key)) and not isinstance(one, bool):
            parts["" if _OTHER.search(key) else role].append(_time(one, _unit(key)))
        elif not _kinds(key) & set("Qpq"):
            rest[key] = one
    if parts["S"] or parts["E"]:
        first, last = _whole(parts["S"]), _whole(parts["E"] or parts["L"])
        return [Range(first, last, lasting=not parts["E"])] if first and last else []
    keys = [key for key in rest if "G" in _kinds(key)] or rest
    return [found for key in keys for found in _ranges(rest[key], key)]


def _role(key: str) -> str:
    """Say whether a key is that of a start (S), an end (E) or a duration (L)."""
    kinds = _kinds(key)
    roles = [r for r, of in (("S", "SFA"), ("E", "E-uZ"), ("L", "L")) if kinds & set(of)]
    return roles[0] if len(roles) == 1 and not kinds & set("Qpq") else ""


def _words(key: str) -> str:
    return re.sub(r"[\W_]+", " ", _CAMEL.sub(" ", key[:200]))


def _unit(key: str) -> str:
    return next((unit for word in _words(key).lower().split() if (unit := unit_of(word))), "")


def _whole(parts: Sequence[Token | None]) -> Token | None:
    """Give one time of its parts: minutes and seconds are added, seconds go before frames."""
    for unit in ("s", "", "frame", "percent"):
        same = [part for part in parts if part and part.unit == unit]
        if same and None not in parts:
            added = len({part.scale for part in same}) > 1
            return Token("T", 0, 0, sum(p.value for p in same), unit) if added else same[0]
    return None


def _time(value: Any, unit: str) -> Token | None:
    """Read one time; None if there is none, or more than one."""
    if isinstance(value, dict):
        known = all(map(_unit, value))
        return _whole([_time(one, _unit(key)) for key, one in value.items()]) if known else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{value:f}"
    if not isinstance(value, str):
        return None
    found = [token for token in tokens(normalise(value[:200])) if token.kind in "TnAZ"]
    one = _whole(found) if {t.unit for t in found} == {"s", "frame"} or len(found) == 1 else None
    scale = SECONDS.get(unit, 1.0)
    return one and with_unit(one, Token("T", 0, 0, 0.0, "s" if unit in SECONDS else unit, scale))
