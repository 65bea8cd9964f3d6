"""Reading video files: the frame on screen at every step, and how long a video lasts.

Time starts at the first frame that is shown, whatever its timestamp in the file. **The frame on
screen at t** is the last one whose presentation time is not after t; it stays until the next one
appears, or for its own duration if it is the last. Samples are taken at ``k * step_s`` while that
is before the end of the last frame, so a video of duration d has ``ceil(d / step_s)`` of them.
(ffmpeg's filter ``fps=0.5`` follows another rule: its frames are those near 0.96, 2.96, ... s.)

Frames are what a player shows: of the film and not of its cover (`vid2vidmr.video.source`), upright
and with square pixels (`vid2vidmr.video.picture`), on one clock (`vid2vidmr.video.packets`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vid2vidmr.video.decode import Samples, frames_shown
from vid2vidmr.video.packets import Frames, microseconds, without_frames
from vid2vidmr.video.picture import Size, picture
from vid2vidmr.video.source import open_video

if TYPE_CHECKING:
    import av

DECODER = "PyAV, frames to rgb24 by swscale"


def sampling(step_s: float) -> str:
    """Say which frames are those of a contract's features."""
    times = ", ".join(f"{step_s * k:g}" for k in range(3))
    return (
        f"the last frame with time <= t, for t = {times}, ... s after the first frame; "
        "of a query, after its own start"
    )


def sample_frames(
    path: str | Path,
    step_s: float = 2.0,
    *,
    at_s: Iterable[float] = (),
    threads: int = 0,
    size: Size | None = None,
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield the frame on screen every `step_s` seconds, decoding as little as that takes.

    Times are exact to the microsecond, see `microseconds`.

    Parameters
    ----------
    path : str or Path
        Any container that FFmpeg reads.
    step_s : float
        Seconds between samples; the first is at 0.
    at_s : iterable of float
        Further times to sample; those after the end are left out.
    threads : int
        Decoding threads; 0 lets FFmpeg choose. The frames do not depend on it.
    size : callable, optional
        (width, height) of the video to those of the frames; swscale makes them (bicubic) while it
        converts colours, which costs less than to convert and then scale.

    Yields
    ------
    t_s : float
        Time of the sample; they rise, and a time that is asked for twice comes once.
    frame : ndarray, (height, width, 3) uint8
        RGB.

    Raises
    ------
    VideoError
        If the file is missing, is no video, has no frames, is too large or long, is damaged, or
        ends before the length that its header announces. The last two are only known when decoding
        gets there: what was yielded before is right, but it is not the whole video. (MPEG-TS
        announces no length: one that was cut is a shorter video.)
    """
    samples = Samples(microseconds(step_s), sorted(microseconds(time) for time in at_s))
    times = iter(samples)
    time = next(times)
    shown: av.VideoFrame | None = None

    with open_video(path) as source:
        source.stream.codec_context.thread_count = threads
        source.stream.thread_type = "AUTO" if threads != 1 else "NONE"
        for start, frame in frames_shown(source, samples):
            while shown is not None and time < start:
                yield float(time), picture(source, shown, size)
                time = next(times)
            shown = frame
        if shown is None:
            raise without_frames(path)
        while time < source.end:
            yield float(time), picture(source, shown, size)
            time = next(times)


def sample_times(count: int, step_s: float = 2.0, at_s: Iterable[float] = ()) -> list[float]:
    """List the times of the first `count` samples that `sample_frames` yields."""
    others = sorted(microseconds(time) for time in at_s)
    return [float(time) for time in islice(Samples(microseconds(step_s), others), count)]


def video_duration(path: str | Path) -> float:
    """Length of the film in seconds, from its first frame to the end of its last.

    Measured on all packets, without decoding them: headers err. Audio that outlasts the pictures
    does not count.

    Raises
    ------
    VideoError
        As in `sample_frames`, except for damage that only decoding shows.
    """
    return float(Frames.of(Path(path)).end)
