"""Decoding a video file, but only what is needed of it.

A frame that is wanted is decoded from the key frame before it on, as a player does that seeks:
groups of pictures without a wanted frame are not decoded at all, those with one only up to it, and
frames of H.264, HEVC and AV1 that no other frame refers to are left out. Packets are read in order,
a group at a time, so this works where a file has no index or cannot be sought in.

Frames that are shown before a key frame and sent behind it (open GOP) are decoded with the group
before. Where groups cannot be told apart, where packets tell no time of showing, or where groups
are so long that they would not fit in memory, everything is decoded from there on. The frames are
the same either way.
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
from sys import maxsize
from typing import Any

import av

from vid2vidmr.video.access import Access
from vid2vidmr.video.packets import film_packets
from vid2vidmr.video.source import Source

_LONGEST = 1500
"""Most packets of two groups that wait to be decoded: a minute at 25 frames/s."""

Packets = list[Any]
Timed = tuple[Fraction, av.VideoFrame]
Ticked = tuple[int, av.VideoFrame]


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
    packets = chain(first, packets)
    base = source.base
    if source.timed:
        shown = _of_groups(source, Access(source.stream.codec_context), packets, samples)
    else:
        shown = in_order(source, packets)
    for ticks, frame in shown:
        yield (ticks - (source.start or 0)) * base, frame


def in_order(source: Source, packets: Iterator[Any]) -> Iterator[Ticked]:
    """Decode everything; frames take the times of their packets in the order of their coming."""
    codec = source.stream.codec_context
    times: deque[int] = deque()
    time = 0
    for packet in chain(packets, [None]):
        if packet is not None and not packet.is_discard:
            times.append(packet.pts)
        for frame in codec.decode(packet):
            time = times.popleft() if times else time + ceil(source.frame_ticks)
            yield time, frame


@dataclass(frozen=True)
class _Group:
    """Packets from one where decoding may begin to the next.

    Attributes
    ----------
    behind : list of packet
        The next such packet, and those behind it that are shown before it.
    begins : bool
        Whether decoding may begin at the first packet, and all others are shown after it or not
        needed; else the group can only be decoded where what is before it was.
    """

    packets: Packets
    behind: Packets
    begins: bool

    @property
    def start(self) -> int:
        """Timestamp from which the group's frames are shown."""
        return int(self.packets[0].pts) if self.begins else -maxsize

    @property
    def until(self) -> int:
        """Timestamp at which the next group's frames are shown."""
        return int(self.behind[0].pts) if self.behind else maxsize


def _groups(access: Access, packets: Iterator[Any]) -> Iterator[_Group | Packets]:
    """Yield packets in groups; once groups cannot be told apart, all others as lists.

    That a group is complete is only known when the next one has been read, since frames that
    follow a key frame may be shown before it.
    """
    before: Packets = []
    group: Packets = []
    first = True
    for packet in packets:
        begins = bool(group) and access.begins(packet)
        too_long = len(before) + len(group) > _LONGEST
        if too_long or (begins and before and not _apart(access, before, group)):
            yield [*before, *group, packet]
            break
        if begins:
            if before:
                yield _Group(before, _behind(group), not first or _clean(access, before))
                first = False
            before, group = group, []
        group.append(packet)
    else:
        if before and not _apart(access, before, group):
            yield before + group
            return
        for some, behind in ((before, _behind(group)), (group, [])):
            if some:
                yield _Group(some, behind, not first or _clean(access, some))
                first = False
    for packet in packets:
        yield [packet]


def _behind(group: Packets) -> Packets:
    """Give the first packet of a group and those that are shown before it."""
    last = max((i for i, packet in enumerate(group) if packet.pts <= group[0].pts), default=-1)
    return group[: last + 1]


def _clean(access: Access, group: Packets) -> bool:
    """Whether the first group of a film begins with its first frame."""
    return access.begins(group[0]) and all(packet.pts > group[0].pts for packet in group[1:])


def _apart(access: Access, before: Packets, group: Packets) -> bool:
    """Whether all that `before` shows is shown before what `group` begins with, and needs no more.

    Frames that are shown before the key frame that they follow need both groups (open GOP): that of
    `before` must have taken the place of all that was before it.
    """
    start, until = before[0].pts, group[0].pts
    early = [packet.pts for packet in group[1:] if packet.pts <= until]
    return (
        all(packet.pts < until for packet in before)
        and until not in early
        and (
            not early
            or (access.leading and min(early) > start and any(p.pts > start for p in before))
        )
    )


def _of_groups(
    source: Source, access: Access, packets: Iterator[Any], samples: Samples
) -> Iterator[Ticked]:
    for group in _groups(access, packets):
        if isinstance(group, _Group):
            yield from _of_group(source, access, group, samples)
        else:
            yield from _decoded(source, group)
    yield from _decoded(source, [None])


def _of_group(source: Source, access: Access, group: _Group, samples: Samples) -> Iterator[Ticked]:
    """Frames that are shown from a group's first on, and before the next group's."""
    packets = group.packets + (group.behind if len(group.behind) > 1 else [])
    times = _wanted(source, group, samples) if group.begins else {p.pts for p in packets}
    if not times:
        return
    if 2 * len(times) <= len(packets):  # else leave none out, and hold none back
        last = max(i for i, packet in enumerate(packets) if packet.pts in times)
        # Only these are held: the group's other frames may be hundreds.
        decoded = _alone(source, access, packets[: last + 1], times)
        frames = [found for found in decoded if found[0] in times]
        if len(frames) == len(times):
            yield from frames
            return  # else there is a packet that is never shown, as in VP8
    for time, frame in _alone(source, access, packets, {packet.pts for packet in packets}):
        if group.start <= time < group.until:
            yield time, frame


def _wanted(source: Source, group: _Group, samples: Samples) -> set[int]:
    """Timestamps of the group's frames that are on screen at a sample's time."""
    shown = [packet for packet in group.packets if packet.pts >= group.start]
    shown = sorted(
        (packet for packet in (*shown, *group.behind[1:]) if not packet.is_discard),
        key=lambda packet: int(packet.pts),
    )
    if not shown:
        return set()
    start = source.start = shown[0].pts if source.start is None else source.start
    stays = shown[-1].duration or source.frame_ticks
    end = group.until if group.behind else ceil(shown[-1].pts + stays)
    at = [packet.pts - start for packet in shown]
    return {shown[i].pts for i in samples.on_screen(at, end - start, source.base)}


def _alone(source: Source, access: Access, packets: Packets, wanted: set[int]) -> Iterator[Ticked]:
    """Decode from where decoding may begin; others than the wanted may be left out."""
    codec = source.stream.codec_context
    left_out = access.skipped()
    for packet in packets:
        if packet.pts in wanted:
            codec.skip_frame = "DEFAULT"
        elif access.unused(packet):
            continue
        else:
            codec.skip_frame = left_out
        yield from timed(source, packet.decode())
    codec.skip_frame = "DEFAULT"
    yield from timed(source, codec.decode(None))
    codec.flush_buffers()


def _decoded(source: Source, packets: Packets) -> Iterator[Ticked]:
    """Decode everything."""
    for packet in packets:
        yield from timed(source, source.stream.codec_context.decode(packet))


def timed(source: Source, frames: list[av.VideoFrame]) -> Iterator[Ticked]:
    """Give frames their times, ticks."""
    for frame in frames:
        time = frame.pts
        if time is None:  # it follows the one before
            time = 0 if source.shown is None else source.shown + ceil(source.frame_ticks)
        source.start = time if source.start is None else source.start
        source.shown = time
        yield time, frame
