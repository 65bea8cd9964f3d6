"""What is left out of decoding changes no frame: compared with decoding everything."""

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from coded_video import constant_rate, write_video

from vid2vidmr.video import decode
from vid2vidmr.video.decode import Samples, frames_shown
from vid2vidmr.video.packets import microseconds
from vid2vidmr.video.sample import sample_frames
from vid2vidmr.video.source import open_video

BY_LAYERS = "log-level=none:temporal-layers=3:bframes=3:b-adapt=0"
"""Frames that no frame of their own layer refers to; those of higher layers may."""
FORWARD = "irefresh-type=1:scm=2:film-grain=8"
X264 = {"preset": "medium", "threads": "1"}


def moving(count: int, seed: int = 0):
    """Pictures in which every frame differs, moves and has noise: wrong references would show."""
    rng = np.random.default_rng(seed)
    ground = rng.integers(0, 255, (96, 256, 3), dtype=np.uint8).repeat(2, 0).repeat(2, 1)
    for i in range(count):
        frame = ground[i % 90 : i % 90 + 96, 2 * i % 256 : 2 * i % 256 + 160].copy()
        frame[20:60, 20:60] = (40 * np.sin(i / 5) + 128, (7 * i) % 256, 50)
        frame[::8] = np.clip(frame[::8] + rng.integers(-9, 9, frame[::8].shape), 0, 255)
        yield frame


def reference(path, step_s=2.0, at_s=()):
    """Decode everything, and pick by the rule."""
    with av.open(str(path)) as container:
        frames = [
            (Fraction(f.pts * f.time_base), f.to_ndarray(format="rgb24"))
            for f in container.decode(video=0)
        ]
    start = frames[0][0]
    times = [time - start for time, _ in frames]
    step = microseconds(step_s)
    wanted = {k * step for k in range(int(times[-1] / step) + 1)} | {microseconds(t) for t in at_s}
    return [
        frames[max(i for i, time in enumerate(times) if time <= sample)][1]
        for sample in sorted(wanted)
        if sample <= times[-1]
    ]


def check(path, step_s=2.0, at_s=()):
    expected = reference(path, step_s, at_s)
    found = [frame for _, frame in sample_frames(path, step_s, at_s=at_s, threads=1)]
    assert len(found) in (len(expected), len(expected) + 1)  # a last frame may last past a sample
    for one, other in zip(found, expected, strict=False):
        np.testing.assert_array_equal(one, other)


@pytest.fixture
def decoded(monkeypatch):
    """How many frames come out of the decoder, and how many of them are held or passed on."""
    counts = [0]
    timed = decode.timed

    def counted(source, frames):
        counts[-1] += len(frames)
        return timed(source, frames)

    monkeypatch.setattr(decode, "timed", counted)

    def run(path, step_s=2.0):
        counts.append(0)
        with open_video(path) as source:
            passed = len(list(frames_shown(source, Samples(Fraction(step_s)))))
        return counts[-1], passed

    return run


@pytest.mark.parametrize(
    ("codec", "suffix", "options"),
    [
        ("libx264", "mp4", X264 | {"g": "50", "bf": "3", "sc_threshold": "0"}),
        ("libx264", "mp4", X264 | {"g": "250", "bf": "3"}),
        ("libx264", "mp4", X264 | {"g": "33", "bf": "3", "x264-params": "b-pyramid=strict"}),
        ("libx264", "mp4", X264 | {"g": "33", "bf": "5", "x264-params": "b-pyramid=none:ref=4"}),
        ("libx264", "mkv", X264 | {"g": "40", "bf": "3", "x264-params": "open-gop=1"}),
        ("libx264", "ts", X264 | {"g": "40", "bf": "2", "x264-params": "open-gop=1"}),
        ("libx264", "ts", X264 | {"g": "40", "bf": "2"}),
        ("libx264", "mkv", X264 | {"g": "60", "x264-params": "intra-refresh=1"}),
        ("libx264", "mp4", X264 | {"g": "60", "x264-params": "intra-refresh=1"}),
        ("libx264", "mp4", X264 | {"g": "1"}),
        ("libx265", "mp4", {"preset": "ultrafast", "g": "40", "x265-params": "log-level=none"}),
        (
            "libx265",
            "mkv",
            {"preset": "fast", "g": "40", "x265-params": "log-level=none:open-gop=0:pools=1"},
        ),
        ("libx265", "ts", {"preset": "fast", "g": "40", "x265-params": "log-level=none:pools=1"}),
        (
            "libx265",
            "mp4",
            {"preset": "ultrafast", "g": "50", "x265-params": f"{BY_LAYERS}:pools=1"},
        ),
        ("libvpx-vp9", "webm", {"g": "40", "deadline": "realtime", "lag-in-frames": "16"}),
        ("libvpx", "webm", {"g": "40", "auto-alt-ref": "1", "lag-in-frames": "16"}),
        ("libsvtav1", "mp4", {"g": "40", "preset": "12", "svtav1-params": "lp=1"}),
        ("libsvtav1", "mkv", {"g": "65", "preset": "8", "svtav1-params": f"{FORWARD}:lp=1"}),
        ("mpeg2video", "ts", {"g": "15", "bf": "2"}),
        ("mpeg4", "avi", {"g": "40"}),
    ],
)
def test_frames_are_those_of_a_full_decode(tmp_path, codec, suffix, options, capfd):
    times = constant_rate(25, 9)
    path = write_video(
        tmp_path / f"v.{suffix}", times, codec=codec, options=options, frames=moving(len(times)),
        time_base=Fraction(1, 25) if codec.startswith("mpeg") else Fraction(1, 90_000),
    )  # fmt: skip
    capfd.readouterr()  # encoders talk
    check(path)
    check(path, 0.5)
    check(path, at_s=(0.04, 3.2, 5.2, 2.0, 7.12, 3.2, 99.0))


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_variable_frame_rate_and_odd_start(tmp_path, suffix):
    gaps = np.random.default_rng(3).choice(
        [8, 40, 120, 1000, 2300], 150, p=[0.2, 0.4, 0.2, 0.1, 0.1]
    )
    times = [Fraction(int(ms), 1000) for ms in np.cumsum(gaps) - gaps[0]]
    path = write_video(
        tmp_path / f"v.{suffix}", times, offset_s=7, frames=moving(len(times)),
        options=X264 | {"g": "25", "bf": "3"},
    )  # fmt: skip
    check(path)


