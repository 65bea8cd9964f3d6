"""Times in free text: numbers, clocks, percent and frame numbers, with their units.

All patterns have bounded repeats or nothing after an unbounded one, so reading takes time linear in
the text, whatever it is.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Literal

Unit = Literal["", "s", "clock", "%", "frame", "junk"]

_CHARACTERS = {
    **dict.fromkeys("‐‑‒–—―−﹣－", "-"),
    **dict.fromkeys("～〜∼∽˜", "~"),
    **dict.fromkeys("“”„″＂«»", '"'),
    **dict.fromkeys("‘’′＇", "'"),
    **dict.fromkeys("→⟶➜➔⇒", "->"),
    **dict.fromkeys("［【「『〔", "["),
    **dict.fromkeys("］】」』〕", "]"),
    **dict.fromkeys("*`$\u200b\u200c\u200d\u2060\ufeff", ""),
    **dict(zip("（）｛｝〈〉：，、．٫％﹪＝＃；。", "(){}<>:,,..%%=#;;", strict=True)),
}
_TABLE = str.maketrans({**_CHARACTERS, "…": ".."})

_LATEX_TEXT = re.compile(r"\\(?:text|mathrm|textbf)\{([^{}]{0,40})\}")
_LATEX = re.compile(r"\\(?:[a-z]{1,20}|[,;:!()\[\]])")
_TAG = re.compile(r"<\|?/?(?!/?(?:start|end|begin))[a-z_]{1,20}\|?>")
_FEET = re.compile(r"(?<!\d)(\d{1,3})'(\d{2})(?:\"|'')")
_CHAIN = re.compile(r"(?<![\d.:])\d{1,4}(?:[-/]\d{1,4}){2,8}(?![\d.:])")
_INDEX = re.compile(r"^[ \t]{0,8}\d{1,2}[.)][ \t](?![\s-])", re.MULTILINE)

_BLOB = re.compile(r"(?<![\w.])\.\d[\d.:,]*|\d[\d.:,]*")
_CLOCK = re.compile(r"(?:(\d{1,3}):)?(\d{1,3}):(\d{2}(?:[.,]\d{1,9})?)")
_NUMBER = re.compile(r"\d{1,7}(?:\.\d{1,20})?|\.\d{1,20}")
_DECIMAL_COMMA = re.compile(r"\d{1,7},\d{1,3}")
_UNIT = re.compile(
    r"(?:(?:st|nd|rd|th)(?![a-z]))?"
    r"(?:(?:\s{0,2}|-)(?:"
    r"(?P<ms>ms|msecs?|milliseconds?|毫秒)"
    r"|(?P<s>s|secs?|seconds?|seonds?|secods?|secounds?|secondes?|sekunden?|segundos?|secondi"
    r"|seg|sek|секунд\w?|сек|秒钟|秒目|秒|초)"
    r"|(?P<min>m|mins?|minutes?|minuten?|minutos?|минут\w?|мин|分钟|分|분)"
    r"|(?P<h>h|hrs?|hours?|小时|時間)"
    r"|(?P<percent>%|percent|per cent|pct)"
    r"|(?P<frame>frames?|帧)"
    r")(?![a-z])(?:(?<=c)\.(?=\s))?)?"
)
_SECONDS = {"ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
_FRAME_BEFORE = re.compile(
    r"(?<![a-z])frames?\s?(?:numbers?|index|indices|no\.?|id)?[\s_#:=\-\[(<]{0,4}\Z"
)
_LETTER = re.compile(r"(?!(?:to|and|bis|until)\d)[a-z]")
_WORD_BEFORE = re.compile(r"[a-z]{1,10}_?\Z")
_GLUED = frozenset({"to", "from", "and", "at", "until", "between", "bis", "frame", "frames"})
_ASIDE = re.compile(r"[\])}>]?\s?\((?:frame|second|at|[~#=\s])*")
_JOINED = re.compile(r"\s{0,2}(?:,|and)?\s{0,2}")


@dataclass(frozen=True)
class Time:
    """A number in a text.

    Attributes
    ----------
    start, end : int
        Its characters, with the unit.
    value : float
        In seconds for the units ``s`` and ``clock``; as written for percent, frames and none.
    unit : str
        ``junk`` for what is no time: ``1920x1080``, ``h264``, a number of more than 7 digits.
    scale : float
        Seconds of the unit, for a number before it that goes by the same: ``2 to 3 minutes``.
    whole : bool
        Written without a fraction.
    """

    start: int
    end: int
    value: float
    unit: Unit
    scale: float = 1.0
    whole: bool = True


def normalise(text: str) -> str:
    """Lower case, one kind of dash, quote and digit, no markup; dates and ``4-4-2`` taken out."""
    text = "".join(
        str(unicodedata.decimal(c)) if not c.isascii() and c.isdecimal() else c for c in text
    )
    text = text.translate(_TABLE).lower()
    text = _TAG.sub(" ", _LATEX.sub(" ", _LATEX_TEXT.sub(r"\1", text)))
    text = _FEET.sub(r"\1:\2", text)
    return _INDEX.sub("", _CHAIN.sub(" ", text))


def find_times(text: str) -> list[Time]:
    """All numbers of a normalised text in order."""
    blobs = list(_BLOB.finditer(text))
    found: list[Time] = []
    for blob in blobs:
        start = blob.start()
        whole = blob.group().rstrip(".,:")
        pieces = _pieces(text, start, whole, len(blobs) == 1)
        for i, piece in enumerate(pieces):
            time = _read(text, start, piece, i < len(pieces) - 1, found[-1].end if found else -1)
            start += len(piece)
            while i < len(pieces) - 1 and start < blob.end() and text[start] in ".,":
                start += 1
            found.append(time)
    return _joined(text, found)


def _pieces(text: str, start: int, blob: str, alone: bool) -> list[str]:
    """Split ``12.0,20.5`` and ``12..20`` but not ``12,5``."""
    if len(blob) > 60 or _CLOCK.fullmatch(blob) or _NUMBER.fullmatch(blob):
        return [blob]
    if ".." in blob:
        return [piece for piece in re.split(r"\.\.+", blob) if piece]
    end = start + len(blob)
    bracketed = text[start - 1 : start] in set("[({<") and text[end : end + 1] in set("])}>")
    if "," in blob and (alone or bracketed or not _DECIMAL_COMMA.fullmatch(blob)):
        return [piece for piece in blob.split(",") if piece]
    return [blob]


def _read(text: str, start: int, piece: str, more: bool, last: int) -> Time:
    """One number with what is written directly before and after it."""
    end = start + len(piece)
    clock = _CLOCK.fullmatch(piece)
    decimal = piece.replace(",", ".") if _DECIMAL_COMMA.fullmatch(piece) else piece
    if not clock and not _NUMBER.fullmatch(decimal):
        return Time(start, end, 0.0, "junk")
    before = text[max(0, start - 24) : start]
    word = _WORD_BEFORE.search(before)
    if word and last != start and word.group().rstrip("_") not in _GLUED:
        return Time(start, end, 0.0, "junk")
    if clock:
        hours, minutes, seconds = clock.groups()
        value = int(hours or 0) * 3600 + int(minutes) * 60 + float(seconds.replace(",", "."))
        suffix = _UNIT.match(text, end)  # "1:05 min" is a clock, too
        end = suffix.end() if suffix and suffix.lastgroup in _SECONDS else end
        return Time(start, end, value, "clock")
    value, whole = float(decimal), "." not in decimal
    suffix = None if more else _UNIT.match(text, end)
    kind = suffix.lastgroup if suffix else None
    if suffix:
        end = suffix.end()
    if _LETTER.match(text, end):
        return Time(start, end, 0.0, "junk")
    if kind in _SECONDS:
        return Time(start, end, value * _SECONDS[kind], "s", _SECONDS[kind], whole)
    if kind == "percent":
        return Time(start, end, value, "%", whole=whole)
    frame = kind == "frame" or (whole and _FRAME_BEFORE.search(before))
    if not frame and before.endswith("#"):
        return Time(start, end, 0.0, "junk")
    return Time(start, end, value, "frame" if frame else "", whole=whole)


def _joined(text: str, times: list[Time]) -> list[Time]:
    """Make ``1 minute 5 seconds`` one time, and leave ``(0:12)`` in ``12 s (0:12)`` out."""
    joined: list[Time] = []
    for time in times:
        last = joined[-1] if joined else None
        if last and last.unit == "s" and last.scale > time.scale and time.unit in ("s", ""):
            gap = text[last.end : time.start]
            if (time.unit == "s" and len(gap) < 10 and _JOINED.fullmatch(gap)) or not gap:
                whole = last.whole and time.whole
                value = last.value + time.value
                joined[-1] = replace(last, end=time.end, value=value, scale=time.scale, whole=whole)
                continue
        if last and last.unit != "junk" and text[time.end : time.end + 1] == ")":
            gap = text[last.end : time.start]
            if len(gap) < 16 and _ASIDE.fullmatch(gap):
                joined[-1] = replace(last, end=time.end + 1)
                continue
        joined.append(time)
    return joined
