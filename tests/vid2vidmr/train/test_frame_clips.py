"""Clips that are augmented as frames: the feature is the frame's number, so order can be read."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from coded_video import constant_rate, write_video
from test_extract import number_encoder
from test_pretrain import SMALL

from baselines.matr import Matr
from vid2vidmr.errors import FeatureError, UserError
from vid2vidmr.features.extract import extract_files
from vid2vidmr.features.store import FeatureStore
from vid2vidmr.train import pretrain as pretraining
from vid2vidmr.train.frame_clips import FrameClip, encode_clips, encoded_clips
from vid2vidmr.train.pretrain import pretrain, target_table
from vid2vidmr.train.unlabelled import Videos

RATE = 8
CONFIG = replace(SMALL, augmented=0.5, components=None)


@pytest.fixture(autouse=True)
def encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vid2vidmr.train.frame_clips.load_stills", lambda name: number_encoder())
    monkeypatch.setattr(pretraining, "VAL_PAIRS", 4)


def some_videos(folder: Path, count: int = 3, seconds: float = 40.0) -> Videos:
    files = {
        f"v{i}": write_video(folder / f"v{i}.mp4", constant_rate(RATE, seconds), rate=RATE)
        for i in range(count)
    }
    store = extract_files(files, number_encoder(), folder / "features", "test")
    return Videos(store, store.durations_s, files)


def numbers(path: Path, clip: FrameClip) -> list[float]:
    return encode_clips(path, [clip], number_encoder())[0][:, 0].tolist()


def test_each_way_changes_which_frames_are_seen(tmp_path: Path) -> None:
    path = write_video(tmp_path / "v.mp4", constant_rate(RATE, 30), rate=RATE)

    def at(*times_s: float) -> list[float]:
        return [t * RATE for t in times_s]

    plain = FrameClip("c", 3.5, 11.5, None, 0.0, 2.0)
    assert numbers(path, plain) == at(3.5, 5.5, 7.5, 9.5)
    assert numbers(path, replace(plain, kind="reverse")) == at(9.5, 7.5, 5.5, 3.5)
    assert numbers(path, replace(plain, kind="fast", strength=2.0)) == at(3.5, 7.5)
    assert numbers(path, replace(plain, kind="slow", strength=0.5)) == at(*np.arange(3.5, 11.5))
    past_the_end = FrameClip("c", 27.0, 31.5, None, 0.0, 2.0)
    assert numbers(path, past_the_end) == at(27, 29, 29.5)  # the last frame sampled stays


def test_noise_is_on_the_pixels_and_its_own_for_each_row() -> None:
    frame = np.full((64, 128, 3), 100, np.uint8)
    clip = FrameClip("c", 0.0, 8.0, "noise", 0.2, 2.0)
    first, second = clip.changed(frame, 0), clip.changed(frame, 1)
    assert first.dtype == np.uint8
    assert 18 < first.astype(float).std() < 22
    assert abs(first.astype(float).mean() - 100) < 1
    assert (first != second).any()
    np.testing.assert_array_equal(first, clip.changed(frame, 0))
    assert (replace(clip, clip_id="d").changed(frame, 0) != first).any()
    large = clip.changed(np.full((1080, 1920, 3), 100, np.uint8), 0)
    assert large.shape == (256, 455, 3)
    assert large.astype(float).std() > 18


def test_clips_lie_where_their_ground_truth_says(tmp_path: Path) -> None:
    videos = some_videos(tmp_path)
    targets = target_table(videos, list(videos.durations_s))
    plain = replace(CONFIG, augmented=0.0)
    (table,), store = encoded_clips([(targets, 6)], videos, plain, 0, tmp_path / "clips")
    assert len(table) == len(store) == 18
    for row in table.itertuples():
        first = store.rows(row.query_video)[0, 0]
        assert first == RATE * (row.clip_start_s + row.start_s)
        assert 4 <= row.end_s - row.start_s <= 14
        assert row.end_s <= row.clip_end_s - row.clip_start_s
    assert (table["start_s"] % 2 != 0).any(), "clips never leave the grid of the targets"


def test_what_was_stopped_ends_with_the_same_clips(tmp_path: Path) -> None:
    videos = some_videos(tmp_path)
    targets = target_table(videos, list(videos.durations_s))

    def encode(folder: str) -> FeatureStore:
        return encoded_clips([(targets, 3)], videos, CONFIG, 0, tmp_path / folder)[1]

    whole = encode("whole")
    encode("killed")
    index = tmp_path / "killed" / "index.jsonl"
    lines = index.read_bytes().splitlines(keepends=True)
    index.write_bytes(b"".join(lines[:4]) + lines[4][:10])  # killed in the second video
    encode("killed")
    for name in ("index.jsonl", "features.bin"):
        assert (tmp_path / "killed" / name).read_bytes() == (whole.path / name).read_bytes()
    with pytest.raises(FeatureError, match="sampling"):
        encoded_clips([(targets, 3)], videos, CONFIG, 1, tmp_path / "whole")


def test_pretraining_on_frames_leaves_a_checkpoint(tmp_path: Path) -> None:
    videos = some_videos(tmp_path, count=4)
    videos.files["v0"].write_bytes(b"broken after its features were made")
    pretrain(
        Matr(replace(CONFIG, epochs=1)),
        videos,
        tmp_path / "out",
        level="frames",
        clips_per_target=4,
    )
    method = Matr.load(tmp_path / "out")
    assert method.model is not None
    clips = FeatureStore(tmp_path / "out" / "clips")
    assert not any(clip_id.startswith("v0") for clip_id in clips.video_ids)
    assert method.encoder_contract == videos.features.contract
    only_features = Videos(videos.features, videos.durations_s)
    with pytest.raises(UserError, match="needs the video files"):
        pretrain(Matr(CONFIG), only_features, tmp_path / "none", level="frames")
