"""What was found as a timeline of OpenTimelineIO: a clip a window, best first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from vid2vidmr.archive.export import labels, rate_of
from vid2vidmr.archive.search import Found, FoundWindow
from vid2vidmr.archive.store import Archive

if TYPE_CHECKING:
    from fractions import Fraction


def timeline(found: Found, archive: Archive) -> Any:
    """Make a timeline whose clips refer to the files; each has a marker with its labels."""
    import opentimelineio as otio

    made = otio.schema.Timeline(name=labels_name(found))
    track = otio.schema.Track(name="found", kind=otio.schema.TrackKind.Video)
    made.tracks.append(track)
    for number, window in enumerate(found.windows, start=1):
        track.append(_clip(otio, found, archive, window, number))
    return made


def labels_name(found: Found) -> str:
    """Give the name of a timeline."""
    return f"vid2vidmr {found.method}"


def _clip(otio: Any, found: Found, archive: Archive, window: FoundWindow, number: int) -> Any:
    rate = rate_of(archive, window.video)
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
