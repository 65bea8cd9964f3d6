"""Decoding a video file, but only what is needed of it.

A frame that is wanted is decoded from the key frame before it on, as a player does that seeks:
groups of pictures without a wanted frame are not decoded at all, those with one only up to it, and
H.264 frames that no other frame refers to are left out. Packets are read in order, a group at a
time, so this works where a file has no index or cannot be sought in.

Where a group does not stand by itself (open GOP: frames shown before a key frame and sent after
it), where packets tell no time, or where groups are so long that they would not fit in memory,
everything is decoded from there on. The frames are the same either way.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import count, groupby
from math import ceil, floor
from pathlib import Path
from typing import Any

import av
from av.stream import Disposition

from vid2vidmr.errors import VideoError

# Containers that write their length into a header; elsewhere FFmpeg only estimates it.
_ANNOUNCING = {"mov", "matroska", "flv", "asf"}
_SLACK_S = 1  # headers round, and streams of one file end at slightly different times
_LONGEST = 1500
"""Most packets of two groups that wait to be decoded: a minute at 25 frames/s."""

Packets = list[Any]
Timed = tuple[Fraction, av.VideoFrame]


@dataclass
class Source:
    """An open file, its video stream, and how far it was read.

    Attributes
    ----------
    container, stream
        PyAV's.
    start : Fraction or None
        Timestamp of the first frame, seconds.
    end : Fraction
        Seconds from the first frame to the end of the last one that was decoded or left out.
    read : Fraction
        Timestamp of the end of what was read, seconds.
    """

    path: str | Path
    container: Any
    stream: Any
    start: Fraction | None = None
    end: Fraction = Fraction(0)
    read: Fraction = Fraction(0)

    @property
    def formats(self) -> set[str]:
        """Names of the container format."""
        return set(self.container.format.name.split(","))

    @property
    def frame_s(self) -> Fraction:
        """Length of a frame that does not tell its own."""
        return Fraction(1) / (self.stream.average_rate or self.stream.guessed_rate or 25)

    def seconds(self, timed: Any) -> Fraction:
        """Duration of a packet or frame, 0 if it does not tell."""
        # PyAV gives no time base to frames that come out when decoding ends.
        base = timed.time_base or self.stream.time_base
        return Fraction(timed.duration * base) if timed.duration else Fraction(0)

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


def microseconds(seconds: float) -> Fraction:
    """Give seconds as a whole number of microseconds: 12.04 is frame 301 of 25 a second.

    The float lies a hair before it.
    """
    return Fraction(round(seconds * 1_000_000), 1_000_000)


@dataclass(frozen=True)
class Samples:
    """Times of samples: the multiples of `step`, and `others`, sorted, in seconds."""

    step: Fraction
    others: Sequence[Fraction] = ()

    def on_screen(self, times: list[int], end: int, base: Fraction) -> list[int]:
        """Which frames are on screen at a sample's time.

        Parameters
        ----------
        times : list of int
            When the frames appear, in ticks of `base` seconds, sorted.
        end : int
            When the last one disappears.

        Returns
        -------
        list of int
            Places in `times`.
        """
        ticks, over = (self.step / base).as_integer_ratio()
        first, last = (bisect_left(self.others, time * base) for time in (times[0], end))
        others = [floor(other / base) for other in self.others[first:last]]
        wanted = []
        for i, (time, after) in enumerate(zip(times, [*times[1:], end], strict=True)):
            sample = -(-time * over // ticks)  # the first one not before the frame
            nth = bisect_left(others, time)
            if sample * ticks < after * over or (nth < len(others) and others[nth] < after):
                wanted.append(i)
        return wanted

    def __iter__(self) -> Iterator[Fraction]:
        """Yield all of them in order, each once, without end."""
        merged = heapq.merge((k * self.step for k in count()), self.others)
        return (time for time, _ in groupby(merged))


def frames_shown(source: Source, samples: Samples) -> Iterator[Timed]:
    """Yield (seconds after the first frame, frame), and keep `source.end` up to date.

    All frames that are on screen at a sample's time are among them, in the order in which they are
    shown, and possibly others.

    Raises
    ------
    VideoError
        If the file is damaged, or ends before the length that its header announces.
    """
    try:
        yield from _of_groups(source, _groups(source, _packets(source)), samples)
    except av.FFmpegError:
        raise _broken(source) from None


def read_packets(source: Source) -> None:
    """Read the file to its end without decoding it.

    Raises
    ------
    VideoError
        As in `frames_shown`, except for damage that only decoding shows.
    """
    try:
        for _ in _packets(source):
            pass
    except av.FFmpegError:
        raise _broken(source) from None


def _packets(source: Source) -> Iterator[Any]:
    """Packets of the video stream; all streams are read, audio may end after the pictures."""
    file_end = Fraction(0)
    for packet in source.container.demux():
        if packet.pts is not None:
            file_end = max(file_end, packet.pts * packet.time_base + source.seconds(packet))
        if packet.stream_index != source.stream.index or packet.size == 0:
            continue
        if packet.is_corrupt:
            raise _broken(source)
        source.read = file_end
        yield packet
    announced = source.announced_end
    if announced is not None and file_end < announced - _SLACK_S:
        raise _broken(source)


def _groups(source: Source, packets: Iterator[Any]) -> Iterator[tuple[Packets, bool]]:
    """Yield packets in groups, and whether a group stands by itself; once one does not, none does.

    A group begins with a key frame. That it is complete is only known when the next one has been
    read, since frames that follow a key frame may be shown before it.
    """
    before: Packets = []
    group: Packets = []
    for packet in packets:
        begins = packet.is_keyframe and bool(group)
        too_long = len(before) + len(group) > _LONGEST
        if packet.pts is None or too_long or (begins and not _apart(before, group)):
            yield [*before, *group, packet], False
            break
        if begins:
            if before:
                yield before, True
            before, group = group, []
        group.append(packet)
    else:
        if not _apart(before, group):
            yield before + group, False
        else:
            yield from ((some, True) for some in (before, group) if some)
    for packet in packets:
        yield [packet], False


def _apart(before: Packets, group: Packets) -> bool:
    """Whether all frames of `before` are shown before all of `group`, which begins with a key."""
    if not group:
        return True
    first = group[0]
    return (
        first.is_keyframe
        and all(packet.pts > first.pts for packet in group[1:])
        and all(packet.pts < first.pts for packet in before)
    )


def _of_groups(
    source: Source, groups: Iterator[tuple[Packets, bool]], samples: Samples
) -> Iterator[Timed]:
    waiting: Packets = []
    for packets, alone in groups:
        if waiting:
            yield from _of_group(source, waiting, samples, until=packets[0].pts)
        waiting = packets if alone else []
        if not alone:
            yield from _decoded(source, packets)
    if waiting:
        yield from _of_group(source, waiting, samples)
    yield from _decoded(source, [None])


def _of_group(
    source: Source, packets: Packets, samples: Samples, until: int | None = None
) -> Iterator[Timed]:
    """Frames of a group that stands by itself; `until` is when the next one is shown, ticks."""
    base = source.stream.time_base
    shown = sorted((packet for packet in packets if not packet.is_discard), key=lambda p: p.pts)
    if not shown:
        return
    if source.start is None:
        source.start = shown[0].pts * base
    source.end = shown[-1].pts * base - source.start + (source.seconds(shown[-1]) or source.frame_s)
    start = round(source.start / base)
    end = ceil(source.end / base) if until is None else until - start
    wanted = samples.on_screen([packet.pts - start for packet in shown], end, base)
    times = {shown[i].pts for i in wanted}
    if 2 * len(times) > len(shown):  # most are wanted: leave none out, and hold none back
        yield from _alone(source, packets, {packet.pts for packet in packets})
        return
    last = max((i for i, packet in enumerate(packets) if packet.pts in times), default=-1)
    # Only these are held: the group's other frames may be hundreds.
    frames = [x for x in _alone(source, packets[: last + 1], times) if x[1].pts in times]
    if len(frames) < len(times):  # a packet that is never shown, as in VP8
        yield from _alone(source, packets, {packet.pts for packet in packets})
        return
    yield from frames


def _alone(source: Source, packets: Packets, wanted: set[int]) -> Iterator[Timed]:
    """Decode a group that stands by itself; others than the wanted may be left out."""
    if not packets:
        return
    codec = source.stream.codec_context
    left_out = "NONREF" if codec.name == "h264" else "DEFAULT"
    for packet in packets:
        codec.skip_frame = "DEFAULT" if packet.pts in wanted else left_out
        yield from _timed(source, packet.decode())
    codec.skip_frame = "DEFAULT"
    yield from _timed(source, codec.decode(None))
    codec.flush_buffers()


def _decoded(source: Source, packets: Packets) -> Iterator[Timed]:
    """Decode everything."""
    for packet in packets:
        frames = source.stream.codec_context.decode(None) if packet is None else packet.decode()
        for time, frame in _timed(source, frames):
            source.end = time + (source.seconds(frame) or source.frame_s)
            yield time, frame


def _timed(source: Source, frames: list[av.VideoFrame]) -> Iterator[Timed]:
    for frame in frames:
        time = source.end  # of a file whose frames tell no time
        if frame.pts is not None:
            shown_at = Fraction(frame.pts * source.stream.time_base)
            source.start = shown_at if source.start is None else source.start
            time = shown_at - source.start
        yield time, frame


def _broken(source: Source) -> VideoError:
    first = source.stream.start_time
    begin = first * source.stream.time_base if first is not None else Fraction(0)
    announced = source.announced_end
    of = f", its header announces {float(announced - begin):.1f} s" if announced else ""
    read_s = float(max(source.end, source.read - begin))
    return VideoError(
        f"{source.path} is cut or damaged: it can be read up to {read_s:.1f} s{of}; "
        "download or encode it again."
    )
