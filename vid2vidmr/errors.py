"""Errors that a user can cause: one line each, what was wrong, what was expected, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LIKE = 0.65
"""Likeness of a typing mistake to what was meant; below it (0.6: tiny, motion) lie other words."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Give the known name that was probably meant, None if no one is like it."""
    of_lower = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), of_lower, n=1, cutoff=LIKE)
    return of_lower[close[0]] if close else None


class UserError(Exception):
    """Base of all errors a user can cause.

    The command line prints the message without a traceback and exits with status 2.
    """


class DataError(UserError):
    """Annotations, pairs, predictions or results are not what they should be."""


class VideoError(UserError):
    """A file cannot be read as video."""


class FeatureError(UserError):
    """A feature store is missing, damaged, or made by another encoder."""


class HubError(UserError):
    """Weights or data cannot be fetched from a hub."""


class UnknownNameError(UserError):
    """A name is not registered.

    Parameters
    ----------
    kind : str
        What is named, for example ``"method"``.
    name : str
        The name that was asked for.
    known : iterable of str
        The names that exist.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        known = sorted(known)
        close = nearest(name, known)
        hint = f"did you mean {close!r}?" if close else f"known: {', '.join(known) or 'none'}."
        super().__init__(f"Unknown {kind} {name!r}: {hint}")

    def __reduce__(self) -> tuple[type[UserError], tuple[str]]:
        """Cross process borders as a plain error: the message is all that is left to say."""
        return UserError, (str(self),)
