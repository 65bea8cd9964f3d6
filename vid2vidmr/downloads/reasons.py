"""Why a download failed, read from what yt-dlp raises; and which failures are worth another try."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum

DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG)


class Retry(StrEnum):
    """When a failed video is asked for again."""

    never = "never"
    with_cookies = "with --cookies"
    with_proxy = "with --proxy"
    next_run = "next run"
    now = "at once, and next run"


class Reason(StrEnum):
    """Why a video is not here."""

    removed = "removed"
    private = "private"
    geo = "geo"
    age = "age"
    bot_check = "bot check"
    rate = "rate"
    network = "network"
    disk = "disk"
    not_a_video = "not a video"
    another_video = "another video"
    other = "other"

    @property
    def retry(self) -> Retry:
        """When it is worth another try."""
        return _RETRY[self]


_RETRY = {
    Reason.removed: Retry.never,
    Reason.private: Retry.with_cookies,
    Reason.geo: Retry.with_proxy,
    Reason.age: Retry.with_cookies,
    Reason.bot_check: Retry.next_run,
    Reason.rate: Retry.now,
    Reason.network: Retry.now,
    Reason.disk: Retry.next_run,
    Reason.not_a_video: Retry.never,
    Reason.another_video: Retry.never,
    Reason.other: Retry.next_run,
}

MESSAGES: tuple[tuple[str, Reason], ...] = (
    (r"no space left|disk quota|read-only file system|file too large", Reason.disk),
    (r"rate-limited|too many requests|try again later", Reason.rate),
    (r"not a bot|captcha|this content isn't available|unusual traffic", Reason.bot_check),
    (r"confirm your age|age-restricted|inappropriate for some users", Reason.age),
    (
        r"(in|from) your (country|location)|geo.?restrict|blocked it (in|on)|"
        r"not available in your",
        Reason.geo,
    ),
    (
        r"private|members.only|join this channel|requires? (payment|purchase)|premium members|"
        r"registered users|login required|sign in|drm protected",
        Reason.private,
    ),
    (
        r"removed|terminated|no longer available|does(n't| not) exist|video unavailable|"
        r"video is (un|not )available|account .*closed|copyright",
        Reason.removed,
    ),
    (
        r"unsupported url|no video formats|is not a valid url|no connection adapters|file:// urls",
        Reason.not_a_video,
    ),
    (
        r"timed? ?out|connection|incomplete|bytes read|did not get any data|bytes, expected|"
        r"name resolution|unreachable|slower than",
        Reason.network,
    ),
)
"""Words of a message to the reason, the first that matches; lower case, straight apostrophes."""

STATUSES = {
    401: Reason.private, 403: Reason.private, 404: Reason.removed, 408: Reason.network,
    410: Reason.removed, 429: Reason.rate, 451: Reason.geo,
}  # fmt: skip
"""HTTP status to reason; 5xx are the network's."""


@dataclass
class FetchError(Exception):
    """A video that did not arrive.

    Attributes
    ----------
    message : str
        One line.
    retry_after_s : float or None
        How long the server asks to wait, seconds.
    """

    reason: Reason
    message: str
    retry_after_s: float | None = None


def classify(error: BaseException) -> FetchError:
    """Find the reason of what yt-dlp (or the file system) raised.

    An HTTP status decides over words, except that a 403 for the data of a video whose page was
    shown is the answer to a client taken for a robot.
    """
    from yt_dlp.networking.exceptions import HTTPError, TransportError
    from yt_dlp.utils import ContentTooShortError, GeoRestrictedError

    text = re.sub(r"\x1b\[[\d;]*m", "", str(error)).replace("’", "'")
    message = " ".join(text.split()).removeprefix("ERROR: ")
    message = re.sub(r"; please report this issue on .*|\(caused by .*", "", message).strip()
    chain = list(_chain(error))
    for cause in chain:
        if isinstance(cause, OSError) and cause.errno in DISK_FULL:
            return FetchError(Reason.disk, message)
        if isinstance(cause, GeoRestrictedError):
            return FetchError(Reason.geo, message)
        if isinstance(cause, HTTPError):
            wait_s = retry_after(cause.response.headers.get("Retry-After"))
            return FetchError(_of_status(cause.status, message, wait_s), message, wait_s)
    for pattern, reason in MESSAGES:
        if re.search(pattern, message.lower()):
            return FetchError(reason, message)
    if any(isinstance(cause, TransportError | ContentTooShortError) for cause in chain):
        return FetchError(Reason.network, message)
    return FetchError(Reason.other, message or type(error).__name__)


def _of_status(status: int, message: str, wait_s: float | None) -> Reason:
    if status == 403 and "unable to download video data" in message.lower():
        return Reason.bot_check
    if status >= 500:
        return Reason.network if wait_s is None else Reason.rate
    return STATUSES.get(status, Reason.other)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that led to it; yt-dlp keeps the cause in fields of its own."""
    todo, seen = [error], set()
    while todo:
        found = todo.pop(0)
        if id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        info = getattr(found, "exc_info", None) or ()
        causes = (*info[1:2], getattr(found, "cause", None), found.__cause__, found.__context__)
        todo += [cause for cause in causes if isinstance(cause, BaseException)]


def retry_after(value: str | None) -> float | None:
    """Seconds of a ``Retry-After`` header, which holds seconds or a date; None for none."""
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())
