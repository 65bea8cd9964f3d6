"""Text from outside, fit to be shown: one line, no sign that a terminal obeys, no secret."""

from __future__ import annotations

import os
import re

SECRETS = ("OPENAI_API_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
"""Environment variables whose values no file and no screen shows."""
_SHORTEST = 6
"""Letters of a secret: ``none`` and the like are words, not keys."""
_IN_ADDRESS = re.compile(r"(?<=://)[^/?#\s\"'<>]*@")
_NAMED = re.compile(
    r"(?i)\b(bearer\s+|(?:api[-_]?key|token|password|secret|sig(?:nature)?)=)[^\s&\"'<>,;]+"
)


def plain(text: str) -> str:
    """Give text in one line; signs that are not seen, escape codes among them, become U+FFFD."""
    return " ".join(
        "".join(sign if sign.isprintable() or sign.isspace() else "\ufffd" for sign in text).split()
    )


def redacted(text: str) -> str:
    """Give text without keys, tokens, and what stands before the ``@`` of an address."""
    for name in SECRETS:
        secret = os.environ.get(name, "").strip()
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, "***")
    return _NAMED.sub(r"\1***", _IN_ADDRESS.sub("***@", text))
