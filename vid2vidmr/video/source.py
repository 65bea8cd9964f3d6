"""Opening a video file: only containers, only the film, and nothing without bounds.

A file is opened by its own path and by no address: playlists, manifests and lists of pictures,
which name other files, are refused, and a colon in a name is a colon.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import av
from av.format import ContainerFormat
from av.stream import Disposition
from av.video.reformatter import VideoReformatter

from vid2vidmr.errors import UserError, VideoError

MOST_PIXELS = 1 << 26
"""8,192 x 8,192; what a picture of more would take is not at hand everywhere."""
LONGEST_S = 48 * 3600
ANY_VIDEO = "VID2VIDMR_ANY_VIDEO"
"""Set to 1 in the environment, it lifts `MOST_PIXELS` and `LONGEST_S`."""
_SHORTER_SIDE = 336
"""The largest to which an encoder scales the shorter side of a frame."""

# Formats that name other files, take an address or a device, or paint text.
_NO_CONTAINERS = {
    "alsa", "concat", "dash", "dvdvideo", "fbdev", "ffmetadata", "hls", "imf", "kmsgrab",
    "lavfi", "oss", "rtp", "rtsp", "sap", "sdp", "tty", "v4l2", "video4linux2", "vobsub",
    "webm_dash_manifest", "x11grab",
}  # fmt: skip
_BY_ITSELF = {"protocol_whitelist": "file", "pattern_type": "none"}  # %d in a name is no number
# Containers that write their length into a header; elsewhere FFmpeg only estimates it.
_ANNOUNCING = {"mov", "matroska", "flv", "asf", "avi", "mxf", "rm", "ivf"}
_RESTARTING = {"mpegts", "mpeg"}  # these hold no file's time, but a sender's clock
_ASF_PROPERTIES = UUID("8CABDCA1-A947-11CF-8EE4-00C00C205365").bytes_le
_SLACK_S = 1  # headers round, and streams of one file end at slightly different times
_ASIDE = Disposition.attached_pic | Disposition.still_image | Disposition.timed_thumbnails
_PICTURES = {"mjpeg", "png", "bmp", "tiff", "webp", "jpeg2000", "jpegxl", "gif"}
"""Codecs of cover pictures; of a film, too, where it is alone or says that it has more frames."""


@dataclass
class Source:
    """An open file, its film (a video stream), and how far it was read.

    Attributes
    ----------
    container, stream
        PyAV's.
    timed : bool or None
        Whether packets tell when their frames are shown; if not, frames are shown in the order in
        which they leave the decoder. None: not known yet.
    start : int or None
        Timestamp of the first frame that is shown, ticks of the stream.
    shown : int or None
        Timestamp of the last frame that was decoded, ticks.
    last, last_ticks
        The largest timestamp of a packet that is shown, and how long its frame stays, ticks.
    joined : bool
        Whether the clock restarted, and goes on where it stood.
    ends : dict of int to int
        Stream to the end of what was read of it, in its ticks.
    gap : int
        The longest time in which no frame of the film is said to stay, ticks.
    reformatter : VideoReformatter
        Converts colours; one for all frames, as making one takes longer than a small frame.
    """

    path: str | Path
    container: Any
    stream: Any
    timed: bool | None = None
    start: int | None = None
    shown: int | None = None
    last: int | None = None
    last_ticks: int | Fraction = 0
    joined: bool = False
    ends: dict[int, int] = field(default_factory=dict)
    gap: int = 0
    reformatter: VideoReformatter = field(default_factory=VideoReformatter)

    @property
    def base(self) -> Fraction:
        """Seconds a tick."""
        return Fraction(self.stream.time_base)

    @property
    def formats(self) -> set[str]:
        """Names of the container format."""
        return set(self.container.format.name.split(","))

    @property
    def restarts(self) -> bool:
        """Whether the clock of such a container may restart, as a broadcast's does."""
        return bool(self.formats & _RESTARTING)

    @property
    def frame_ticks(self) -> Fraction:
        """Length of a frame that does not tell its own."""
        rate = self.stream.average_rate or self.stream.guessed_rate or 25
        return 1 / (Fraction(rate) * self.base)

    @property
    def read(self) -> Fraction:
        """Timestamp of the end of what was read, of any stream, seconds."""
        streams = self.container.streams
        return max(
            (end * streams[i].time_base for i, end in self.ends.items()), default=Fraction(0)
        )

    @property
    def end(self) -> Fraction:
        """Seconds from the first frame to the end of the last one that was read: a length."""
        if self.start is None or self.last is None:
            return Fraction(0)
        return max(Fraction(0), (self.last - self.start + self.last_ticks) * self.base)

    @property
    def announced_end(self) -> Fraction | None:
        """Timestamp at which the header says the file ends."""
        if (
            "avi" in self.formats
        ):  # its length in seconds may be a guess from the bytes that are here
            return self.stream.frames * self.base or None
        if "asf" in self.formats:  # FFmpeg does not believe the header of a file that was cut
            return _announced_by_asf(Path(self.path))
        if self.container.duration is None or not self.formats & _ANNOUNCING:
            return None
        duration = Fraction(self.container.duration, av.time_base)
        if "matroska" in self.formats:  # there the duration counts from timestamp 0
            return duration
        return duration + Fraction(self.container.start_time or 0, av.time_base)

    def is_cut(self) -> bool:
        """Whether a file that was read to its end ends before its header says so."""
        announced = self.announced_end
        if announced is None:
            return False
        # The last frame may have been meant to stay as long as another did.
        return self.read < announced - _SLACK_S - self.gap * self.base

    def broken(self) -> VideoError:
        """Say how far the file can be read."""
        first = self.stream.start_time
        begin = first * self.base if first is not None else Fraction(0)
        announced = self.announced_end
        of = f", its header announces {float(announced - begin):.1f} s" if announced else ""
        read_s = float(max(self.end, self.read - begin))
        return VideoError(
            f"{self.path} is cut or damaged: it can be read up to {read_s:.1f} s{of}; "
            "download or encode it again."
        )


