"""Ranges in free text: pairs of times that are said to be the start and the end of something."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

from baselines.vlm.times import Time

_HEDGE = (
    r"(?:[\s\"'\[({<:=#~_]"
    r"|(?:the|about|approximately|approx\.?|around|roughly|nearly|almost|second|seconds|sec|"
    r"timestamps?|times?|minute|mark|frames?|number|at|t|is|le|la|el|il|der|die)(?![a-z])|第|约|大约)*"
)
_CLOSE = (
    r"\.?[\s\"'\])}>,]*"
    r"(?:(?:mark|point|timestamp|in|into the (?:target )?video)(?![a-z]))?[\s\])}>,]*"
)
_TO = (
    r"(?:<?-{1,3}>?|=+>|~|\.{2,3}"
    r"|(?:to|until|till|til|through|thru|up to|bis|hasta|a|à|au|до|по)(?![a-z])"
    r"|到|至|から|부터|and ends? at)"
)
_AND = r"(?:-|&|(?:and|et|y|und|e|и)(?![a-z])|和|to(?![a-z]))"
_DIRECT = re.compile(_CLOSE + _TO + _HEDGE)
_BULLET = re.compile(r"\n[ \t]*-+[ \t]*\Z")
_BETWEEN = re.compile(r"(?<![a-z])(?:between|entre|zwischen|между|在)" + _HEDGE + r"\Z")
_BETWEEN_GAP = re.compile(_CLOSE + _AND + _HEDGE)
_FROM = re.compile(r"(?<![a-z])(?:from|de|von|desde|с|从)" + _HEDGE + r"\Z")
_FROM_GAP = re.compile(
    r"[^.;\n\d\"'{}]{0,60}(?<![a-z])(?:to|until|till|through|and)(?![a-z])" + _HEDGE
)
_UNTIL_GAP = re.compile(
    r"[^.;\n\d\"'{}:]{0,60}(?<![a-z])"
    r"(?:until|till|through|up to|ends?|ending|finish(?:es|ing)?|stop(?:s|ping)?)(?![a-z])" + _HEDGE
)
_LIST = re.compile(r"[\"'\s]*[,;|][\"'\s]*|\.?\s+")
_BRACKET = re.compile(r"[\[({<|][\"'\s]*\Z")
_MORE = re.compile(r"[\s\])}>\"']*(?:,|;|&|\||and|or|/)[\s\[({<\"']*(?:from|between)?\s?")
_START = re.compile(
    r"(?<![a-z])(?:start[a-z]{0,8}|begin(?:s|ning)?|began|onset|commenc[a-z]{1,4})(?![a-z])"
    r"|开始|起始|开头|début|inicio|начал"
)
_END = re.compile(
    r"(?<![a-z])(?:end(?:s|ed|ing|times?)?|finish[a-z]{0,3}|stop[a-z]{0,4}|conclud[a-z]{1,3}|offset"
    r"|until|till)(?![a-z])|结束|fin(?![a-z])|конец|конч"
)
_LASTS = re.compile(r"(?<![a-z])(?:lasts?|lasting|for|duration)(?![a-z])[^.;\n]*\Z")
_AT = re.compile(r"(?<![a-z])(?:at|from)" + _HEDGE + r"\Z")
_BARE = re.compile(
    r"[^a-z]*(?:(?:the |final |my )*(?:answer|windows?|timestamps?|times?|segment|moment|interval|"
    r"result|output|prediction)(?: is)?)?[^a-z]*"
)
_BARE_GAP = re.compile(r"[\s,;|/]+(?:and\s+)?")
_SCORE = re.compile(
    r"(?<![a-z])(?:scor(?:e|es|ed|eline)|won|wins?|leads?|leading|led|beats?|lost|loses?|draws?|"
    r"drew)(?![a-z])[^.;\n\d]{0,24}\Z"
)
_CONNECT = (
    r"(?!.*(?:happen|occur|match|correspond|appear|locat|found|takes? place|target))[^.;\n\d]*\Z"
)
_QUERY_BEFORE = re.compile(
    r"(?:(?:in|from|within) the (?:query|source|reference|first video)"
    r"|(?<![a-z])(?<!for the )(?<!of the )query(?:'s)?[\"']?"
    r"(?: video| clip| window| moment| segment)?[\"']?\s?"
    r"(?:[:=(,]|-|is|lasts?|spans?|from|shows?|covers?|runs?|goes|between|itself))" + _CONNECT
)
_QUERY_AFTER = re.compile(
    r"[\s\])}>\"',]{0,3}(?:(?:is|are|was|as)\s)?(?:in|of|from|within) the "
    r"(?:query|source|reference|first video)"
)
_WHOLE_BEFORE = re.compile(
    r"(?<![a-z])(?:(?:video|clip)[a-z]{0,2} "
    r"(?:is|runs|lasts|spans|goes|covers|ranges|starts|begins)|duration)(?![a-z])" + _CONNECT
)
_TARGET_BEFORE = re.compile(r"(?<![a-z])(?:target|second video)(?![a-z])[^.;\n\d]*\Z")
_ORDERS = (
    ("start", "end"),
    ("end", "start"),
    ("start", "lasts"),
    ("lasts", "start"),
    ("at", "lasts"),
    ("lasts", "at"),
)


@dataclass(frozen=True)
class Range:
    """Two times.

    Attributes
    ----------
    first, last : Time
        In the order of their meaning: `last` may be the smaller.
    sure : bool
        False for two whole numbers with a dash or "to" between and no unit: ``2-1`` may be a score.
    lasting : bool
        `last` is a duration.
    """

    first: Time
    last: Time
    sure: bool
    lasting: bool = False

    @property
    def start(self) -> int:
        """Its first character in the text."""
        return min(self.first.start, self.last.start)

    @property
    def end(self) -> int:
        """The character behind its last."""
        return max(self.first.end, self.last.end)


def find_ranges(text: str, times: list[Time]) -> list[Range]:
    """All ranges of a normalised text, in order, of its `baselines.vlm.times.find_times`.

    Ranges that might be something else are left out if there are others.
    """
    ranges: list[Range] = []
    used = [False] * len(times)
    i = 0
    while i < len(times) - 1:
        row = _row(text, times, i) if _BRACKET.search(_before(text, times[i])) else 1
        if row > 1:
            if row <= 3:  # the third is a score; four are a box, more a list of frames
                ranges.append(Range(times[i], times[i + 1], sure=True))
            used[i : i + row] = [True] * row
            i += row
            continue
        found = _adjacent(text, times[i], times[i + 1])
        ranges += [found] if found else []
        used[i : i + 2] = [bool(found)] * 2
        i += 2 if found else 1
    ranges = [r for r in ranges if r.sure or not _SCORE.search(_before(text, r.first, 40))]
    ranges = _spread(text, ranges)
    ranges += _labelled(text, times, used, _ORDERS[:1])
    ranges += _until(text, times, used)
    ranges += [] if ranges else _labelled(text, times, used, _ORDERS[1:])
    ranges.sort(key=lambda r: r.start)
    return [r for r in ranges if r.sure] or ranges or _bare(text, times)


def _before(text: str, time: Time, length: int = 60) -> str:
    return text[max(0, time.start - length) : time.start]


def _gap(text: str, a: Time, b: Time) -> str | None:
    """Text between two times; None if it is long or one is no time."""
    if b.start - a.end > 90 or "junk" in (a.unit, b.unit):
        return None
    return text[a.end : b.start]


def _row(text: str, times: list[Time], i: int) -> int:
    """How many times from `i` on are separated by commas or spaces only."""
    n = 1
    while i + n < len(times):
        gap = _gap(text, times[i + n - 1], times[i + n])
        if gap is None or not _LIST.fullmatch(gap):
            break
        n += 1
    return n


def _adjacent(text: str, a: Time, b: Time) -> Range | None:
    gap = _gap(text, a, b)
    if gap is None:
        return None
    before = _before(text, a)
    if _FROM.search(before) and (_DIRECT.fullmatch(gap) or _FROM_GAP.fullmatch(gap)):
        return Range(a, b, sure=True)
    if _BETWEEN.search(before) and _BETWEEN_GAP.fullmatch(gap):
        return Range(a, b, sure=True)
    if _DIRECT.fullmatch(gap):
        return None if _BULLET.search(gap) else Range(a, b, sure=_is_time(a) or _is_time(b))
    return None


def _is_time(time: Time) -> bool:
    return bool(time.unit) or not time.whole


def _spread(text: str, ranges: list[Range]) -> list[Range]:
    """In ``10 - 15, 40 - 55 seconds`` the first is as sure as the second."""
    sure = [r.sure for r in ranges]
    linked = [
        b.start - a.end < 24 and bool(_MORE.fullmatch(text[a.end : b.start]))
        for a, b in itertools.pairwise(ranges)
    ]
    for i in range(len(linked)):
        sure[i + 1] |= linked[i] and sure[i]
    for i in reversed(range(len(linked))):
        sure[i] |= linked[i] and sure[i + 1]
    return [Range(r.first, r.last, s) for r, s in zip(ranges, sure, strict=True)]


def _labelled(
    text: str, times: list[Time], used: list[bool], orders: tuple[tuple[str, str], ...]
) -> list[Range]:
    """Pairs like ``start: 12.0, end: 20.5``, in the first of the orders that there is."""
    labels = [
        _label(text[max(times[i - 1].end if i else 0, t.start - 60) : t.start])
        for i, t in enumerate(times)
    ]
    ranges: list[Range] = []
    for opening, closing in orders:
        opened: int | None = None
        for i, label in enumerate(labels):
            if used[i]:
                opened = None
            elif times[i].unit == "junk":
                continue
            elif label == opening:
                opened = i
            elif label == closing and opened is not None and i - opened <= 3:
                first, last = (i, opened) if closing in ("start", "at") else (opened, i)
                lasting = "lasts" in (opening, closing)
                ranges.append(Range(times[first], times[last], sure=True, lasting=lasting))
                used[opened], used[i], opened = True, True, None
        if ranges:
            break
    return ranges


def _until(text: str, times: list[Time], used: list[bool]) -> list[Range]:
    """Pairs like ``at 12.0 s, and it goes on until 20.5 s``."""
    ranges: list[Range] = []
    for i, (a, b) in enumerate(itertools.pairwise(times)):
        gap = None if used[i] or used[i + 1] else _gap(text, a, b)
        if gap is not None and _UNTIL_GAP.fullmatch(gap):
            ranges.append(Range(a, b, sure=True))
            used[i], used[i + 1] = True, True
    return ranges


def _label(before: str) -> str | None:
    """Name what the text before a time says it is; the nearest word counts."""
    found = [
        (max((m.end() for m in pattern.finditer(before)), default=-1), name)
        for pattern, name in ((_START, "start"), (_END, "end"), (_LASTS, "lasts"))
    ]
    end, name = max(found[:2])
    if end >= 0:
        return name
    if found[2][0] >= 0:
        return None if "video" in before else "lasts"
    return "at" if _AT.search(before) else None


def _bare(text: str, times: list[Time]) -> list[Range]:
    """Nothing but two numbers: ``12.0, 20.5``."""
    if len(times) != 2:
        return []
    a, b = times
    gap = _gap(text, a, b)
    rest = a.start < 60 and len(text) - b.end < 60
    if gap and rest and _BARE_GAP.fullmatch(gap) and _BARE.fullmatch(text[: a.start]):
        return [Range(a, b, sure=False)] if not re.search("[a-z]", text[b.end :]) else []
    return []


def of_target(text: str, ranges: list[Range]) -> list[Range]:
    """Leave out what is said about the query and about the whole video."""
    kept: list[Range] = []
    last, target, dropped = 0, False, False
    for i, found in enumerate(ranges):
        between = text[last : found.start]
        following = ranges[i + 1].start if i + 1 < len(ranges) else len(text)
        after = text[found.end : min(following, found.end + 60)]
        linked = i > 0 and len(between) < 24 and bool(_MORE.fullmatch(between))
        last = found.end
        dropped = (
            (dropped and linked)  # "in the query 1 - 2 and 3 - 4": both or none
            or bool(_QUERY_AFTER.match(after))
            or bool(_QUERY_BEFORE.search(between[-90:]))
            or bool(_WHOLE_BEFORE.search(between[-90:]))
        )
        if dropped:
            continue
        if _TARGET_BEFORE.search(between[-90:]) and not target:
            kept, target = [], True
        kept.append(found)
    return kept
