"""Reading video files: the frame on screen at t = 0, 2, 4, ... s, and how long a video lasts.

Time starts at the first frame that is shown, whatever its timestamp in the file. **The frame on
screen at t** is the last one whose presentation time is not after t; it stays until the next one
appears, or for its own duration if it is the last. Samples are taken at ``k * step_s`` while that
is before the end of the last frame, so a video of duration d has ``ceil(d / step_s)`` of them.
(ffmpeg's filter ``fps=0.5`` follows another rule: its frames are those near 0.96, 2.96, ... s.)
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition

from vid2vidmr.errors import VideoError

SAMPLING = "the last frame with time <= t, for t = 0, 2, 4, ... s after the first frame"
DECODER = "PyAV, frames to rgb24 by swscale"

# Containers that write their length into a header; elsewhere FFmpeg only estimates it.
_ANNOUNCING = {"mov", "matroska", "flv", "asf"}
_SLACK_S = 1  # headers round, and streams of one file end at slightly different times


def sample_frames(
    path: str | Path, step_s: float = 2.0, *, threads: int = 0
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield the frame on screen every `step_s` seconds.

    Parameters
    ----------
    path : str or Path
        Any file FFmpeg reads.
    step_s : float
        Seconds between samples; the first is at 0.
    threads : int
        Decoding threads; 0 lets FFmpeg choose. The frames do not depend on it.

    Yields
    ------
    t_s : float
        Time of the sample.
    frame : ndarray, (height, width, 3) uint8
        RGB.

    Raises
    ------
    VideoError
        If the file is missing, is no video, has no frames, is damaged, or ends before the length
        that its header announces. The last two are only known when decoding gets there: what was
        yielded before is right, but it is not the whole video. (MPEG-TS announces no length: one
        that was cut is a shorter video.)
    """
    step = Fraction(step_s)
    k = 0
    shown: av.VideoFrame | None = None
    with open_video(path) as source:
        source.stream.codec_context.thread_count = threads
        source.stream.thread_type = "AUTO" if threads != 1 else "NONE"
        for time, frame in _decode(source):
            while shown is not None and k * step < time:
                yield float(k * step), shown.to_ndarray(format="rgb24")
                k += 1
            shown = frame
        if shown is None:
            raise VideoError(f"{path} has a video stream without a single frame: replace the file.")
        while k * step < source.end:
            yield float(k * step), shown.to_ndarray(format="rgb24")
            k += 1


def video_duration(path: str | Path) -> float:
    """Length of the video stream in seconds, from its first frame to the end of its last.

    Taken from the header where there is one of the stream's own (MP4), else measured by reading
    the packets without decoding them. Audio that outlasts the pictures does not count.

    Raises
    ------
    VideoError
        As in `sample_frames`, except that cuts and damage behind the header stay unseen.
    """
    with open_video(path) as source:
        stream = source.stream
        if "mov" in source.formats and stream.duration:
            return float(stream.duration * stream.time_base)
        first, last, packets = None, Fraction(0), 0
        for packet in source.container.demux(stream):
            if packet.size == 0:  # the flushing packet at the end
                continue
            packets += 1
            if packet.pts is not None:
                time = packet.pts * packet.time_base
                first = time if first is None else min(first, time)
                last = max(last, time + (source.seconds(packet) or source.frame_s))
        if packets == 0:
            raise VideoError(f"{path} has a video stream without a single frame: replace the file.")
        return float(packets * source.frame_s if first is None else last - first)


def read_through(path: str | Path) -> float:
    """Read a file to its end without decoding it; give the length of its pictures in seconds.

    Finds what `video_duration` does not see: files that end before their header says they do.

    Raises
    ------
    VideoError
        As in `sample_frames`, except for damage that only decoding shows.
    """
    with open_video(path) as source:
        first: Fraction | None = None
        file_end = Fraction(0)
        try:
            for packet in source.container.demux():
                if packet.pts is None:
                    continue
                time = packet.pts * packet.time_base
                end = time + source.seconds(packet)
                file_end = max(file_end, end)
                if packet.stream_index == source.stream.index:
                    first = time if first is None else min(first, time)
                    source.end = max(source.end, end - first)
                if packet.is_corrupt:
                    raise _broken(source)
        except av.FFmpegError:
            raise _broken(source) from None
        _require_end(source, file_end)
        if first is None:
            raise VideoError(f"{path} has a video stream without a single frame: replace the file.")
    return video_duration(path)


