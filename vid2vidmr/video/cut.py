"""Cutting reference clips out of videos, to the frame, and writing down what was achieved.

A cut holds exactly the frames that are on screen during [start_s, end_s): the first is the last
frame whose time is not after `start_s`, the last one begins before `end_s`. So a cut begins less
than one frame early and ends less than one frame late, and by how much is recorded.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from vid2vidmr.errors import VideoError
from vid2vidmr.files import replacing
from vid2vidmr.video.packets import Frames, microseconds
from vid2vidmr.video.source import MOST_PIXELS, unbounded

_SEEK_EARLY_S = 1.0  # a container seeks by decoding times, which run ahead of what is shown
_ENCODER = {
    "vcodec": "libx264", "crf": 18, "preset": "veryfast", "pix_fmt": "yuv420p",
    "fps_mode": "passthrough", "enc_time_base": "demux", "video_track_timescale": 90_000,
    "movflags": "+faststart",
}  # fmt: skip


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
    cut = planned(frames, start_s, end_s)
    first, behind = frames.span(start_s, end_s)
    fault = ""
    with replacing(out) as temporary:
        for seek in (True, False) if frames.as_stored else (False,):  # some containers seek badly
            fault = _write(frames, first, behind, seek, temporary, note)
            if not fault:
                return cut
        raise VideoError(
            f"{frames.path} cannot be cut at {start_s:.3f} to {end_s:.3f} s ({fault}): download "
            "or encode it again."
        )


def _write(frames: Frames, first: int, behind: int, seek: bool, out: Path, note: str) -> str:
    """Write frames `first` to `behind` of the film; tell what went wrong, nothing if all are there.

    `seek`: go to the key frame before them at once, instead of decoding from the start.
    """
    import ffmpeg
    import imageio_ffmpeg

    pictures = _pictures(ffmpeg, frames, first, behind, seek)
    written = ffmpeg.output(
        pictures, f"file:{out.absolute()}", **_ENCODER, **{"metadata": f"comment={note}"}
    )
    try:
        written.run(cmd=imageio_ffmpeg.get_ffmpeg_exe(), quiet=True, overwrite_output=True)
        count = len(Frames.of(out).pts)
    except ffmpeg.Error as error:
        return " ".join(error.stderr.decode(errors="replace").strip().splitlines()[-1:])
    except VideoError:
        count = 0
    expected = behind - first
    return "" if count == expected else f"{count} frames came, {expected} were expected"


def _pictures(ffmpeg: Any, frames: Frames, first: int, behind: int, seek: bool) -> Any:
    """Frames `first` to `behind` of the film, as ffmpeg shows them: it turns them upright."""
    options: dict[str, str | None] = {
        "f": frames.format.split(",")[0], "protocol_whitelist": "file"
    }  # fmt: skip
    if not unbounded():
        options["max_pixels"] = str(MOST_PIXELS)
    if not frames.timed:  # by their number, from the start
        bounds = {"start_frame": first, "end_frame": behind}
        step_s = float((frames.time(behind) - frames.time(first)) / (behind - first))
        times = f"N*{step_s:.9f}/TB"
    else:
        # By timestamps, not by seconds: nothing is rounded. Before trim, none is changed; but where
        # clocks are joined, ffmpeg lets its own begin at 0, and rounds that to a microsecond.
        shift, slack, times = 0, 0, "PTS-STARTPTS"
        if frames.as_stored:
            options |= {"noaccurate_seek": None, "copyts": None}
            times = f"PTS-{frames.pts[first]}"  # not STARTPTS, which new sizes would set anew
        else:
            shift, slack = round(Fraction(frames.container_start_s) / frames.time_base), 1
        bounds = {"start_pts": frames.pts[first] - shift - slack}
        if behind < len(frames.pts):
            bounds["end_pts"] = frames.pts[behind] - shift - slack
    if seek:
        earlier = bisect_right(frames.keys, frames.pts[first])
        key = frames.keys[earlier - 1] if earlier else frames.pts[0]
        absolute_s = float(key * frames.time_base) - frames.container_start_s
        options["ss"] = str(max(0.0, absolute_s - _SEEK_EARLY_S))
    pictures = ffmpeg.input(f"file:{frames.path.absolute()}", **options)[str(frames.stream)]
    pictures = pictures.filter("trim", **bounds).filter("setpts", times)
    # The encoder's pixels of colour are 2 x 2: what is odd loses a line.
    return pictures.filter("crop", "trunc(iw/2)*2", "trunc(ih/2)*2")


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
