"""What was found as a timeline of OpenTimelineIO: a clip a window, best first."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from vid2vidmr.archive.search import Found, FoundWindow
from vid2vidmr.archive.store import Archive
from vid2vidmr.text import plain

TIMECODES = tuple(map(Fraction, (25, 24, 30, 50, 60)))
"""Frames a second of time codes for films whose own rate has none: the first that has all of their
frames (30 of 10 a second), else the first."""


def labels(found: Found, window: FoundWindow) -> dict[str, str]:
    """Give what travels with a window."""
    return {
        "query": plain(", ".join(found.queries)),
        "score": f"{window.score:.3f}",
        "method": found.method,
        "video": plain(window.video),
    }


def rate_of(archive: Archive, video: str) -> Fraction:
    """Frames a second of a video; 25 where that is not known."""
    row = archive.videos.get(video)
    return Fraction(25 if row is None else row.rate)


def timecode_rate(rate: Fraction) -> Fraction:
    """Give the rate itself if SMPTE time code counts it, else one of `TIMECODES`."""
    from opentimelineio.opentime import RationalTime

    if RationalTime.is_smpte_timecode_rate(float(rate)):
        return rate
    return next((each for each in TIMECODES if each % rate == 0), TIMECODES[0])


def timeline(found: Found, archive: Archive, rates: Mapping[str, Fraction]) -> Any:
    """Make a timeline whose clips refer to the files; each has a marker with its labels.

    Parameters
    ----------
    rates : mapping of str to Fraction
        Frames a second in which the times of each video are written; windows of others are left
        out.
    """
    import opentimelineio as otio

    made = otio.schema.Timeline(name=f"vid2vidmr {found.method}")
    track = otio.schema.Track(name="found", kind=otio.schema.TrackKind.Video)
    made.tracks.append(track)
    for number, window in enumerate(found.windows, start=1):
        if window.video in rates:
            track.append(_clip(otio, found, archive, window, number, rates[window.video]))
    return made


def _clip(
    otio: Any, found: Found, archive: Archive, window: FoundWindow, number: int, rate: Fraction
) -> Any:
    said = labels(found, window)
    first, behind = round(window.start_s * rate), round(window.end_s * rate)
    span = _span(otio, first, max(1, behind - first), rate)
    path = archive.video_path(window.video)
    whole = _span(otio, 0, max(behind, round(archive.durations_s[window.video] * rate)), rate)
    reference = otio.schema.ExternalReference(
        target_url=said["video"] if path is None else path.resolve().as_uri(), available_range=whole
    )
    note = f"{said['method']} {said['score']} of {said['query']}"
    comments = [f"{name.upper()}: {text}" for name, text in said.items()]
    clip = otio.schema.Clip(
        name=f"{number:03} {said['video']}", media_reference=reference, source_range=span,
        metadata={"vid2vidmr": said, "cmx_3600": {"comments": comments}},
    )  # fmt: skip
    clip.markers.append(
        otio.schema.Marker(name=note, marked_range=_span(otio, first, 1, rate), color="RED")
    )
    return clip


def _span(otio: Any, first: int, count: int, rate: Fraction) -> Any:
    start, length = (otio.opentime.RationalTime(frames, float(rate)) for frames in (first, count))
    return otio.opentime.TimeRange(start, length)