@contextmanager
def open_video(path: str | Path) -> Iterator[Source]:
    """Open a file at its film. Whatever fails while it is open is this video's failure.

    Raises
    ------
    VideoError
        If the file is missing, is no video, or is beyond the bounds; if it cannot be decoded.
    """
    if not Path(path).is_file():
        raise VideoError(f"{path} does not exist: expected a video file.")
    bound = {} if unbounded() else {"max_pixels": str(MOST_PIXELS)}
    try:
        container = av.open(
            f"file:{Path(path).absolute()}",
            options=bound | _BY_ITSELF | {"format_whitelist": _containers()},
            metadata_errors="replace",
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise VideoError(
            f"{path} cannot be read as video ({reason}): it is of another kind (a playlist, say) "
            "or was cut; download or encode it again."
        ) from None
    with container:
        source = Source(path, container, _film(path, container))
        codec = source.stream.codec_context
        require_bounded(path, codec.width, codec.height)
        codec.options = bound
        with failures_of(path):
            try:
                yield source
            except av.FFmpegError:
                raise source.broken() from None


@contextmanager
def failures_of(path: str | Path) -> Iterator[None]:
    """Whatever pictures may bring about in here is their video's failure, and nobody else's.

    Raises
    ------
    VideoError
        In place of errors of memory, size or kind.
    """
    try:
        yield
    except UserError:
        raise
    except (ArithmeticError, LookupError, MemoryError, OSError, ValueError) as error:
        why = " ".join(str(error).split())
        raise VideoError(
            f"{path} cannot be decoded ({type(error).__name__}: {why}): download or encode it "
            "again."
        ) from None


def unbounded() -> bool:
    """Whether the user lifts the bounds."""
    return os.environ.get(ANY_VIDEO, "0") not in ("", "0")


def require_bounded(path: str | Path, width: int, height: int) -> None:
    """Refuse pictures that would take more memory than there may be, now or when scaled.

    Raises
    ------
    VideoError
        If there are more than `MOST_PIXELS`, also once the shorter side is scaled for an encoder.
    """
    longer, shorter = max(width, height), max(1, min(width, height))
    pixels = max(width * height, _SHORTER_SIDE**2 * longer // shorter)
    if not unbounded() and (pixels > MOST_PIXELS or not width * height):
        of = f"of {width:,} x {height:,} pixels" if width * height else "of no size, or too large"
        raise VideoError(
            f"{path} has pictures {of}; at most {MOST_PIXELS // 10**6} million pixels are decoded "
            f"(set {ANY_VIDEO}=1 to lift that)."
        )


def _announced_by_asf(path: Path) -> Fraction | None:
    """Read "Play Duration" less "Preroll" of the File Properties, [ASF, 3.2]; none of a broadcast.

    ASF: "Advanced Systems Format (ASF) Specification", Microsoft, revision 01.20.05 (2010).
    """
    with path.open("rb") as file:
        head = file.read(1 << 16)
    at = head.find(_ASF_PROPERTIES)
    if at < 0 or len(head) < at + 92:
        return None
    played, _, preroll, flags = struct.unpack_from("<QQQI", head, at + 64)
    return None if flags & 1 else Fraction(played, 10**7) - Fraction(preroll, 1000)


@cache
def _containers() -> str:
    known = (name for name in av.formats_available if _can_be_read(name))
    return ",".join(sorted(set(known) - _NO_CONTAINERS))


def _can_be_read(name: str) -> bool:
    try:
        return ContainerFormat(name, "r").is_input
    except ValueError:
        return False


def _film(path: str | Path, container: Any) -> Any:
    """Give the stream that a player shows: no cover; the default one; then the largest."""

    def rank(stream: Any) -> tuple[bool, bool, int]:
        name = stream.codec_context.name if stream.codec_context else ""
        single = stream.frames == 1 or (stream.frames == 0 and name in _PICTURES)
        area = stream.codec_context.width * stream.codec_context.height
        return single, not stream.disposition & Disposition.default, -area

    streams = [
        stream
        for stream in container.streams.video
        if stream.codec_context is not None and not stream.disposition & _ASIDE
    ]
    if not streams:
        raise VideoError(f"{path} has no video stream: pass a file with moving pictures.")
    return min(streams, key=rank)  # of equal ones the first
