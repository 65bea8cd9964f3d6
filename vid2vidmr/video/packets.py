"""Packets of a film on one clock, and when its frames are shown: every length comes from here.

**Time 0** is the first frame that a player shows: packets that are only there to be decoded (an
edit list, a recording that begins within a group of pictures) do not count. **A video lasts** from
there to the end of the last frame: its largest timestamp plus its duration, whatever the header
says.

A transport stream's clock may restart or jump (two recordings in one file, a broadcast after a
break). It goes on by FFmpeg's rule: where decoding times fall by more than 0.1 s, or leap by more
than 10 s, the next frame follows the last one. In other containers a clock that falls is an error.

Where timestamps are only those of decoding (H.264 with B-frames in AVI or ASF), frames are shown in
the order in which they leave the decoder, at the times that there are.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, dropwhile, islice, pairwise
from math import floor
from pathlib import Path
from typing import Any

import av

from vid2vidmr.errors import VideoError
from vid2vidmr.video.source import ANY_VIDEO, LONGEST_S, Source, open_video, unbounded

_BACK_S, _AHEAD_S = Fraction(1, 10), 10
_UNTIMED = {"avi", "asf"}  # these store one time a packet
_PARSED = 2
"""So many packets behind the last of a recording are its, too."""
_LOOKED_AT = 64
"""Packets by which a stream shows whether it has frames out of order: four groups of a player."""


def film_packets(source: Source) -> Iterator[Any]:
    """Yield the packets of the film in the order of decoding, each with its time on one clock.

    The first one tells `source.timed`; all keep up `source.last` and `source.read`.

    Raises
    ------
    VideoError
        If the file is damaged, ends before the length that its header announces, lasts longer than
        `LONGEST_S`, or its clock falls.
    """
    packets = _read(source)
    head = list(islice(packets, _LOOKED_AT))
    if source.timed is None:
        source.timed = _tells_times(source, head)
    packets = chain(head, packets)
    if source.timed:
        packets = _on_one_clock(source, packets)
    else:
        stored = (by for by in ("dts", "pts") if all(getattr(p, by) is not None for p in head))
        packets = _counted(source, packets, next(stored, None))
    frame, most = source.frame_ticks, floor(LONGEST_S / source.base)  # no fraction for each packet
    first: int | None = None
    for packet in packets:
        if not packet.is_discard:
            time, stays = packet.pts, packet.duration or frame
            first = time if first is None else min(first, time)
            if source.last is None or time >= source.last:
                source.last, source.last_ticks = time, stays
                if time + stays - first > most:
                    _require_short(source, first)
        yield packet


def _read(source: Source) -> Iterator[Any]:
    """Packets of the film as they are; all streams are read, audio may end after the pictures."""
    film, ends = source.stream.index, source.ends
    for packet in source.container.demux():
        index, time = packet.stream_index, packet.pts
        if time is not None:
            end = ends.get(index, time)
            if index == film and time > end + source.gap:
                source.gap = time - end
            ends[index] = max(end, time + (packet.duration or 0))
        if index != film or packet.size == 0:
            continue
        if packet.is_corrupt and not source.restarts:
            raise source.broken()
        yield packet
    if source.is_cut():
        raise source.broken()


def _tells_times(source: Source, head: list[Any]) -> bool:
    """Whether timestamps are those of showing. Those that only rise may be those of decoding."""
    times = [packet.pts for packet in head]
    if None in times:
        return False
    if not source.stream.codec_context.has_b_frames or any(a >= b for a, b in pairwise(times)):
        return True
    if source.formats & _UNTIMED:
        return False
    with open_video(source.path) as again:
        shown = [
            frame.pts
            for packet in chain(islice(_read(again), _LOOKED_AT), [None])
            for frame in again.stream.codec_context.decode(packet)
            if frame.pts is not None
        ]
    return all(a < b for a, b in pairwise(shown))


def _on_one_clock(source: Source, packets: Iterable[Any]) -> Iterator[Any]:
    """Let the clock go on where it restarts or leaps; a fall that cannot be joined is an error."""
    back, ahead = floor(_BACK_S / source.base), floor(_AHEAD_S / source.base)
    restarts, frame = source.restarts, round(source.frame_ticks)
    offset = decoded = follows = 0  # when the last packet is decoded, and when the next one
    first = 0
    latest: int | None = None
    fault, damaged = None, 0  # packets since one that lacks a part
    for packet in packets:
        if restarts and packet.dts is not None:
            time = packet.dts + offset
            if latest is not None and (abs(time - follows) > ahead or time + back < decoded):
                offset, time = offset + follows - time, follows
                source.joined = True
                fault, damaged = None, 0  # where recordings meet, one may be cut
            decoded, follows = time, time + (packet.duration or frame)
        if packet.is_corrupt:
            fault, damaged = fault or source.broken(), max(damaged, 1)
        elif damaged:
            damaged += 1
        if fault is not None and damaged > _PARSED:
            raise fault
        if packet.pts is None:  # one among others that have one
            packet.pts = follows if latest is None else latest + frame
        elif offset:
            packet.pts += offset
        if latest is None:
            first = latest = packet.pts
        if packet.pts > latest:
            latest = latest if packet.is_discard else packet.pts
        elif packet.is_keyframe and packet.pts + back < latest and not packet.is_discard:
            raise VideoError(
                f"{source.path}: at {float((latest - first) * source.base):.1f} s its clock falls "
                f"back by {float((latest - packet.pts) * source.base):.1f} s: encode it again, for "
                "example with `ffmpeg -i FILE NEW.mp4`."
            )
        yield packet
    if fault is not None:
        raise fault


def _counted(source: Source, packets: Iterable[Any], by: str | None) -> Iterator[Any]:
    """Give packets the times that there are, rising: frames take them as they leave the decoder.

    Parameters
    ----------
    by : {"dts", "pts"} or None
        Which timestamps all packets have; None: frames follow each other.
    """
    time: int | Fraction = 0
    before: int | Fraction = 0
    # No frame comes of what is sent before the first key.
    for packet in dropwhile(lambda packet: not packet.is_keyframe, packets):
        if by is not None and (stored := getattr(packet, by)) is not None:
            time = max(time, stored)
        if source.start is None and not packet.is_discard:
            source.start = before = round(time)
        # AVI may count in half frames, and the last one stays as long as the others.
        stays = max(packet.duration or source.frame_ticks, time - before)
        packet.pts, packet.duration = round(time), round(stays)
        before, time = time, time + (packet.duration if by is None else 0)
        yield packet


def _require_short(source: Source, first: int) -> None:
    if source.last is not None and not unbounded():
        lasts_s = float((source.last - first + source.last_ticks) * source.base)
        raise VideoError(
            f"{source.path} lasts {lasts_s:,.0f} s or more; at most {LONGEST_S // 3600} hours are "
            f"read (set {ANY_VIDEO}=1 to lift that)."
        )


@dataclass(frozen=True)
class Frames:
    """When the frames of a film are shown.

    Attributes
    ----------
    pts : tuple of int
        Timestamps in units of `time_base`, ascending, on one clock.
    keys : tuple of int
        Those of the frames that can be decoded without others.
    time_base : Fraction
        Seconds.
    end : Fraction
        End of the last frame, seconds after the first frame.
    container_start_s : float
        From where ffmpeg counts: the container's first timestamp, of any stream; where clocks are
        joined, the film's.
    stream : int
        Index of the film.
    format : str
        Name of the container.
    as_stored : bool
        Whether `pts` are those that the file stores.
    timed : bool
        See `Source`.
    """

    path: Path
    pts: tuple[int, ...]
    keys: tuple[int, ...]
    time_base: Fraction
    end: Fraction
    container_start_s: float
    stream: int
    format: str
    as_stored: bool
    timed: bool

    @classmethod
    def of(cls, path: Path) -> Frames:
        """Read the times of all frames, without decoding more than the first.

        Raises
        ------
        VideoError
            If the file cannot be read to its end, except for damage that only decoding shows.
        """
        with open_video(path) as source:
            shown = [(p.pts, p.is_keyframe) for p in film_packets(source) if not p.is_discard]
            if not shown:
                raise without_frames(path)
            source.start = min(time for time, _ in shown)
            if shown[0] != (source.start, True):
                source.start = _first_shown(path, source)
            shown = sorted(frame for frame in shown if frame[0] >= source.start)
            pts, keys = (time for time, _ in shown), (time for time, key in shown if key)
            start = source.container.start_time
            if source.joined and source.stream.start_time is not None:
                start = source.stream.start_time * source.base * av.time_base
            return cls(
                path, tuple(pts), tuple(keys), source.base, source.end,
                0.0 if start is None else float(start / av.time_base), source.stream.index,
                source.container.format.name, bool(source.timed) and not source.joined,
                bool(source.timed),
            )  # fmt: skip

    def time(self, i: int) -> Fraction:
        """Seconds from the first frame to frame `i`; the end of the video behind the last."""
        return self.end if i == len(self.pts) else (self.pts[i] - self.pts[0]) * self.time_base

    def span(self, start_s: float, end_s: float) -> tuple[int, int]:
        """Give the frames on screen during [start_s, end_s): the first, and the one behind."""
        start, end = (self.pts[0] + microseconds(t) / self.time_base for t in (start_s, end_s))
        return max(0, bisect_right(self.pts, start) - 1), bisect_left(self.pts, end)


def _first_shown(path: str | Path, of: Source) -> int:
    """Timestamp of the first frame that can be decoded; packets before it are never shown."""
    with open_video(path) as source:
        source.timed = of.timed
        for packet in chain(film_packets(source), [None]):
            for frame in source.stream.codec_context.decode(packet):
                if frame.pts is not None:
                    return int(frame.pts)
    raise without_frames(path)


def without_frames(path: str | Path) -> VideoError:
    """Say that no frame came out."""
    return VideoError(f"{path} has a video stream without a single frame: replace the file.")


def microseconds(seconds: float) -> Fraction:
    """Give seconds as a whole number of microseconds: 12.04 is frame 301 of 25 a second.

    The float lies a hair before it.
    """
    return Fraction(round(seconds * 1_000_000), 1_000_000)
