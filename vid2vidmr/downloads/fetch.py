"""One download: yt-dlp fetches, the file is checked, and only then gets its name."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, ClassVar

from pydantic import NonNegativeFloat

from vid2vidmr.downloads.reasons import FetchError, Reason, Retry, classify
from vid2vidmr.downloads.store import Arrived
from vid2vidmr.errors import VideoError
from vid2vidmr.files import file_sha256
from vid2vidmr.video.sample import video_duration

FORMAT = "bv*[height<=?720]/b"
"""The best pictures up to 720 lines, without sound where it can be had without: no encoder looks
at more than 336 lines, and nothing here listens."""
TOLERANCE_S, TOLERANCE = 5.0, 0.05
"""How far a file's length may be from the annotated one: seconds or share, whichever is more."""
MOST_BYTES = 2**34
"""Of a video whose length is not known."""
MOST_OF_A_FILE, MOST_OF_A_SECOND = 2**28, 2**23
"""Bytes of one whose length is: as many, and as many a second."""
PAGE_BYTES, PAGE_S = 2**25, 120.0
"""How large a page that leads to a video may be, and how long it may take."""
_MAGIC = {"ftyp": slice(4, 8), "\x1aE\xdf\xa3": slice(0, 4)}


@dataclass(frozen=True)
class DownloadOptions:
    """How to download.

    Attributes
    ----------
    cookies : Path, optional
        Cookies for yt-dlp, Netscape's format.
    proxy : str, optional
        Proxy for yt-dlp.
    mirror : str, optional
        Where the videos lie instead of YouTube: an address with {id} in it.
    pause_s : float
        Seconds between the starts of two videos, at least.
    parallel : int
        Downloads at a time.
    attempts : int
        Attempts a video and run, where another try may help.
    backoff_s : float
        Seconds before the second attempt; doubled before each one that follows.
    timeout_s : float
        Seconds without a byte after which a connection is given up.
    slowest : float
        Bytes a second; what comes slower than this for `timeout_s` is given up.
    """

    offered: ClassVar = ("cookies", "proxy", "mirror", "pause_s")
    """What the command line has options for."""

    cookies: Path | None = None
    proxy: str | None = None
    mirror: str | None = None
    pause_s: NonNegativeFloat = 1.0
    parallel: int = 2
    attempts: int = 4
    backoff_s: float = 10.0
    timeout_s: float = 30.0
    slowest: float = 4096.0

    def url(self, video_id: str) -> str:
        """Address of a YouTube video, or of its copy on the mirror."""
        if self.mirror is not None:
            return self.mirror.replace("{id}", video_id)
        return f"https://www.youtube.com/watch?v={video_id}"


class _Silent:
    """Messages of yt-dlp: what matters of them is in its exceptions."""

    def debug(self, message: str) -> None:
        pass

    warning = error = info = debug


def fetch(
    video_id: str,
    url: str,
    folder: Path,
    options: DownloadOptions,
    duration_s: float | None = None,
    stop: Event | None = None,
) -> Arrived:
    """Download a video to ``folder/videos/ID.EXT``, which appears when it is whole and checked.

    Until then it lies in ``folder/.downloading/ID``. An attempt that was cut short goes on from
    there, if the server can.

    Raises
    ------
    FetchError
        With the reason.
    """
    partial = folder / ".downloading" / video_id
    try:
        partial.mkdir(parents=True, exist_ok=True)
        most = MOST_BYTES
        if duration_s is not None:
            most = MOST_OF_A_FILE + int(duration_s * MOST_OF_A_SECOND)
        path = _download(url, partial, options, stop, most)
        arrived = checked(path, duration_s)
        final = folder / "videos" / f"{video_id}{path.suffix}"
        final.parent.mkdir(exist_ok=True)
        path.replace(final)
    except Exception as error:
        failure = error if isinstance(error, FetchError) else classify(error)
        if failure.reason.retry is not Retry.now:  # else the next attempt goes on from there
            shutil.rmtree(partial, ignore_errors=True)
        raise failure from error
    shutil.rmtree(partial, ignore_errors=True)
    return arrived._replace(path=f"videos/{final.name}")


