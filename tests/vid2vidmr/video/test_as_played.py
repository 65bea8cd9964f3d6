"""Containers, codecs and kinds of videos: frames, lengths and cuts are those that ffmpeg shows."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from played import ffmpeg, number, numbered, played

from vid2vidmr.video.cut import cut_video
from vid2vidmr.video.packets import Frames
from vid2vidmr.video.sample import sample_frames, video_duration

H264 = ["-c:v", "libx264", "-preset", "veryfast", "-bf", 3, "-g", 50, "-pix_fmt", "yuv420p"]
MPEG2 = ["-c:v", "mpeg2video", "-bf", 2, "-q:v", 3, "-g", 15]
OPEN = ["-x264-params", "open-gop=1:scenecut=0"]
INTERLACED = ["-flags", "+ildct+ilme"]
VARIABLE = ["-vf", "select=lt(n\\,60)+not(mod(n\\,17))", "-fps_mode", "passthrough"]
VP9 = ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", 8, "-b:v", "200k", "-g", 60]
VP8 = ["-c:v", "libvpx", "-deadline", "realtime", "-b:v", "400k", "-g", 60]
ENCODED: dict[str, list[object]] = {
    "plain.mp4": H264,
    "plain.mov": H264,
    "plain.mkv": H264,
    "plain.ts": H264,
    "plain.flv": H264,
    "plain.nut": H264,
    "fragments.mp4": [*H264, "-movflags", "frag_keyframe+empty_moov+default_base_moof"],
    "stored-times.avi": H264,  # there are none
    "stored-times.asf": H264,
    "stored-times.h264": H264,
    "open.ts": [*H264, *OPEN],
    "open.mkv": [*H264, *OPEN],
    "interlaced.ts": [*H264, *INTERLACED, "-x264-params", "tff=1"],
    "variable.mp4": [*VARIABLE, *H264],
    "variable.mkv": [*VARIABLE, *H264],
    "wide.mp4": ["-vf", "setsar=16/11", *H264],
    "narrow.mkv": ["-vf", "setsar=8/9", *H264],
    "vp9.webm": VP9,
    "vp8.webm": [*VP8, "-auto-alt-ref", 1, "-lag-in-frames", 16],
    "vp8.ivf": VP8,
    "theora.ogv": ["-c:v", "libtheora", "-q:v", 7],
    "mpeg4.avi": ["-c:v", "mpeg4", "-bf", 2, "-q:v", 3, "-g", 40],
    "mpeg4.3gp": ["-c:v", "mpeg4", "-q:v", 3, "-g", 50],
    "mpeg2.mpg": MPEG2,
    "mpeg2.ts": [*MPEG2, *INTERLACED],
    "mpeg2.vob": MPEG2,
    "mpeg2.mxf": ["-vf", "scale=720:608:flags=neighbor", *MPEG2],
    "wmv2.wmv": ["-c:v", "wmv2", "-q:v", 3],
    "real.rm": ["-c:v", "rv20", "-q:v", 3],
    "jpeg.mov": ["-c:v", "mjpeg", "-q:v", 3],
    "dv.dv": ["-vf", "scale=720:576:flags=neighbor", "-pix_fmt", "yuv420p", "-c:v", "dvvideo"],
    "hevc.mp4": ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "bframes=3:keyint=50"],
    "av1.mp4": ["-c:v", "libsvtav1", "-preset", 12, "-svtav1-params", "lp=1", "-g", 60],
    "moving.gif": [],
}
COPIED: dict[str, tuple[str, list[object], list[object]]] = {
    "edit-list.mp4": ("plain.mp4", ["-ss", 3.5], []),
    "late.mp4": ("plain.mp4", ["-itsoffset", 5], ["-avoid_negative_ts", "disabled"]),
    "late.mkv": ("plain.mp4", ["-itsoffset", 5], []),
    "late.ts": ("plain.mp4", ["-itsoffset", 1000], ["-copyts"]),
    "turned-90.mp4": ("plain.mp4", ["-display_rotation", 90], []),
    "turned-180.mp4": ("plain.mp4", ["-display_rotation", 180], []),
    "turned-270.mkv": ("plain.mp4", ["-display_rotation", 270], []),
    "mirrored.mp4": ("plain.mp4", ["-display_rotation", 90, "-display_hflip"], []),
}
JOINED: dict[str, Callable[[Callable[[str], bytes]], bytes]] = {
    "begins-within-a-group.ts": lambda of: of("plain.ts")[188 * 150 :],
    "clock-restarts.ts": lambda of: of("plain.ts") * 2,
    "clock-leaps.ts": lambda of: of("plain.ts") + of("late.ts"),
    "clock-restarts.mpg": lambda of: of("mpeg2.mpg") * 2,
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Make a file when it is asked for."""
    folder = tmp_path_factory.mktemp("kinds")

    def make(name: str) -> Path:
        path = folder / name
        if path.exists():
            return path
        if name in ENCODED:
            ffmpeg(*numbered(folder), *ENCODED[name], path)
        elif name in COPIED:
            source, before, after = COPIED[name]
            ffmpeg(*before, "-i", make(source), "-c", "copy", *after, path)
        else:
            path.write_bytes(JOINED[name](lambda other: make(other).read_bytes()))
        return path

    return make


