"""Names of videos in a CSV file: what is there is found, what is not is told."""

import unicodedata
from pathlib import Path

import pytest
from coded_video import constant_rate, write_video

from builders.rows import MomentError
from vid2vidmr.data.builder import build_dataset
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.errors import VideoError
from vid2vidmr.video.files import files_below


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("video") / "v.ts"
    return write_video(path, constant_rate(2, 10), rate=2).read_bytes()


def build(folder: Path, *names: str) -> Dataset:
    """Build from the folder ``videos`` in `folder`, a moment a name."""
    rows = [f"{name},goal,{i},{i + 0.5},test" for i, name in enumerate(names)]
    (folder / "m.csv").write_text("\n".join(["video,label,start,end,split", *rows, ""]))
    options = {"moments": folder / "m.csv", "videos": folder / "videos"}
    return build_dataset("custom", folder / "out", options)


def videos(folder: Path, video: bytes, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(video)


def ids(dataset: Dataset) -> list[str]:
    return sorted(dataset.videos["video_id"])


def test_a_link_to_a_folder_is_a_folder(tmp_path: Path, video: bytes) -> None:
    videos(tmp_path, video, "elsewhere/x.ts", "videos/y.ts")
    (tmp_path / "videos" / "season1").symlink_to("../elsewhere")
    (tmp_path / "videos" / "season1" / "again").symlink_to("../videos")  # a circle
    (tmp_path / "videos" / "gone").symlink_to("../nowhere")
    built = build(tmp_path, "season1/x.ts", "y", "season1/x")
    assert ids(built) == ["season1/x.ts", "y.ts"]
    assert built.video_path("season1/x.ts") == (tmp_path / "elsewhere" / "x.ts").resolve()
    assert len(files_below(tmp_path / "videos")) < 5


@pytest.mark.parametrize(("kept", "asked"), [("NFD", "NFC"), ("NFC", "NFD"), ("NFC", "NFC")])
def test_accents_have_two_spellings(tmp_path: Path, video: bytes, kept: str, asked: str) -> None:
    name = "Fußball/Élan café"
    there = unicodedata.normalize(kept, name)
    videos(tmp_path, video, f"videos/{there}.ts")
    said = unicodedata.normalize(asked, name)
    assert ids(build(tmp_path, said, f"{said}.ts")) == [f"{there}.ts"]


@pytest.mark.parametrize(
    "suffix", ["m2ts", "MTS", "vob", "mxf", "asf", "gif", "ogm", "rmvb", "insv", "of-my-camera"]
)
def test_any_ending_is_one(tmp_path: Path, video: bytes, suffix: str) -> None:
    videos(tmp_path, video, f"videos/cam.{suffix}", "videos/b.mp4")
    assert ids(build(tmp_path, f"cam.{suffix}", "b")) == ["b.mp4", f"cam.{suffix}"]


def test_two_endings_of_one_name(tmp_path: Path, video: bytes) -> None:
    videos(tmp_path, video, "videos/a.mp4", "videos/a.m2ts", "videos/a.txt", "videos/b.mp4")
    with pytest.raises(MomentError, match=r"row 3: 'a' could be a\.m2ts or a\.mp4: write the end"):
        build(tmp_path, "b", "a")
    assert ids(build(tmp_path, "b", "a.mp4")) == ["a.mp4", "b.mp4"]
    assert ids(build(tmp_path, "b", "a.m2ts")) == ["a.m2ts", "b.mp4"]


def test_a_name_without_ending_is_its_own(tmp_path: Path, video: bytes) -> None:
    videos(tmp_path, video, "videos/a", "videos/a.mp4")
    assert ids(build(tmp_path, "a", "a")) == ["a"]


def test_no_name_is_there(tmp_path: Path, video: bytes) -> None:
    videos(tmp_path, video, "videos/a.mp4")
    with pytest.raises(MomentError, match="2 faults, told above"):
        build(tmp_path, "clip1.mp4", "clip2.mp4")


def test_a_colon_is_a_letter(tmp_path: Path, video: bytes) -> None:
    videos(tmp_path, video, "videos/2025-11-29T01:26.ts", "videos/http:x.ts")
    names = ["2025-11-29T01:26", "http:x.ts"]
    assert ids(build(tmp_path, *names)) == ["2025-11-29T01:26.ts", "http:x.ts"]


def test_what_is_named_must_be_a_video(tmp_path: Path, video: bytes) -> None:
    videos(tmp_path, video, "videos/a.mp4")
    (tmp_path / "videos" / "notes.txt").write_text("no video\n" * 99)
    with pytest.raises(VideoError, match=r"notes\.txt cannot be read as video"):
        build(tmp_path, "a", "notes.txt")
