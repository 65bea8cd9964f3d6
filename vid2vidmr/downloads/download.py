"""Downloading many videos: politely, a few at a time, until each is there or known to be gone."""

from __future__ import annotations

import heapq
import re
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path
from threading import Event
from typing import NamedTuple

from vid2vidmr.downloads.fetch import DownloadOptions, checked, fetch
from vid2vidmr.downloads.reasons import FetchError, Reason, Retry
from vid2vidmr.downloads.store import Arrived, DownloadStore, VideoState
from vid2vidmr.errors import DataError, UserError
from vid2vidmr.files import alone
from vid2vidmr.progress import progress

_FILE_NAME = re.compile(r"[\w-][\w.-]*")


class Wanted(NamedTuple):
    """A video to download: its id (the name of its file), its address, its length if known."""

    video_id: str
    url: str
    duration_s: float | None = None


class _Attempt(NamedTuple):
    """An attempt that is due at a time (`time.monotonic`); ordered by it, then as wanted."""

    due: float
    order: int
    number: int


def download(
    wanted: Sequence[Wanted], folder: Path, options: DownloadOptions
) -> dict[str, VideoState]:
    """Download what is not there yet, and what failed for a reason that may have passed.

    Videos lie in ``folder/videos``; what is known of each in ``folder/downloads.sqlite``. A
    video file that is there already is checked and taken. A run that was killed goes on when
    called again.

    Returns
    -------
    dict of str to VideoState
        All wanted videos, done or failed.

    Raises
    ------
    UserError
        If the cookies cannot be read, or the disk is full.
    """
    _check(wanted, options)
    with alone(folder), DownloadStore(folder) as store:
        store.add((video.video_id, video.url) for video in wanted)
        todo = _todo(wanted, folder, store, options)
        full = _run(todo, folder, store, options)
        states = store.states()
    if full is not None:
        raise UserError(
            f"The disk of {folder} is full ({full.message}): free some space, then run the same "
            "command again; it goes on from here."
        )
    return {video.video_id: states[video.video_id] for video in wanted}


def retried(reason: Reason | None, options: DownloadOptions) -> bool:
    """Tell whether a new run asks again for a video that failed for this reason."""
    if reason is None:
        return True
    return {
        Retry.never: False,
        Retry.with_cookies: options.cookies is not None,
        Retry.with_proxy: options.proxy is not None,
    }.get(reason.retry, True)


def _check(wanted: Sequence[Wanted], options: DownloadOptions) -> None:
    for video in wanted:
        if not _FILE_NAME.fullmatch(video.video_id):
            raise DataError(
                f"The video id {video.video_id!r} cannot be the name of a file: expected letters, "
                "digits, '_', '-' and '.'."
            )
    if options.mirror is not None and "{id}" not in options.mirror:
        raise UserError(
            f"The mirror {options.mirror!r} names no video: write {{id}} where its id belongs, "
            "such as http://host/{id}.mp4."
        )
    if options.cookies is not None:
        import io

        from yt_dlp.cookies import YoutubeDLCookieJar

        try:
            text = options.cookies.read_text(encoding="utf-8")
            YoutubeDLCookieJar(io.StringIO(text)).load()
        except (OSError, ValueError) as error:
            raise UserError(
                f"The cookies {options.cookies} cannot be read ({error}): expected a file in "
                "Netscape's format, as browsers' extensions export it."
            ) from None


def _todo(
    wanted: Sequence[Wanted], folder: Path, store: DownloadStore, options: DownloadOptions
) -> list[Wanted]:
    """Compare what is known with what is there; give what is to be asked for."""
    states = store.states()
    files = {path.stem: path for path in (folder / "videos").glob("[!.]*") if path.is_file()}
    todo = []
    for video in wanted:
        state, path = states[video.video_id], files.get(video.video_id)
        if state.state == "done" and path is not None and path.stat().st_size == state.bytes:
            continue
        if path is not None:  # a run was killed before it noted the file, or the user put it there
            try:
                file = checked(path, video.duration_s)
            except FetchError:
                pass  # the bad file is gone: it is downloaded
            else:
                store.done(video.video_id, file._replace(path=f"videos/{path.name}"))
                continue
        elif state.state == "failed" and not retried(state.reason, options):
            continue
        store.pending(video.video_id)
        todo.append(video)
    return todo


def _run(
    todo: Sequence[Wanted], folder: Path, store: DownloadStore, options: DownloadOptions
) -> FetchError | None:
    """Work through `todo`; give the failure that ended the run early, if one did."""
    queue = [_Attempt(0.0, order, 1) for order in range(len(todo))]
    running: dict[Future[Arrived], _Attempt] = {}
    stop, opens = Event(), 0.0
    counts = {"here": 0, "failed": 0}

    def start(attempt: _Attempt) -> Future[Arrived]:
        video = todo[attempt.order]
        store.downloading(video.video_id)
        return pool.submit(
            fetch, video.video_id, video.url, folder, options, video.duration_s, stop
        )

    with progress("Downloads", len(todo)) as bar, ThreadPoolExecutor(options.parallel) as pool:
        try:
            while queue or running:
                now = time.monotonic()
                free = queue and len(running) < options.parallel
                due = max(opens, queue[0].due) if free else None
                if due is not None and due <= now:
                    attempt = heapq.heappop(queue)
                    running[start(attempt)] = attempt
                    opens = max(opens, now + options.pause_s)
                    continue
                timeout = None if due is None else due - now
                if running:
                    ended = wait(running, timeout, FIRST_COMPLETED).done
                else:
                    bar.advance(0, f"waiting {timeout:.0f} s")
                    time.sleep(timeout or 0.0)
                    continue
                for future in ended:
                    attempt = running.pop(future)
                    video_id = todo[attempt.order].video_id
                    try:
                        store.done(video_id, future.result())
                        counts["here"] += 1
                    except FetchError as failure:
                        store.failed(video_id, failure)
                        if failure.reason is Reason.disk:
                            return failure
                        again, opens = _again(attempt, failure, options, opens)
                        if again is not None:
                            heapq.heappush(queue, again)
                            continue
                        counts["failed"] += 1
                    bar.advance(1, f"{counts['here']} here, {counts['failed']} failed")
        finally:
            stop.set()
            for future, attempt in running.items():
                _settle(store, todo[attempt.order].video_id, future)
    partial = folder / ".downloading"
    for left in (*partial.glob("*"), partial):
        with suppress(OSError):  # not empty: the next run goes on with what was cut short
            left.rmdir()
    return None


def _again(
    attempt: _Attempt, failure: FetchError, options: DownloadOptions, opens: float
) -> tuple[_Attempt | None, float]:
    """Give the next attempt at a video, if there is one, and when the next request may be made."""
    wait_s = options.backoff_s * 2 ** (attempt.number - 1)
    if failure.retry_after_s is not None:
        wait_s = failure.retry_after_s
    due = time.monotonic() + wait_s
    if failure.reason is Reason.rate:  # the server speaks to this address, not of this video
        opens = max(opens, due)
    if failure.reason.retry is not Retry.now or attempt.number >= options.attempts:
        return None, opens
    return _Attempt(due, attempt.order, attempt.number + 1), opens


def _settle(store: DownloadStore, video_id: str, future: Future[Arrived]) -> None:
    """Note what came of an attempt when the run ends before it."""
    future.cancel()
    try:
        store.done(video_id, future.result())
    except BaseException:  # it was stopped: nothing is known of the video
        store.pending(video_id)
