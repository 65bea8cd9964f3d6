"""Text from outside, fit to be shown: one line, no sign that a terminal obeys, no secret."""

from __future__ import annotations

import os
import re
import unicodedata

SECRETS = ("OPENAI_API_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
"""Environment variables whose values no file and no screen shows."""
_SHORTEST = 6
"""Letters of a secret: ``none`` and the like are words, not keys."""
_IN_ADDRESS = re.compile(r"(?<=://)[^/?#\s\"'<>]*@")
_NAMED = re.compile(
    r"(?i)\b(bearer\s+|(?:api[-_]?key|token|password|secret|sig(?:nature)?)=)[^\s&\"'<>,;]+"
)

_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Categories of signs that are not drawn, or that change how others are."""
_BLANK = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Letters and marks of other categories that are not drawn: fillers, variation selectors."""
_MARKS = 3
"""Combining marks on one letter, at most: Hindi needs three, text that spills over lines more."""


def unseen_sign(text: str) -> str | None:
    """Give the first sign of a text that a reader does not see, or that hides others; None if none.

    Controls (tab and newline are seen), formats, halves of surrogate pairs, signs of private use or
    without meaning, fillers, and piled up combining marks.
    """
    if text.isascii() and text.isprintable():
        return None
    marks = _MARKS  # nothing stands before the first sign that it could stand on
    for sign in text:
        category = unicodedata.category(sign)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        hidden = category in _UNSEEN and sign not in "\t\n"
        if hidden or marks > _MARKS or _BLANK.match(sign):
            return sign
    return None


def plain(text: str) -> str:
    """Give text in one line; signs that are not seen, escape codes among them, become U+FFFD."""
    return " ".join(
        "".join(sign if sign.isprintable() or sign.isspace() else "\ufffd" for sign in text).split()
    )


def with_name(name: str, reason: str) -> str:
    """Give why something failed, behind its name where the reason has no file of that name."""
    says = re.search(rf"(^|/){re.escape(name)}(?!\w)", reason)
    return reason if says else f"{name}: {reason}"


def counted(number: int, noun: str) -> str:
    """``1 video``, ``2 videos``, ``1,000 queries``."""
    if number != 1:
        noun = f"{noun[:-1]}ie" if noun.endswith("y") else noun
        noun += "s"
    return f"{number:,} {noun}"


def redacted(text: str) -> str:
    """Give text without keys, tokens, and what stands before the ``@`` of an address."""
    for name in SECRETS:
        secret = os.environ.get(name, "").strip()
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, "***")
    return _NAMED.sub(r"\1***", _IN_ADDRESS.sub("***@", text))
