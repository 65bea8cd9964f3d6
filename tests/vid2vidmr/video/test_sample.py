import math
from fractions import Fraction

import av
import numpy as np
import pytest
from coded_video import constant_rate, read_number, write_silence, write_video

from vid2vidmr.errors import VideoError
from vid2vidmr.video.sample import sample_frames, video_duration

NTSC = Fraction(30_000, 1001)


def on_screen(times, t):
    """The rule, in one line: the last frame that is not after t."""
    return max(i for i, time in enumerate(times) if time <= t)


def check(path, times, end, step_s=2.0):
    samples = list(sample_frames(path, step_s))
    assert [t for t, _ in samples] == [k * step_s for k in range(math.ceil(end / step_s))]
    assert [read_number(frame) for _, frame in samples] == [on_screen(times, t) for t, _ in samples]


@pytest.mark.parametrize("rate", [25, NTSC, 8, 60])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_frames_are_those_on_screen(tmp_path, rate, suffix):
    times = constant_rate(rate, 11.3)
    path = write_video(tmp_path / f"v.{suffix}", times, rate=rate)
    check(path, times, len(times) / rate)
    assert video_duration(path) == pytest.approx(len(times) / rate, abs=0.02)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_variable_frame_rate(tmp_path, suffix):
    # Bursts, and frames that stay for more than two samples.
    gaps = np.random.default_rng(3).choice(
        [8, 40, 120, 1000, 5300], 60, p=[0.3, 0.3, 0.2, 0.1, 0.1]
    )
    times = [Fraction(int(ms), 1000) for ms in np.cumsum(gaps) - gaps[0]]
    path = write_video(tmp_path / f"v.{suffix}", times)
    samples = list(sample_frames(path))
    assert [read_number(frame) for _, frame in samples] == [on_screen(times, t) for t, _ in samples]
    assert samples[-1][0] >= times[-1] - 2
    assert video_duration(path) >= times[-1]


def test_a_frame_exactly_at_t_is_the_one_shown(tmp_path):
    path = write_video(tmp_path / "v.mp4", constant_rate(1, 7), rate=1)
    assert [read_number(frame) for _, frame in sample_frames(path)] == [0, 2, 4, 6]


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_time_starts_at_the_first_frame(tmp_path, suffix):
    times = constant_rate(25, 9)
    path = write_video(tmp_path / f"v.{suffix}", times, offset_s=5)
    check(path, times, 9)
    assert video_duration(path) == pytest.approx(9, abs=0.02)


def test_other_steps_and_threads(tmp_path):
    times = constant_rate(25, 5)
    path = write_video(tmp_path / "v.mp4", times)
    check(path, times, 5, step_s=0.5)
    many, one = list(sample_frames(path)), list(sample_frames(path, threads=1))
    assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(many, one, strict=True))


def test_files_that_tell_no_duration(tmp_path):
    times = constant_rate(25, 7)
    raw = write_video(tmp_path / "v.h264", times)
    with av.open(raw) as container:
        assert container.duration is None
    check(raw, times, 7)
    assert video_duration(raw) == 7
    live = tmp_path / "live.mkv"
    live.write_bytes(write_live_mkv(tmp_path, times))
    with av.open(live) as container:
        assert container.duration is None
    check(live, times, 7)
    assert video_duration(live) == pytest.approx(7, abs=0.05)


def write_live_mkv(folder, times):
    """Matroska as a stream writes it: nothing to come back to, so no duration."""

    class Pipe:
        def __init__(self):
            self.data = bytearray()

        def write(self, data):
            self.data += bytes(data)
            return len(data)

    pipe = Pipe()
    source = write_video(folder / "source.mp4", times)
    with av.open(source) as old, av.open(pipe, "w", format="matroska") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = stream
                new.mux(packet)
    return bytes(pipe.data)


def test_audio_that_outlasts_the_pictures(tmp_path):
    times = constant_rate(25, 6)
    path = write_video(tmp_path / "v.mkv", times, audio_s=10)
    check(path, times, 6)
    assert video_duration(path) == pytest.approx(6, abs=0.02)


def cut(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def error_of(path):
    with pytest.raises(VideoError) as caught:
        list(sample_frames(path))
    message = str(caught.value)
    assert "\n" not in message
    assert path.name in message
    return message


@pytest.mark.parametrize(("suffix", "faststart"), [("mp4", True), ("mkv", False)])
def test_a_cut_file_says_where_it_ends(tmp_path, suffix, faststart):
    path = write_video(tmp_path / f"v.{suffix}", constant_rate(25, 20), faststart=faststart)
    assert len(list(sample_frames(path))) == 10
    message = error_of(cut(path, 0.6))
    assert "announces 20.0 s" in message
    readable = float(message.split("up to ")[1].split(" s")[0])
    assert 4 < readable < 16


def test_an_mp4_cut_before_its_index_cannot_be_read(tmp_path):
    path = cut(write_video(tmp_path / "v.mp4", constant_rate(25, 20)), 0.6)
    assert "was cut" in error_of(path)


def test_a_cut_mpeg_ts_is_a_shorter_video(tmp_path):
    # It has no header that announces a length; what is there is read exactly.
    times = constant_rate(25, 20)
    path = cut(write_video(tmp_path / "v.ts", times), 0.6)
    samples = list(sample_frames(path))
    assert 4 <= len(samples) <= 8
    assert [read_number(frame) for _, frame in samples] == [on_screen(times, t) for t, _ in samples]


def test_what_is_no_video(tmp_path):
    (tmp_path / "text.mp4").write_text("hello\n" * 1000)
    (tmp_path / "notes.txt").write_text("hello\n" * 1000)
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(0).bytes(50_000))
    (tmp_path / "empty.mkv").write_bytes(b"")
    for name in ["text.mp4", "notes.txt", "noise.mp4", "empty.mkv"]:
        error_of(tmp_path / name)
    assert "does not exist" in error_of(tmp_path / "missing.mp4")
    assert "does not exist" in error_of(tmp_path)
    with pytest.raises(VideoError, match="does not exist"):
        video_duration(tmp_path / "missing.mp4")


def test_audio_only(tmp_path):
    path = tmp_path / "song.m4a"
    with av.open(path, "w") as container:
        write_silence(container, container.add_stream("aac", rate=16_000, layout="mono"), 3)
    assert "no video stream" in error_of(path)


def test_a_stream_without_frames(tmp_path):
    path = tmp_path / "v.mkv"
    with av.open(path, "w") as container:
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 64, 64, "yuv420p"
        audio = container.add_stream("aac", rate=16_000, layout="mono")
        write_silence(container, audio, 3)
    assert "without a single frame" in error_of(path)
    with pytest.raises(VideoError, match="without a single frame"):
        video_duration(path)


def test_damage_writes_nothing_to_stderr(tmp_path, capfd):
    path = write_video(tmp_path / "v.mp4", constant_rate(25, 20), faststart=True)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = bytes(4000)
    path.write_bytes(data)
    error_of(cut(path, 0.8))
    assert capfd.readouterr().err == ""
