"""Ranges in free text: pairs of times that are said to be the start and the end of something."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from baselines.vlm.words import Token, tokens

Subject = Literal["", "target", "query", "none", "score"]

_T = "[Tn]"
_RULES = [
    (re.compile(pattern.replace("t", _T)), order, lasting)
    for pattern, order, lasting in (
        (r"\(h{0,3}(t)h{0,2},h{0,3}(t)(?:h{0,2},h{0,3}t)?h{0,2}\)", (1, 2), False),  # [12, 20, 0.9]
        (r"(?<!\))\(h{0,2}(t)\)\(h{0,2}(t)\)(?!\()", (1, 2), False),  # <12><20>
        (r"B[h(F]{0,6}(t)[h)]{0,6}[-u&][h(]{0,6}(t)", (1, 2), False),  # between 12 and 20
        (
            r"F[h(]{0,6}(t|A)[^.;TnFBAQpq]{0,12}?[-u][h(]{0,6}(t|Z)",
            (1, 2),
            False,
        ),  # from 12 .. to 20
        (r"(?<!L)(?<!Lh)(?<!Lhh)(t|A)[h)]{0,6}[-u][h(]{0,6}(t|Z)", (1, 2), False),  # 12 to 20
        (
            r"S[^SETn]{0,8}(t)(?:[^SETn]{0,6}L[^SETn]{0,3}t)?[^SETn]{0,14}E[^SETn]{0,8}(t|Z)",
            (1, 2),
            False,
        ),
        (r"(t)[^.;TnSQpq]{0,14}[uE][h(]{0,6}(t|Z)", (1, 2), False),  # at 12 .., until 20
        (r"E[^SETn]{0,8}(t)[^SETn]{0,14}S[^SETn]{0,8}(t)", (2, 1), False),
        (r"(t)[^.;TnL]{0,12}L[hL(]{0,4}(t)", (1, 2), True),  # at 12 .., lasts 8
        (r"L[hL(]{0,4}(t)[^.;Tn]{0,8}S[^SETn]{0,6}(t)", (2, 1), True),
        (r"\A;[h(]{0,9}(t)[h),.;&(]{0,9}(t)[h).;]{0,9}\Z", (1, 2), False),  # nothing but two times
    )
]
_PLAIN = 7
"""The rules from this one on are tried only where none before it holds."""
_CHAIN = re.compile(r"t(?:[h)]{0,6}[-u][h(]{0,6}t){2,}|\(h?t(?:h?,h?t){3,}".replace("t", _T))
_ASIDE = re.compile(r"(t)(\)?h{0,3}\(?h{0,4})(t)(h{0,2}\)?)".replace("t", _T))
_OF_QUERY = re.compile(r"\([^().]{0,12}[Qpq][^().]{0,12}\)")
_LABEL_BEHIND = re.compile(r"(?<=[Tn])\(h{0,2}[SE]h{0,2}\)")
_REACH = 40
"""Tokens before a range that may say what it is."""


@dataclass(frozen=True)
class Range:
    """Two times, in the order of their meaning: `last` may be the smaller."""

    first: Token
    last: Token
    lasting: bool = False  # `last` is a duration
    sure: bool = True  # not two whole numbers without unit: "2-1" may be a score
    subject: Subject = ""  # what it is said of; none: denied or taken back
    apart: bool = False  # a sentence ends between this and the range before it


def find_ranges(text: str, query_first: bool = True) -> tuple[list[Range], str]:
    """Give the ranges of a normalised text, in order, and the kinds of its tokens."""
    found = tokens(text, query_first)
    kinds = _without_asides(found)
    matches: list[tuple[int, int, bool]] = []
    left = _CHAIN.sub(lambda m: "x" * len(m[0]), kinds)
    for n, (rule, order, lasting) in enumerate(_RULES):
        used = list(left)
        for match in () if matches and n >= _PLAIN else rule.finditer(left):
            matches.append((match.start(order[0]), match.start(order[1]), lasting))
            used[match.start(1)] = used[match.start(2)] = "x"
        left = "".join(used)
    ranges: list[Range] = []
    end = 0
    for i, j, lasting in sorted(matches, key=lambda m: min(m[:2])):
        start, stop = min(i, j), max(i, j)
        linked = bool(ranges) and bool(re.fullmatch("[,&;.h()F]{1,6}", kinds[end + 1 : start]))
        subject = _subject(kinds, start, stop)
        if linked and not subject and ranges[-1].subject != "target":
            subject = ranges[-1].subject  # "in the query 3 - 4, 7 - 9"
        sure = "T" in (kinds[i], kinds[j]) or bool({*"BFS"} & {*kinds[max(0, start - 4) : start]})
        first, last = with_unit(found[i], found[j]), with_unit(found[j], found[i])
        one = Range(first, last, lasting, sure, subject, "." in kinds[end:start])
        if linked and one.sure and not ranges[-1].sure:  # "10 - 15, 40 - 55 seconds"
            ranges[-1] = _like(ranges[-1], one)
        ranges.append(_like(one, ranges[-1]) if linked and ranges[-1].sure else one)
        end = stop
    return [one for one in ranges if one.sure or one.subject != "score"], kinds


def _like(one: Range, other: Range) -> Range:
    first, last = with_unit(one.first, other.last), with_unit(one.last, other.last)
    return replace(one, first=first, last=last, sure=True)


def _without_asides(found: list[Token]) -> str:
    """Give the kinds; ``(0:12)`` in ``12 s (0:12)`` and what brackets say of the query are fillers.

    Of a frame and its seconds the seconds are kept.
    """
    kinds = "".join(token.kind for token in found)
    kinds = _OF_QUERY.sub(lambda m: m[0] if "G" in m[0] else "h" * len(m[0]), kinds)
    kinds = _LABEL_BEHIND.sub(lambda m: "h" * len(m[0]), kinds)

    def one(match: re.Match[str]) -> str:
        i, j = match.start(1), match.start(3)
        a, b = found[i], found[j]
        same = a.unit == b.unit == "s" and "(" in match[2] and abs(a.value - b.value) <= 1
        if not (same or {a.unit, b.unit} == {"frame", "s"}) or ("(" in match[2]) != (
            ")" in match[4]
        ):
            return match[0]
        found[i] = b if a.unit == "frame" else a
        return "T" + "h" * (len(match[0]) - 1)

    return _ASIDE.sub(one, kinds)


def with_unit(token: Token, other: Token) -> Token:
    """Give a number without unit that of its neighbour: ``2 to 3 minutes``."""
    if token.unit or not other.unit or token.kind in "AZ":
        return token
    return replace(token, value=token.value * other.scale, unit=other.unit, scale=other.scale)


def _subject(kinds: str, i: int, j: int) -> Subject:
    before = re.split("[.;]", kinds[max(0, i - _REACH) : i])[-1]
    if kinds[i] == kinds[j] == "n" and (
        "O" in before or "w" in kinds[i - 1] + kinds[j + 1 : j + 2]
    ):
        return "score"
    after = re.split("[.;,X(]", kinds[j + 1 : j + _REACH])[0]
    if before.rfind("N") > before.rfind("X") or "N" in after or kinds.find("C", j) >= 0:
        return "none"
    behind = re.match(r"[h)F]{0,5}([QpqG])", after)
    if behind:
        return "target" if behind[1] == "G" else "query"
    if re.search(r"qh?\([h(]{0,3}\Z", before):
        return "query"
    moved = False
    for kind in reversed(before):
        if kind == "G":
            return "target"
        if kind == "Q" or (kind == "p" and not moved):
            return "query"
        moved |= kind == "M"
    return ""