def test_a_trimmed_file_begins_where_it_is_shown(tmp_path):
    # Copied from the middle of a group: the edit list hides what comes before.
    times = constant_rate(25, 12)
    options = X264 | {"g": "100", "bf": "3"}
    whole = write_video(tmp_path / "v.mp4", times, frames=moving(300), options=options)
    path = tmp_path / "cut.mp4"
    with av.open(str(whole)) as old, av.open(str(path), "w") as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.dts is not None and packet.pts >= 4 / packet.time_base:
                packet.pts -= int(5 / packet.time_base)  # the first second is before 0
                packet.dts -= int(5 / packet.time_base)
                packet.stream = stream
                new.mux(packet)
    check(path)


def test_what_is_not_wanted_is_not_decoded(tmp_path, decoded):
    times = constant_rate(25, 20)
    options = X264 | {"g": "50", "keyint_min": "50", "sc_threshold": "0", "bf": "3"}
    path = write_video(tmp_path / "v.mp4", times, frames=moving(len(times)), options=options)
    assert decoded(path) == (10, 10)  # a key frame every 2 s
    assert decoded(path, 4.0) == (5, 5)
    assert decoded(path, 0.04) == (500, 500)


def test_frames_that_none_refers_to_are_left_out(tmp_path, decoded):
    times = constant_rate(25, 20)
    options = X264 | {"g": "250", "bf": "3", "x264-params": "b-pyramid=none:b-adapt=0"}
    path = write_video(tmp_path / "v.mp4", times, frames=moving(len(times)), options=options)
    out, passed = decoded(path)
    assert out < 200  # of 500
    assert passed == 10  # the others are not held until their group ends
    check(path)


def test_frames_sent_behind_a_key_frame_and_shown_before_it(tmp_path, decoded):
    # x264 and x265 need the group before only for a sample that is shown among these.
    times = constant_rate(25, 12)
    for codec, params in (("libx264", "x264-params"), ("libx265", "x265-params")):
        of_codec = {"g": "50", params: "open-gop=1:keyint=50:min-keyint=50:scenecut=0:log-level=0"}
        path = write_video(
            tmp_path / f"{codec}.mp4", times, codec=codec, frames=moving(len(times)),
            options=X264 | of_codec | {"preset": "ultrafast", "bf": "3"},
        )  # fmt: skip
        check(path)
        check(path, at_s=(3.96,))
        assert decoded(path) == (6, 6), codec
        out, passed = decoded(path, 0.04)
        assert 300 <= out <= 305 and passed == 300, codec  # key frames twice


def test_frames_of_hevc_and_av1_that_none_refers_to_are_left_out(tmp_path, decoded):
    times = constant_rate(25, 10)
    quiet = {"g": "250", "x265-params": "log-level=none:pools=1:b-adapt=0:bframes=3:scenecut=0"}
    for codec, options in (
        ("libx265", {"preset": "ultrafast"} | quiet),
        ("libsvtav1", {"preset": "12", "g": "250", "svtav1-params": "lp=1"}),
    ):
        path = write_video(
            tmp_path / f"{codec}.mp4", times, codec=codec, frames=moving(250), options=options
        )
        check(path)
        out, passed = decoded(path)
        assert out <= 160 and passed == 5, codec  # of 201 up to the last


def test_groups_that_are_too_long_to_wait_for(tmp_path, monkeypatch, decoded):
    monkeypatch.setattr(decode, "_LONGEST", 60)
    times = constant_rate(25, 9)
    options = X264 | {"g": "100", "bf": "3"}
    path = write_video(tmp_path / "v.mp4", times, frames=moving(len(times)), options=options)
    check(path)
    assert decoded(path) == (225, 225)


def test_samples_lie_in_order_at_every_step(tmp_path):
    times = constant_rate(30, 5)
    path = write_video(tmp_path / "v.mp4", times, rate=30)
    for step_s in (0.1, 1 / 3, 0.7, 1.9):
        found = [t for t, _ in sample_frames(path, step_s)]
        # A step is whole microseconds.
        assert all(b - a == pytest.approx(step_s, abs=1e-6) for a, b in pairwise(found))
        check(path, step_s)
