"""Cuts are frame-accurate: proven by frames that carry their own number."""

from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest
from coded_video import constant_rate, read_number, write_video
from hypothesis import given, settings
from hypothesis import strategies as st
from mini_dataset import mini_dataset

from vid2vidmr.data.clips import cut_clips
from vid2vidmr.errors import DataError, VideoError
from vid2vidmr.video.cut import Cut, cut_video
from vid2vidmr.video.packets import Frames

RATES = {
    "23.976": Fraction(24_000, 1001), "25": Fraction(25), "29.97": Fraction(30_000, 1001),
    "50": Fraction(50),
}  # fmt: skip
SECONDS = 12


def variable_times() -> list[Fraction]:
    """Gaps of 10 to 200 ms, and a pause of a second."""
    gaps = np.random.default_rng(0).integers(10, 200, 100)
    gaps[50] = 1000
    return [Fraction(int(t), 1000) for t in np.concatenate([[0], np.cumsum(gaps)])]


def times_of(name: str) -> list[Fraction]:
    return variable_times() if name == "variable" else constant_rate(RATES[name], SECONDS)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One file a rate; 50 fps starts at an odd time, 29.97 has sound that starts earlier."""
    folder = tmp_path_factory.mktemp("videos")
    found = {}
    for name in (*RATES, "variable"):
        offset_s = 7 if name == "50" else 0
        audio_s = float(SECONDS) if name == "29.97" else 0.0
        found[name] = write_video(
            folder / f"{name}.mp4", times_of(name), rate=RATES.get(name, 25), offset_s=offset_s,
            audio_s=audio_s,
        )  # fmt: skip
    return found


def numbers(path: Path) -> list[tuple[int, Fraction]]:
    """Number and time of every frame."""
    with av.open(str(path)) as container:
        return [
            (read_number(f.to_ndarray(format="rgb24")), Fraction(f.pts * f.time_base))
            for f in container.decode(video=0)
        ]


@pytest.mark.parametrize("name", [*RATES, "variable"])
@pytest.mark.parametrize(("start_s", "end_s"), [(0.0, 1.0), (2.017, 5.3), (9.5, 11.0)])
def test_a_cut_holds_exactly_the_frames_on_screen(
    videos: dict[str, Path], tmp_path: Path, name: str, start_s: float, end_s: float
) -> None:
    times = times_of(name)
    cut = cut_video(Frames.of(videos[name]), start_s, end_s, tmp_path / "cut.mp4")
    found = numbers(tmp_path / "cut.mp4")
    first = max(i for i, time in enumerate(times) if time <= start_s)
    expected = [first, *(i for i, time in enumerate(times) if start_s < time < end_s)]
    assert [number for number, _ in found] == expected
    # Frames keep their distance, and time 0 of the cut is where the record says.
    for number, time in found:
        assert abs(time - (times[number] - times[first])) < Fraction(1, 2000)
    assert cut.cut_start_s == pytest.approx(float(times[first]), abs=1e-4)
    longest = max(float(b - a) for a, b in pairwise(times))
    assert 0 <= start_s - cut.cut_start_s < longest
    assert -1e-4 <= cut.cut_end_s - end_s < longest
    assert cut.frames == len(expected)


@settings(max_examples=60)
@given(data=st.data())
def test_the_error_is_below_one_frame_wherever_it_is_cut(
    data: st.DataObject, videos: dict[str, Path]
) -> None:
    name = data.draw(st.sampled_from([*RATES, "variable"]))
    frames, times = Frames.of(videos[name]), times_of(name)
    start_s = data.draw(st.floats(0, 9, allow_nan=False))
    end_s = data.draw(st.floats(start_s + 0.001, float(frames.end)))
    first, behind = frames.span(start_s, end_s)
    tick = 1e-4
    assert frames.time(first) <= start_s + tick
    assert first + 1 == len(times) or frames.time(first + 1) > start_s
    assert frames.time(behind - 1) < end_s
    assert frames.time(behind) >= end_s - tick


def test_the_last_frames_of_a_video_can_be_cut(videos: dict[str, Path], tmp_path: Path) -> None:
    frames = Frames.of(videos["25"])
    cut = cut_video(frames, 11.5, 12.0, tmp_path / "cut.mp4")
    assert [number for number, _ in numbers(tmp_path / "cut.mp4")] == list(range(287, 300))
    assert cut == Cut(11.48, 12.0, 13)


@pytest.mark.parametrize("window", [(12.5, 13.0), (3.0, 3.0), (4.0, 3.0), (-1.0, 2.0)])
def test_windows_outside_the_video(
    videos: dict[str, Path], tmp_path: Path, window: tuple[float, float]
) -> None:
    with pytest.raises(VideoError, match=r"is not in the video of 12\.000 s"):
        cut_video(Frames.of(videos["25"]), *window, tmp_path / "cut.mp4")
    assert not list(tmp_path.iterdir())


def test_clips_of_a_data_set(videos: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    for name in ("25", "50"):
        (tmp_path / "videos" / f"{name}.mp4").write_bytes(videos[name].read_bytes())
    dataset = mini_dataset(tmp_path, {"25": "videos/25.mp4", "50": "videos/50.mp4", "gone": None})
    before = dataset.fingerprint
    table = cut_clips(dataset)
    assert table["moment_id"].tolist() == ["m-25", "m-50"]  # the clip of "gone" cannot be cut
    assert table["cut_start_s"].tolist() == [0.0, 0.0]
    assert table["cut_end_s"].tolist() == pytest.approx([12.0, 12.0])
    assert table.equals(pd.read_parquet(tmp_path / "clips.parquet"))
    assert [number for number, _ in numbers(tmp_path / table["path"][0])] == list(range(300))
    assert dataset.fingerprint == before

    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "clips").iterdir()}
    (tmp_path / "clips" / "m-50.mp4").write_bytes(b"half")
    assert cut_clips(dataset)["sha256"].tolist() == table["sha256"].tolist()
    assert (tmp_path / "clips" / "m-25.mp4").stat().st_mtime_ns == written[
        tmp_path / "clips" / "m-25.mp4"
    ]


def test_nothing_to_cut(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no video files to cut: add --download"):
        cut_clips(mini_dataset(tmp_path, {"a": None, "b": None}))
