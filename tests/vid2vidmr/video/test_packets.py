"""One clock, one origin, one length: whoever asks."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from coded_video import constant_rate, read_number, write_video
from hypothesis import given, settings
from hypothesis import strategies as st
from played import ffmpeg, numbered

from vid2vidmr.errors import VideoError
from vid2vidmr.video.cut import cut_video
from vid2vidmr.video.decode import Samples, frames_shown
from vid2vidmr.video.packets import Frames
from vid2vidmr.video.sample import sample_frames, video_duration
from vid2vidmr.video.source import open_video


def numbers(path: Path, step_s: float = 2.0) -> list[int]:
    return [read_number(frame) for _, frame in sample_frames(path, step_s)]


def test_the_length_is_that_of_the_packets(tmp_path: Path) -> None:
    # A recorded screen: dense, then sparse; with B-frames the last packet is not the last frame.
    times = [Fraction(i, 10) for i in range(40)] + [Fraction(s) for s in (4, 14, 24, 34)]
    options = {"preset": "veryfast", "bf": "1", "b_strategy": "0", "g": "250"}
    path = write_video(
        tmp_path / "v.mp4", times, rate=10, time_base=Fraction(1, 10_240), options=options
    )
    with av.open(path) as container:
        announced_s = float(container.streams.video[0].duration * Fraction(1, 10_240))
    assert announced_s < 30, "the header is wrong, or the case is none"
    assert video_duration(path) == pytest.approx(34.1, abs=0.11)
    assert numbers(path) == [max(i for i, t in enumerate(times) if t <= 2 * k) for k in range(18)]


@pytest.mark.parametrize(("suffix", "rate"), [("avi", 25), ("avi", 2), ("asf", 25), ("wmv", 2)])
def test_frames_without_times_come_in_the_decoders_order(
    tmp_path: Path, suffix: str, rate: int
) -> None:
    path = write_video(
        tmp_path / f"v.{suffix}", constant_rate(rate, 20), rate=rate, time_base=Fraction(1, rate),
        options={"preset": "veryfast", "bf": "3", "g": "50"},
    )  # fmt: skip
    assert numbers(path) == [2 * rate * k for k in range(10)]
    assert video_duration(path) == pytest.approx(20, abs=0.01)
    cut_video(Frames.of(path), 6.0, 12.0, tmp_path / "cut.mp4")
    assert numbers(tmp_path / "cut.mp4") == [2 * rate * k for k in (3, 4, 5)]


@pytest.mark.parametrize("suffix", ["avi", "asf"])
def test_b_frames_that_come_late_have_no_times_either(tmp_path: Path, suffix: str) -> None:
    kinds = ("I" if i % 150 == 0 else "P" if i < 100 or i % 4 == 0 else "B" for i in range(300))
    plan = tmp_path / "plan.txt"
    plan.write_text("".join(f"{i} {kind} -1\n" for i, kind in enumerate(kinds)))
    path = tmp_path / f"v.{suffix}"
    ffmpeg(
        *numbered(tmp_path), "-c:v", "libx264", "-bf", 3, "-pix_fmt", "yuv420p",
        "-x264-params", f"qpfile={plan}", path,
    )  # fmt: skip
    assert numbers(path) == [0, 50, 100, 150, 200, 250]


def test_decoding_times_stored_as_those_of_showing(tmp_path: Path) -> None:
    whole = write_video(tmp_path / "v.mp4", constant_rate(25, 10))
    for suffix in ("mkv", "ts"):
        path = tmp_path / f"v.{suffix}"
        ffmpeg("-i", whole, "-c", "copy", "-bsf:v", "setts=pts=DTS", path)
        assert numbers(path) == [0, 50, 100, 150, 200]


def test_a_recording_that_begins_within_a_group_has_one_origin(tmp_path: Path) -> None:
    options = {"preset": "veryfast", "bf": "0", "g": "64", "keyint_min": "64", "sc_threshold": "0"}
    whole = write_video(tmp_path / "v.ts", constant_rate(25, 10), options=options)
    path = tmp_path / "rec.ts"
    path.write_bytes(whole.read_bytes()[188 * 60 :])
    assert numbers(path)[0] == 64, "the first key frame in the file, or the case is none"
    assert numbers(path) == [64, 114, 164, 214]
    frames = Frames.of(path)
    assert float(frames.end) == video_duration(path) == pytest.approx(7.44)
    cut_video(frames, 5.0, 7.0, tmp_path / "cut.mp4")
    assert numbers(tmp_path / "cut.mp4") == [64 + 125]
    assert [read_number(f) for t, f in sample_frames(path, at_s=[5.0]) if t == 5] == [64 + 125]


def transport(folder: Path, name: str, seconds: float, offset_s: int = 0) -> bytes:
    options = {"preset": "veryfast", "bf": "2", "g": "50"}
    return write_video(
        folder / name, constant_rate(25, seconds), offset_s=offset_s, options=options,
        time_base=Fraction(1, 25),
    ).read_bytes()  # fmt: skip


@pytest.mark.parametrize("offset_s", [0, 1000])
def test_a_clock_that_jumps_goes_on(tmp_path: Path, offset_s: int) -> None:
    first, second = transport(tmp_path, "1.ts", 6), transport(tmp_path, "2.ts", 4, offset_s)
    path = tmp_path / "v.ts"
    path.write_bytes(first + second)
    assert video_duration(path) == pytest.approx(10, abs=1e-3)
    assert numbers(path) == [0, 50, 100, 0, 50]
    cut_video(Frames.of(path), 5.0, 9.0, tmp_path / "cut.mp4")
    assert numbers(tmp_path / "cut.mp4", 1.0) == [125, 0, 25, 50]


def test_a_gap_that_is_none_of_the_clock_stays(tmp_path: Path) -> None:
    times = [*constant_rate(25, 2), *(8 + t for t in constant_rate(25, 2))]
    path = write_video(tmp_path / "v.ts", times)
    assert video_duration(path) == pytest.approx(10, abs=1e-3)
    assert numbers(path) == [0, 49, 49, 49, 50]


def test_where_recordings_meet_one_may_be_cut(tmp_path: Path) -> None:
    one, two = transport(tmp_path, "1.ts", 6), transport(tmp_path, "2.ts", 6)
    path = tmp_path / "v.ts"
    path.write_bytes(one[: 188 * 101] + two)
    assert numbers(path)[-2:] == [50 + read_at(path, -3), 100 + read_at(path, -3)]
    missing = tmp_path / "hole.ts"
    missing.write_bytes(one[: 188 * 101] + one[188 * 110 :])
    with pytest.raises(VideoError, match=r"hole\.ts is cut or damaged: it can be read up to"):
        list(sample_frames(missing))


def read_at(path: Path, i: int) -> int:
    return numbers(path)[i]


def test_a_clock_that_falls_elsewhere_is_told(tmp_path: Path) -> None:
    data = write_video(tmp_path / "1.mkv", constant_rate(25, 6)).read_bytes()
    path = tmp_path / "v.mkv"
    path.write_bytes(data * 2)
    for read in (lambda: numbers(path), lambda: video_duration(path)):
        with pytest.raises(VideoError, match=r"v\.mkv: at 6\.0 s its clock falls back by 6\.0 s"):
            read()


@settings(max_examples=40)
@given(data=st.data())
def test_samples_and_lengths_agree(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever the container, the times and the order: one length, and frames up to it."""
    suffix = data.draw(st.sampled_from(["mp4", "mkv", "ts", "mov", "flv", "nut"]))
    gaps = data.draw(st.lists(st.integers(1, 60), min_size=9, max_size=40))  # fewer are no MPEG-TS
    options = {
        "preset": "veryfast", "bf": str(data.draw(st.integers(0, 3))),
        "g": str(data.draw(st.integers(1, 30))),
    }  # fmt: skip
    times = [Fraction(int(t), 20) for t in np.cumsum([0, *gaps])]
    path = tmp_path_factory.mktemp("v") / f"v.{suffix}"
    write_video(path, times, rate=20, options=options, offset_s=data.draw(st.integers(0, 9)))
    frames = Frames.of(path)
    with open_video(path) as source:
        shown = list(frames_shown(source, Samples(Fraction(1, 20))))
        assert source.end == frames.end
    assert [read_number(frame.to_ndarray(format="rgb24")) for _, frame in shown] == [
        *range(len(times))
    ]
    assert [float(frames.time(i)) for i in range(len(times))] == pytest.approx(
        [float(t) for t in times], abs=2e-3
    )
    assert [float(time) for time, _ in shown] == pytest.approx([float(t) for t in times], abs=2e-3)
