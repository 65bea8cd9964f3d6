"""What is opened, and which stream: containers by their own path, the film, within bounds."""

import os
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest
from coded_video import constant_rate, read_number, write_video
from played import ffmpeg, numbered

from vid2vidmr.errors import VideoError
from vid2vidmr.video import source
from vid2vidmr.video.cut import cut_video
from vid2vidmr.video.packets import Frames
from vid2vidmr.video.sample import sample_frames, video_duration
from vid2vidmr.video.source import ANY_VIDEO, open_video


def error_of(path: Path) -> str:
    """The one line, whoever reads the file."""
    messages = []
    for read in (lambda: list(sample_frames(path)), lambda: video_duration(path)):
        with pytest.raises(VideoError) as caught:
            read()
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert "\n" not in messages[0] and path.name in messages[0]
    return messages[0]


def numbers(path: Path) -> list[int]:
    return [read_number(frame) for _, frame in sample_frames(path)]


# --- names -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name",
    ["q:uery.mp4", "2025-11-29T01:26:00.mp4", "http:a.mp4", "pipe:0", "a %03d.mp4", "-i.mp4"],
)
def test_a_name_is_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / "v.mp4", constant_rate(25, 5)).rename(name)
    assert numbers(Path(name)) == [0, 50, 100]
    assert cut_video(Frames.of(Path(name)), 1.0, 2.0, Path("c:ut.mp4")).frames == 25
    assert video_duration("c:ut.mp4") == 1.0


PLAYLISTS = {
    "concat.mp4": "ffconcat version 1.0\nfile 'film.mp4'\n",
    "live.m3u8": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfilm.mp4\n#EXT-X-ENDLIST\n",
    "live.mp4": "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfilm.mp4\n#EXT-X-ENDLIST\n",
    "list.mpd": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'profiles="urn:mpeg:dash:profile:isoff-main:2011"><Period><AdaptationSet><Representation '
    'mimeType="video/mp4" id="0"><BaseURL>film.mp4</BaseURL></Representation></AdaptationSet>'
    "</Period></MPD>",
    "talk.sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n",
    "text.txt": "a film\n" * 500,
}


@pytest.mark.parametrize("name", PLAYLISTS)
def test_playlists_are_refused(tmp_path: Path, name: str) -> None:
    write_video(tmp_path / "film.mp4", constant_rate(25, 5))
    (tmp_path / name).write_text(PLAYLISTS[name])
    assert "cannot be read as video" in error_of(tmp_path / name)


def test_a_picture_is_no_list_of_pictures(tmp_path: Path) -> None:
    for i in (1, 2, 3):
        ffmpeg("-f", "lavfi", "-i", "testsrc=s=64x48", "-frames:v", 1, tmp_path / f"{i}.png")
    os.link(tmp_path / "3.png", tmp_path / "%d.png")
    assert len(list(sample_frames(tmp_path / "%d.png"))) == 1


# --- which stream ------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "mov"])
@pytest.mark.parametrize("default", ["cover", "film", "both"])
def test_the_film_is_read_and_not_the_cover(tmp_path: Path, suffix: str, default: str) -> None:
    cover, path = tmp_path / "cover.mov", tmp_path / f"v.{suffix}"
    ffmpeg(*numbered(tmp_path), "-frames:v", 1, "-c:v", "mjpeg", "-q:v", 3, cover)
    film = write_video(tmp_path / "film.mp4", constant_rate(25, 9))
    flags = {"cover": ("default", "0"), "film": ("0", "default"), "both": ("default", "default")}
    first, second = flags[default]
    ffmpeg(
        "-i", cover, "-i", film, "-map", "0:v", "-map", "1:v", "-c", "copy",
        "-disposition:0", first, "-disposition:1", second, path,
    )  # fmt: skip
    with av.open(path) as container:
        assert [stream.codec.name for stream in container.streams.video] == ["mjpeg", "h264"]
    assert numbers(path) == [0, 50, 100, 150, 200]
    assert video_duration(path) == pytest.approx(9, abs=0.01)
    cut_video(Frames.of(path), 2.0, 6.0, tmp_path / "cut.mp4")
    assert numbers(tmp_path / "cut.mp4") == [50, 100]


def test_of_two_films_the_default_one(tmp_path: Path) -> None:
    one = write_video(tmp_path / "1.mp4", constant_rate(25, 9))
    two = write_video(tmp_path / "2.mp4", constant_rate(25, 5))
    path = tmp_path / "v.mkv"
    ffmpeg(
        "-i", one, "-i", two, "-map", "0:v", "-map", "1:v", "-c", "copy",
        "-disposition:0", "0", "-disposition:1", "default", path,
    )  # fmt: skip
    assert video_duration(path) == pytest.approx(5, abs=0.01)
    cut_video(Frames.of(path), 0.0, 5.0, tmp_path / "cut.mp4")
    assert video_duration(tmp_path / "cut.mp4") == pytest.approx(5, abs=0.01)


# --- bounds ------------------------------------------------------------------------------------