def checked(path: Path, duration_s: float | None = None) -> Arrived:
    """Check a file: it is a video, whole, and of the expected length; tell its hash.

    A file that fails is deleted.

    Raises
    ------
    FetchError
        With the reason.
    """
    try:
        found_s = video_duration(path)
    except VideoError as error:
        with path.open("rb") as file:
            start = file.read(16).decode("latin-1")
        path.unlink()
        # A page of HTML says nothing of the kind; a file that was cut begins as it should.
        began = any(start[where] == magic for magic, where in _MAGIC.items())
        raise FetchError(
            Reason.network if began else Reason.not_a_video,
            str(error).replace(str(path), "the file"),
        ) from None
    if duration_s is not None:
        allowed_s = max(TOLERANCE_S, TOLERANCE * duration_s)
        if abs(found_s - duration_s) > allowed_s:
            path.unlink()
            raise FetchError(
                Reason.another_video,
                f"it lasts {found_s:.1f} s, the annotations say {duration_s:.1f} s",
            )
    return Arrived(path.name, path.stat().st_size, file_sha256(path), found_s)


def _bounded(response: Any) -> Any:
    """Make reading all of a response, as yt-dlp does with pages, end with an endless one, too."""
    read, deadline = response.read, time.monotonic() + PAGE_S

    def bounded(amount: int | None = None) -> bytes:
        if amount is not None:
            data: bytes = read(amount)
            return data
        parts, left = [], PAGE_BYTES
        while part := read(2**16):
            parts.append(part)
            left -= len(part)
            if left < 0:
                raise FetchError(Reason.not_a_video, f"a page of more than {PAGE_BYTES:,} bytes")
            if time.monotonic() > deadline:
                raise FetchError(Reason.network, f"a page did not end in {PAGE_S:.0f} s")
        return b"".join(parts)

    response.read = bounded
    return response


def _download(
    url: str, folder: Path, options: DownloadOptions, stop: Event | None, most: int
) -> Path:
    import imageio_ffmpeg
    import yt_dlp

    class Client(yt_dlp.YoutubeDL):  # type: ignore[misc]
        def urlopen(self, req: Any) -> Any:
            return _bounded(super().urlopen(req))

    def watch(news: Mapping[str, Any]) -> None:
        if stop is not None and stop.is_set():
            raise yt_dlp.utils.DownloadCancelled
        elapsed, received = news.get("elapsed") or 0.0, news.get("downloaded_bytes") or 0
        if received > most:
            raise FetchError(Reason.not_a_video, f"it has more than {most:,} bytes, and no end yet")
        slow = elapsed > options.timeout_s and received / elapsed < options.slowest
        if news["status"] == "downloading" and slow:
            raise yt_dlp.utils.DownloadCancelled(
                f"the data came slower than {options.slowest:.0f} bytes a second"
            )

    # One attempt is one attempt: waiting and trying again is the scheduler's, for all videos. The
    # format is part of the name: an attempt that is given another one must not go on in the file.
    settings: dict[str, Any] = {
        "outtmpl": {"default": str(folder).replace("%", "%%") + "/%(format_id)s.%(ext)s"},
        "format": FORMAT,
        "ffmpeg_location": imageio_ffmpeg.get_ffmpeg_exe(),
        # Two of 1,800: it starts in half the time, and no page leads to another site.
        "allowed_extractors": ["youtube", "generic"],
        "noplaylist": True,
        "retries": 0,
        "extractor_retries": 0,
        "file_access_retries": 0,
        "fragment_retries": 3,
        "skip_unavailable_fragments": False,
        "socket_timeout": options.timeout_s,
        "buffersize": 16 * 1024,  # `watch` is called after each
        "noresizebuffer": True,
        "updatetime": False,
        "logger": _Silent(),
        "noprogress": True,
        "color": "never",
        "progress_hooks": [watch],
    }
    if options.cookies is not None:  # a copy: yt-dlp writes what it is sent back into the file
        settings["cookiefile"] = io.StringIO(options.cookies.read_text(encoding="utf-8"))
    if options.proxy is not None:
        settings["proxy"] = options.proxy
    with Client(settings) as client:
        found = client.extract_info(url)
    files = (found or {}).get("requested_downloads") or []
    if len(files) != 1:
        raise FetchError(Reason.not_a_video, f"{url} is a page, not one video")
    return Path(files[0]["filepath"])
