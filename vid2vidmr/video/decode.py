"""Decoding a video file, but only what is needed of it.

A frame that is wanted is decoded from the key frame before it on, as a player does that seeks:
groups of pictures without a wanted frame are not decoded at all, those with one only up to it, and
H.264 frames that no other frame refers to are left out. Packets are read in order, a group at a
time, so this works where a file has no index or cannot be sought in.

Where a group does not stand by itself (open GOP: frames shown before a key frame and sent after
it), where packets tell no time of showing, or where groups are so long that they would not fit in
memory, everything is decoded from there on. The frames are the same either way.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, count, groupby, islice
from math import ceil, floor
from typing import Any

import av

from vid2vidmr.video.packets import film_packets
from vid2vidmr.video.source import Source

_LONGEST = 1500
"""Most packets of two groups that wait to be decoded: a minute at 25 frames/s."""

Packets = list[Any]
Timed = tuple[Fraction, av.VideoFrame]


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
    """Yield (seconds after the first frame, frame); when all are taken, `source.end` is the length.

    All frames that are on screen at a sample's time are among them, in the order in which they are
    shown, and possibly others.

    Raises
    ------
    VideoError
        As in `film_packets`; if the file is damaged.
    """
    packets = film_packets(source)
    first = list(islice(packets, 1))  # it tells whether packets are timed
    if source.timed:
        yield from _of_groups(source, _groups(chain(first, packets)), samples)
    else:
        yield from in_order(source, chain(first, packets))


def in_order(source: Source, packets: Iterator[Any]) -> Iterator[Timed]:
    """Decode everything; frames take the times of their packets in the order of their coming."""
    codec, base = source.stream.codec_context, source.base
    times: deque[int] = deque()
    time = 0
    for packet in chain(packets, [None]):
        if packet is not None and not packet.is_discard:
            times.append(packet.pts)
        for frame in codec.decode(packet):
            time = times.popleft() if times else time + ceil(source.frame_ticks)
            yield (time - (source.start or 0)) * base, frame


def _groups(packets: Iterator[Any]) -> Iterator[tuple[Packets, bool]]:
    """Yield packets in groups, and whether a group stands by itself; once one does not, none does.

    A group begins with a key frame. That it is complete is only known when the next one has been
    read, since frames that follow a key frame may be shown before it.
    """
    before: Packets = []
    group: Packets = []
    for packet in packets:
        begins = packet.is_keyframe and bool(group)
        too_long = len(before) + len(group) > _LONGEST
        if too_long or (begins and not _apart(before, group)):
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
    base = source.base
    shown = sorted((packet for packet in packets if not packet.is_discard), key=lambda p: p.pts)
    if not shown:
        return
    start = source.start = shown[0].pts if source.start is None else source.start
    stays = shown[-1].duration or source.frame_ticks
    end = (ceil(shown[-1].pts + stays) if until is None else until) - start
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
        yield from timed(source, packet.decode())
    codec.skip_frame = "DEFAULT"
    yield from timed(source, codec.decode(None))
    codec.flush_buffers()


def _decoded(source: Source, packets: Packets) -> Iterator[Timed]:
    """Decode everything."""
    for packet in packets:
        yield from timed(source, source.stream.codec_context.decode(packet))


def timed(source: Source, frames: list[av.VideoFrame]) -> Iterator[Timed]:
    """Give frames their times, seconds after the first one."""
    for frame in frames:
        time = frame.pts
        if time is None:  # it follows the one before
            time = 0 if source.shown is None else source.shown + ceil(source.frame_ticks)
        source.start = time if source.start is None else source.start
        source.shown = time
        yield (time - source.start) * source.base, frame