def bomb(path: Path, width: int = 16_000, height: int = 16_000) -> Path:
    """A GIF of one pixel on a large canvas."""
    canvas = b"GIF89a" + struct.pack("<HH", width, height) + b"\x80\x00\x00" + bytes(6)
    pixel = b"\x2c" + struct.pack("<4HB", 0, 0, 1, 1, 0) + b"\x02\x02\x44\x01\x00"
    path.write_bytes(canvas + pixel * 3 + b"\x3b")
    return path


def test_pictures_have_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = bomb(tmp_path / "bomb.gif")
    assert f"at most 67 million pixels are decoded (set {ANY_VIDEO}=1" in error_of(path)
    thin = bomb(tmp_path / "thin.gif", 1, 16_000)  # scaled for an encoder it would be 336 wide
    assert "of 1 x 16,000 pixels" in error_of(thin)
    monkeypatch.setenv(ANY_VIDEO, "1")
    assert next(frame.shape for _, frame in sample_frames(thin)) == (16_000, 1, 3)


def test_pixels_far_from_square_have_the_same_bound(tmp_path: Path) -> None:
    path = tmp_path / "v.mkv"
    ffmpeg(
        "-f",
        "lavfi",
        "-i",
        "testsrc=s=64x2048:d=1:r=5,setsar=2000/1:max=9999",
        "-c:v",
        "ffv1",
        path,
    )
    with pytest.raises(VideoError, match=r"v\.mkv has pictures of .* at most 67 million pixels"):
        list(sample_frames(path))


def test_pictures_that_grow_have_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = write_video(tmp_path / "small.ts", constant_rate(25, 2))
    ffmpeg("-f", "lavfi", "-i", "color=s=512x512:d=1", "-c:v", "libx264", tmp_path / "large.ts")
    path = tmp_path / "v.ts"
    path.write_bytes(small.read_bytes() + (tmp_path / "large.ts").read_bytes())
    monkeypatch.setattr(source, "MOST_PIXELS", 128 * 1024)
    monkeypatch.setattr(source, "_SHORTER_SIDE", 1)
    with pytest.raises(VideoError, match="cut or damaged"):
        list(sample_frames(path))


def test_length_has_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_video(
        tmp_path / "v.mkv", [Fraction(0), Fraction(1), Fraction(68 * 365 * 24 * 3600)], rate=1,
        options={"bf": "0"},
    )  # fmt: skip
    assert f"or more; at most 48 hours are read (set {ANY_VIDEO}=1" in error_of(path)
    monkeypatch.setenv(ANY_VIDEO, "1")
    assert video_duration(path) > 60 * 365 * 24 * 3600


# --- what is not there -------------------------------------------------------------------------


def at_a_packet(path: Path, share: float) -> Path:
    """Cut a file before a packet of its pictures."""
    with av.open(path) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.size]
    with path.open("r+b") as file:
        file.truncate(places[int(len(places) * share)] - 8)  # the chunk's name and size
    return path


@pytest.mark.parametrize("codec", ["mpeg4", "libx264"])
def test_an_avi_that_ends_at_a_packet_is_told(tmp_path: Path, codec: str) -> None:
    base, options = Fraction(1, 25), {"g": "40"}
    path = write_video(
        tmp_path / "v.avi", constant_rate(25, 10), codec=codec, time_base=base, options=options
    )
    assert video_duration(path) == 10
    message = error_of(at_a_packet(path, 0.48))
    assert "up to 4.8 s, its header announces 10.0 s" in message


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [("asf", "wmv2"), ("flv", "libx264"), ("webm", "libvpx"), ("ivf", "libvpx"), ("rm", "rv20")],
)
def test_so_is_another_container_that_announces_more(
    tmp_path: Path, suffix: str, codec: str
) -> None:
    path = tmp_path / f"v.{suffix}"
    ffmpeg(*numbered(tmp_path), "-c:v", codec, "-g", 50, path)
    assert video_duration(path) == pytest.approx(12, abs=0.05)
    assert "its header announces 12." in error_of(at_a_packet(path, 0.48))


def odd_metadata(path: Path) -> None:
    data = write_video(path.with_suffix(".avi"), constant_rate(25, 5), codec="mpeg4",
                       time_base=Fraction(1, 25), options={}).read_bytes()  # fmt: skip
    path.write_bytes(data.replace(b"Lavf", b"\xff\xfe\xfd\xfc"))


@pytest.mark.parametrize("make", [odd_metadata])
def test_what_does_no_harm(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "v.mkv")
    assert numbers(tmp_path / "v.mkv") == [0, 50, 100]


def test_whatever_fails_while_decoding_is_the_videos_failure(
    tmp_path: Path,
) -> None:
    path = write_video(tmp_path / "v.mp4", constant_rate(25, 2))
    for error in (MemoryError(), ValueError("two\nlines"), OverflowError("much"), OSError("gone")):
        with pytest.raises(VideoError, match=r"v\.mp4 cannot be decoded \("), open_video(path):
            raise error
