"""Kinetics: a list of YouTube ids becomes videos for pretraining."""

from pathlib import Path

import pytest
from bad_server import BadServer
from coded_video import constant_rate, write_video
from conftest import ENCODER

from builders.kinetics import read_list
from vid2vidmr.data.builder import build_dataset
from vid2vidmr.data.dataset import load_dataset
from vid2vidmr.downloads import DownloadOptions
from vid2vidmr.errors import DataError, UserError
from vid2vidmr.features.extract import extract_features
from vid2vidmr.train.unlabelled import open_videos

LIST = """label,youtube_id,time_start,time_end,split
abseiling,ok-_4567890,10,20,train
abseiling,ok-_4567890,40,50,train
zumba,ok-_456789b,3,13,train
zumba,gone-_67890,3,13,train
zumba,gone-_67890,3,13,train
zumba,short,3,13,train
zumba,ok-_456789c,3,13,validate
"""


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    path = tmp_path / "train.csv"
    path.write_text(LIST)
    return path


def test_a_list_becomes_videos_for_pretraining(listed: Path, tmp_path: Path) -> None:
    video = write_video(tmp_path / "v.mp4", constant_rate(4, 6), rate=4)
    server = BadServer(video.read_bytes())
    quick = DownloadOptions(pause_s=0.0, attempts=1, timeout_s=20.0, mirror=server.mirror)
    out = tmp_path / "kinetics"
    built = build_dataset("kinetics", out, {"moments": listed, "download": quick})
    server.stop()
    assert built.splits == []
    table = built.videos.set_index("video_id")["status"]
    assert table.to_dict() == {
        "ok-_4567890": "ok", "ok-_456789b": "ok", "gone-_67890": "removed", "ok-_456789c": "ok",
    }  # fmt: skip
    store = extract_features(built, ENCODER)
    found = open_videos(str(out), tmp_path / "features", ENCODER, None)
    assert set(found.durations_s) == set(found.files) == {"ok-_4567890", "ok-_456789b"}
    assert len(store.rows("ok-_4567890")) == 3  # the whole video, not the labelled ten seconds
    offline = build_dataset("kinetics", out, {"moments": listed})
    assert offline.videos.equals(built.videos)


def test_part_of_a_list(listed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    two = build_dataset("kinetics", tmp_path / "2", {"moments": listed, "videos": "2"})
    assert two.counts["videos"] == 2
    assert "2 rows" in capsys.readouterr().out
    again = build_dataset("kinetics", tmp_path / "3", {"moments": listed, "videos": "2", "seed": 0})
    assert again.fingerprint == two.fingerprint
    assert load_dataset(tmp_path / "2").moments["end_s"].tolist() == [10.0] * len(two.moments)


def test_a_list_without_labels(tmp_path: Path) -> None:
    path = tmp_path / "test.csv"
    path.write_text("youtube_id,time_start,time_end,split\nabcdefghijk,1,11,test\n")
    moments, unusable = read_list(path)
    assert moments["moment_id"].tolist() == ["abcdefghijk_000001_000011"]
    assert (moments["split"][0], unusable) == ("test", 0)


def test_what_is_no_list(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="kinetics needs its list"):
        build_dataset("kinetics", tmp_path)
    path = tmp_path / "x.csv"
    with pytest.raises(DataError, match="does not exist"):
        read_list(path)
    path.write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="lacks youtube_id, time_start, time_end"):
        read_list(path)
