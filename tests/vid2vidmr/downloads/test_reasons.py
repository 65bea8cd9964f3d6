"""Every known message of yt-dlp to its reason."""

import errno
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from yt_dlp.networking.common import Response
from yt_dlp.networking.exceptions import HTTPError, IncompleteRead, TransportError
from yt_dlp.utils import (
    ContentTooShortError,
    DownloadError,
    ExtractorError,
    GeoRestrictedError,
    UnsupportedError,
)

from vid2vidmr.downloads import Reason, Retry, classify
from vid2vidmr.downloads.reasons import retry_after

YOUTUBE = [
    ("Video unavailable", "removed"),
    ("Video unavailable. This video has been removed by the uploader", "removed"),
    ("Video unavailable. This video is no longer available because the YouTube account associated "
     "with this video has been terminated.", "removed"),
    ("Video unavailable. This video is no longer available due to a copyright claim by X",
     "removed"),
    ("This video has been removed for violating YouTube's Terms of Service", "removed"),
    ("This video is not available", "removed"),
    ("Private video. Sign in if you've been granted access to this video. Use "
     "--cookies-from-browser or --cookies for the authentication.", "private"),
    ("This video is private", "private"),
    ("Join this channel to get access to members-only content like this video, and other "
     "exclusive perks.", "private"),
    ("This video is only available to Music Premium members", "private"),
    ("This video requires payment to watch.", "private"),
    ("This video is only available for registered users.", "private"),
    ("This video is DRM protected", "private"),
    ("The uploader has not made this video available in your country", "geo"),
    ("Video unavailable. The uploader has not made this video available in your country", "geo"),
    ("Video unavailable. This video contains content from X, who has blocked it in your country on "
     "copyright grounds", "geo"),
    ("This video is not available from your location due to geo restriction", "geo"),
    ("Sign in to confirm your age. This video may be inappropriate for some users. Use "
     "--cookies-from-browser or --cookies for the authentication.", "age"),
    ("Sign in to confirm you’re not a bot. Use --cookies-from-browser or --cookies for the "
     "authentication.", "bot check"),
    ("Sign in to confirm you're not a bot. This helps protect our community. Learn more",
     "bot check"),
    ("Please sign in. YouTube is requiring a captcha challenge before playback", "bot check"),
    ("Video unavailable. This content isn’t available.", "bot check"),
    ("Video unavailable. This content isn't available, try again later. The current session has "
     "been rate-limited by YouTube for up to an hour.", "rate"),
    ("Requested format is not available. Use --list-formats for a list of available formats",
     "other"),
    ("Premieres in 3 hours", "other"),
    ("Failed to extract any player response", "other"),
]  # fmt: skip


@pytest.mark.parametrize(("message", "reason"), YOUTUBE)
def test_messages_of_youtube(message: str, reason: str) -> None:
    failure = classify(DownloadError(f"ERROR: [youtube] abcdefghijk: {message}"))
    assert failure.reason == reason
    assert failure.message.startswith("[youtube] abcdefghijk: ")


def raised(status: int, headers: dict[str, str] | None = None) -> HTTPError:
    import io

    return HTTPError(Response(io.BytesIO(), "http://x", headers or {}, status=status))


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (401, "private"), (403, "private"), (404, "removed"), (408, "network"), (410, "removed"),
        (418, "other"), (429, "rate"), (451, "geo"), (500, "network"), (503, "network"),
    ],
)  # fmt: skip
def test_statuses_decide_over_words(status: int, reason: str) -> None:
    error = ExtractorError("Unable to download webpage", cause=raised(status), ie="generic")
    wrapped = DownloadError(f"ERROR: {error}", (type(error), error, None))
    assert classify(wrapped).reason == reason
    assert "caused by" not in classify(wrapped).message


def test_a_403_for_the_data_is_the_answer_to_a_robot() -> None:
    error = raised(403)
    wrapped = DownloadError("ERROR: unable to download video data: HTTP Error 403: Forbidden")
    wrapped.exc_info = (type(error), error, None)
    assert classify(wrapped).reason == "bot check"


def test_servers_that_say_how_long_to_wait() -> None:
    assert classify(raised(429, {"Retry-After": "120"})).retry_after_s == 120
    assert classify(raised(503, {"Retry-After": "7"})).reason == "rate"
    assert classify(raised(429)).retry_after_s is None
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    assert 85 < retry_after(date) <= 90
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after("soon") is None


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (GeoRestrictedError("Not here", ["DE"]), "geo"),
        (UnsupportedError("http://x"), "not a video"),
        (DownloadError("ERROR: [generic] x: No video formats found!"), "not a video"),
        (TransportError("[Errno -3] Temporary failure in name resolution"), "network"),
        (TransportError("anything else"), "network"),
        (IncompleteRead(5, 7), "network"),
        (ContentTooShortError(5, 7), "network"),
        (DownloadError("ERROR: The read operation timed out"), "network"),
        (DownloadError("ERROR: unable to write data: [Errno 28] No space left on device"), "disk"),
        (OSError(errno.ENOSPC, "full"), "disk"),
        (OSError(errno.EROFS, "read only"), "disk"),
        (OSError(errno.EACCES, "no"), "other"),
        (ValueError(), "other"),
    ],
)
def test_errors_of_other_kinds(error: Exception, reason: str) -> None:
    assert classify(error).reason == reason
    assert classify(error).message


def test_the_cause_is_found_however_deep() -> None:
    deepest = OSError(errno.ENOSPC, "full")
    error: BaseException = deepest
    for _ in range(3):
        try:
            raise ValueError("wrapped") from error
        except ValueError as wrapped:
            error = wrapped
    assert classify(error).reason == "disk"
    deepest.__cause__ = error  # a circle ends
    assert classify(error).reason == "disk"


def test_colours_and_requests_to_report_are_left_out() -> None:
    error = DownloadError(
        "\x1b[0;31mERROR:\x1b[0m [youtube] x: odd\n thing; please report this issue on  "
        "https://github.com/yt-dlp/yt-dlp/issues?q="
    )
    assert classify(error).message == "[youtube] x: odd thing"


def test_every_reason_says_when_it_is_tried_again() -> None:
    assert {reason.retry for reason in Reason} == set(Retry)
    assert Reason.network.retry is Reason.rate.retry is Retry.now
