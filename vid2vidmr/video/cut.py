"""Cutting reference clips out of videos, to the frame, and writing down what was achieved.

A cut holds exactly the frames that are on screen during [start_s, end_s): the first is the last
frame whose time is not after `start_s`, the last one begins before `end_s`. So a cut begins less
than one frame early and ends less than one frame late, and by how much is recorded.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

from vid2vidmr.errors import VideoError
from vid2vidmr.files import replacing
from vid2vidmr.video.packets import microseconds, open_video

_SEEK_EARLY_S = 1.0  # a container seeks by decoding times, which run ahead of what is shown
_ENCODER = {
    "vcodec": "libx264", "crf": 18, "preset": "veryfast", "pix_fmt": "yuv420p",
    "fps_mode": "passthrough", "enc_time_base": "demux", "video_track_timescale": 90_000,
    "movflags": "+faststart",
}  # fmt: skip


@dataclass(frozen=True)
class Frames:
    """When the frames of a file are shown.

    Attributes
    ----------
    pts : tuple of int
        Timestamps in units of `time_base`, ascending.
    time_base : Fraction
        Seconds.
    end : Fraction
        End of the last frame, seconds after the first frame.
    container_start_s : float
        The container's first timestamp, of any stream.
    """

    path: Path
    pts: tuple[int, ...]
    time_base: Fraction
    end: Fraction
    container_start_s: float

    @classmethod
    def of(cls, path: Path) -> Frames:
        """Read the times of all frames, without decoding them.

        Raises
        ------
        VideoError
            If the file cannot be read, or does not say when its frames are shown.
        """
        with open_video(path) as source:
            timed: list[tuple[int, Fraction]] = []
            for packet in source.container.demux(source.stream):
                if packet.size == 0:
                    continue
                if packet.pts is None:
                    raise VideoError(
                        f"{path} does not say when its frames are shown: convert it to MP4 first."
                    )
                timed.append((packet.pts, source.seconds(packet) or source.frame_s))
            if not timed:
                raise VideoError(f"{path} has a video stream without a single frame.")
            timed.sort()
            pts = tuple(time for time, _ in timed)
            base = Fraction(source.stream.time_base)
            start = source.container.start_time
            end = (pts[-1] - pts[0]) * base + timed[-1][1]
            return cls(path, pts, base, end, 0.0 if start is None else start / av.time_base)

    def time(self, i: int) -> Fraction:
        """Seconds from the first frame to frame `i`; the end of the video behind the last."""
        return self.end if i == len(self.pts) else (self.pts[i] - self.pts[0]) * self.time_base

    def span(self, start_s: float, end_s: float) -> tuple[int, int]:
        """Give the frames on screen during [start_s, end_s): the first, and the one behind."""
        start, end = (self.pts[0] + microseconds(t) / self.time_base for t in (start_s, end_s))
        return max(0, bisect_right(self.pts, start) - 1), bisect_left(self.pts, end)


@dataclass(frozen=True)
class Cut:
    """What a cut holds: `cut_start_s` and `cut_end_s` are seconds in the source."""

    cut_start_s: float
    cut_end_s: float
    frames: int


def cut_video(frames: Frames, start_s: float, end_s: float, out: Path, note: str = "") -> Cut:
    """Write [start_s, end_s) of a video as an MP4 file without sound, encoded again.

    Parameters
    ----------
    frames : Frames
        Of the source.
    start_s, end_s : float
        Seconds from the first frame of the source.
    out : Path
        Appears when it is whole.
    note : str
        Goes into the file as its comment.

    Raises
    ------
    VideoError
        If the window is empty or outside the video, or the result is not what was asked for.
    """
    import ffmpeg
    import imageio_ffmpeg

    cut = planned(frames, start_s, end_s)
    first, behind = frames.span(start_s, end_s)
    absolute_s = float(frames.pts[first] * frames.time_base) - frames.container_start_s
    source = ffmpeg.input(
        str(frames.path), ss=max(0.0, absolute_s - _SEEK_EARLY_S), noaccurate_seek=None,
        copyts=None,
    )  # fmt: skip
    # By timestamps of the file, not by seconds: nothing is rounded. Before trim, none is changed.
    bounds = {"start_pts": frames.pts[first]}
    if behind < len(frames.pts):
        bounds["end_pts"] = frames.pts[behind]
    pictures = source.video.filter("trim", **bounds).filter("setpts", "PTS-STARTPTS")
    with replacing(out) as temporary:
        try:
            ffmpeg.output(
                pictures, str(temporary), **_ENCODER, **{"metadata": f"comment={note}"}
            ).run(
                cmd=imageio_ffmpeg.get_ffmpeg_exe(),
                quiet=True,
                overwrite_output=True,
            )
        except ffmpeg.Error as error:
            last = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
            raise VideoError(
                f"{frames.path} cannot be cut at {start_s:.3f} to {end_s:.3f} s "
                f"({' '.join(last)}): download or encode it again."
            ) from None
        written = Frames.of(temporary)
        if len(written.pts) != cut.frames:
            raise VideoError(
                f"{frames.path}: the cut at {start_s:.3f} to {end_s:.3f} s has "
                f"{len(written.pts)} frames, {cut.frames} were expected: the file is damaged; "
                "download or encode it again."
            )
    return cut


def planned(frames: Frames, start_s: float, end_s: float) -> Cut:
    """Tell what a cut will hold.

    Raises
    ------
    VideoError
        If the window is empty or outside the video.
    """
    first, behind = frames.span(start_s, end_s)
    if not 0 <= start_s < end_s or microseconds(start_s) >= frames.end or first >= behind:
        raise VideoError(
            f"{frames.path}: the window {start_s:.3f} to {end_s:.3f} s is not in the video of "
            f"{float(frames.end):.3f} s."
        )
    return Cut(float(frames.time(first)), float(frames.time(behind)), behind - first)