@dataclass
class Source:
    """An open file, its video stream, and where decoding has got to (seconds from the start)."""

    path: str | Path
    container: Any
    stream: Any
    end: Fraction = Fraction(0)

    @property
    def formats(self) -> set[str]:
        """Names of the container's format."""
        return set(self.container.format.name.split(","))

    @property
    def frame_s(self) -> Fraction:
        """Length of a frame that does not tell its own."""
        return Fraction(1) / (self.stream.average_rate or self.stream.guessed_rate or 25)

    @staticmethod
    def seconds(timed: Any) -> Fraction:
        """Duration of a packet or frame, 0 if it does not tell."""
        return Fraction(timed.duration * timed.time_base) if timed.duration else Fraction(0)

    @property
    def announced_end(self) -> Fraction | None:
        """Timestamp at which the header says the file ends."""
        if self.container.duration is None or not self.formats & _ANNOUNCING:
            return None
        duration = Fraction(self.container.duration, av.time_base)
        if "matroska" in self.formats:  # there the duration counts from timestamp 0
            return duration
        return duration + Fraction(self.container.start_time or 0, av.time_base)


@contextmanager
def open_video(path: str | Path) -> Iterator[Source]:
    """Open a file at its first stream of moving pictures.

    Raises
    ------
    VideoError
        If the file is missing or is no video.
    """
    if not Path(path).is_file():
        raise VideoError(f"{path} does not exist: expected a video file.")
    try:
        container = av.open(str(path))
    except (av.FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise VideoError(
            f"{path} cannot be read as video ({reason}): it is of another kind or was cut; "
            "download or encode it again."
        ) from None
    with container:
        pictures = [
            stream
            for stream in container.streams.video
            if not stream.disposition & Disposition.attached_pic
        ]
        # FFmpeg renders any text file as a picture of a terminal.
        if not pictures or container.format.name == "tty":
            raise VideoError(f"{path} has no video stream: pass a file with moving pictures.")
        yield Source(path, container, pictures[0])


def _decode(source: Source) -> Iterator[tuple[Fraction, av.VideoFrame]]:
    """Yield (seconds after the first frame, frame) and keep `source.end` up to date."""
    start: Fraction | None = None
    file_end = Fraction(0)
    try:
        for packet in source.container.demux():  # all streams: audio may end after the pictures
            if packet.pts is not None:
                file_end = max(file_end, packet.pts * packet.time_base + source.seconds(packet))
            if packet.stream_index != source.stream.index:
                continue
            if packet.is_corrupt:
                raise _broken(source)
            for frame in packet.decode():
                time = source.end
                if frame.pts is not None:
                    shown_at = Fraction(frame.pts * frame.time_base)
                    start = shown_at if start is None else start
                    time = shown_at - start
                source.end = time + (source.seconds(frame) or source.frame_s)
                yield time, frame
    except av.FFmpegError:
        raise _broken(source) from None
    _require_end(source, file_end)


def _require_end(source: Source, file_end: Fraction) -> None:
    announced = source.announced_end
    if announced is not None and file_end < announced - _SLACK_S:
        raise _broken(source)


def _broken(source: Source) -> VideoError:
    announced = source.announced_end
    of = ""
    if announced is not None:
        first = source.stream.start_time
        begin = first * source.stream.time_base if first is not None else 0
        of = f", its header announces {float(announced - begin):.1f} s"
    return VideoError(
        f"{source.path} is cut or damaged: it can be read up to {float(source.end):.1f} s{of}; "
        "download or encode it again."
    )