@pytest.mark.parametrize("name", [*ENCODED, *COPIED, *JOINED])
def test_frames_and_cuts_are_those_that_ffmpeg_shows(
    made: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    path = made(name)
    reference = played(path)
    times = [time for time, _ in reference]

    def on_screen(t: float) -> np.ndarray:
        return reference[max(i for i, time in enumerate(times) if time <= t + 1e-5)][1]

    samples = list(sample_frames(path, threads=1))
    length_s = video_duration(path)
    assert [t for t, _ in samples] == [2 * k for k in range(math.ceil(length_s / 2))]
    assert times[-1] < length_s < times[-1] + 1
    for t, frame in samples:
        assert number(frame) == number(on_screen(t))

    frames = Frames.of(path)
    assert len(frames.pts) == len(reference)
    start_s = min(3.2, length_s / 3)
    cut = cut_video(frames, start_s, start_s + 2.5, tmp_path / "cut.mp4")
    first, behind = frames.span(start_s, start_s + 2.5)
    assert cut.frames == behind - first
    begin = float(frames.time(first))
    assert begin == pytest.approx(times[first], abs=2e-3)
    for t, frame in sample_frames(tmp_path / "cut.mp4", 0.5):
        assert number(frame) == number(on_screen(begin + t + 1e-3))
        assert frame.shape == samples[0][1].shape


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize("mirror", [[], ["-display_hflip"]])
@pytest.mark.parametrize("aspect", ["1", "16/11", "8/9"])
def test_pictures_are_upright_with_square_pixels(
    tmp_path: Path, turn: int, mirror: list[str], aspect: str
) -> None:
    plain, path = tmp_path / "plain.mp4", tmp_path / "turned.mp4"
    scene = f"testsrc=s=160x96:r=10:d=0.5,setsar={aspect}"
    ffmpeg("-f", "lavfi", "-i", scene, *H264, plain)
    ffmpeg("-display_rotation", turn, *mirror, "-i", plain, "-c", "copy", path)
    (_, frame), *_ = sample_frames(path)
    ((_, coded), *_) = played(path)  # ffmpeg turns it, and leaves the pixels as they are
    wide, high = {"1": (160, 96), "16/11": (233, 96), "8/9": (160, 108)}[aspect]
    assert frame.shape == ((wide, high, 3) if turn in (90, 270) else (high, wide, 3))
    rows = np.linspace(0, coded.shape[0] - 1, frame.shape[0]).round().astype(int)
    columns = np.linspace(0, coded.shape[1] - 1, frame.shape[1]).round().astype(int)
    apart = np.abs(frame.astype(int) - coded[rows][:, columns]).mean()
    assert apart < 12, "the nearest pixels are nearly the same"
    if aspect == "1" and turn == 0 and not mirror:
        assert apart < 1


def test_a_pixel_that_nobody_sees_is_wider(tmp_path: Path) -> None:
    path = tmp_path / "v.mp4"
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=160x96:r=10:d=0.5,setsar=640/639", *H264, path)
    (_, frame), *_ = sample_frames(path)
    assert frame.shape == (96, 160, 3)
