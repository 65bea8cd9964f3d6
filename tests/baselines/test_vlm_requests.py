"""What a model is shown: order, timestamps, budgets; and nothing that gives the answer away."""

import re
from dataclasses import replace

import numpy as np
import pytest
from chat_server import numbered_dataset
from coded_video import read_number

from baselines.vlm import prepare as preparing
from baselines.vlm.clips import Clip, grid, show_clips
from baselines.vlm.config import VlmConfig
from baselines.vlm.prompts import (
    EXAMPLE,
    WORDINGS,
    caption_request,
    retrieval_request,
    variation,
)
from baselines.vlm.records import Frames, Image, Text, Video
from vid2vidmr.data.builder import dataset_builder
from vid2vidmr.errors import DataError, VideoError
from vid2vidmr.experiments.predict import prediction_header
from vid2vidmr.methods.load import method_class
from vid2vidmr.video import sample as video

QUERY = Video(sha256=("q0", "q1"), times_s=(0.0, 0.5), duration_s=1.0)
TARGET = Video(sha256=("t0", "t1", "t2"), times_s=(0.0, 12.5, 25.0), duration_s=30.0)
CONFIG = VlmConfig(model="any")


def shown(request) -> str:
    """The request as a reader sees it."""
    return "".join(p.text if isinstance(p, Text) else f"<{p.sha256}>" for p in request.content)


def test_every_image_follows_its_time_under_its_heading():
    said = shown(retrieval_request(QUERY, TARGET, CONFIG))
    assert "Query, 1.0 seconds:\n[0.0s]<q0>[0.5s]<q1>\n" in said
    assert "Target, 30.0 seconds:\n[0.0s]<t0>[12.5s]<t1>[25.0s]<t2>\n" in said
    assert said.index("Query, ") < said.index("Target, ")
    assert said.endswith(WORDINGS[0].question.format(example=EXAMPLE))
    assert not re.search(r"\d", EXAMPLE)


def test_seeds_go_through_all_wordings_in_both_orders():
    n = len(WORDINGS)
    assert len({variation(seed, "query-first") for seed in range(2 * n)}) == 2 * n
    assert variation(0, "query-first") == (0, "query-first")
    assert variation(n, "target-first") == (0, "query-first")
    said = [shown(retrieval_request(QUERY, TARGET, CONFIG, seed)) for seed in range(2 * n)]
    assert len(set(said)) == 2 * n
    assert said[n].index("Target, ") < said[n].index("Query, ")
    assert all(EXAMPLE in text for text in said)


def test_the_native_layout_gives_videos_with_their_times():
    request = retrieval_request(QUERY, TARGET, replace(CONFIG, layout="native"))
    videos = [part for part in request.content if isinstance(part, Video)]
    assert [v.times_s for v in videos] == [QUERY.times_s, TARGET.times_s]
    assert request.images == ("q0", "q1", "t0", "t1", "t2")


def test_a_caption_takes_the_place_of_the_query():
    request = retrieval_request("a man jumps", TARGET, CONFIG)
    assert request.images == ("t0", "t1", "t2")
    assert "Query: a man jumps\n" in shown(request)
    assert caption_request(QUERY, CONFIG).images == ("q0", "q1")


def test_a_request_and_its_model_are_the_key():
    one = retrieval_request(QUERY, TARGET, CONFIG)
    assert one.key("m", None) == retrieval_request(QUERY, TARGET, CONFIG).key("m", None)
    others = [one.key("n", None), one.key("m", "r1")]
    others += [retrieval_request(QUERY, TARGET, CONFIG, 1).key("m", None)]
    others += [one.model_copy(update={"max_tokens": 5}).key("m", None)]
    assert one.key("m", None) not in others


@pytest.mark.parametrize(
    ("start", "end", "budget", "steps"),
    [
        (0.0, 2.0, 10, [0, 1, 2, 3]),
        (0.0, 2.1, 10, [0, 1, 2, 3, 4]),
        (10.2, 11.6, 10, [0, 1, 2]),  # 10.2, 10.7, 11.2 s
        (10.2, 10.3, 10, [0]),
        (40.0, 42.0, 2, [0, 3]),
        (0.0, 50.0, 3, [0, 50, 99]),
        (0.0, 50.0, 1, [50]),
    ],
)
def test_frames_are_spread_over_a_clip(tmp_path, start, end, budget, steps):
    assert grid(Clip(tmp_path, start, end), budget) == steps


def test_frames_are_those_on_screen_and_a_video_is_read_once(tmp_path, monkeypatch):
    import cv2

    dataset = numbered_dataset(tmp_path / "data", pairs=4, videos=4, classes=2)
    path = dataset.video_path("cup-final_1")
    read = []
    original = video.sample_frames
    monkeypatch.setattr(
        "baselines.vlm.clips.sample_frames",
        lambda path, *a, **k: read.append(path) or original(path, *a, **k),
    )
    frames = Frames(tmp_path / "frames")
    clips = [(Clip(path, 10.0, 20.0), 5), (Clip(path, 3.0, 59.5), 8), (Clip(path, 10.0, 20.0), 5)]
    clips += [(Clip(path, 30.4, 33.1), 9)]  # its frames are those from its own start on
    found = show_clips(clips, frames, 448)
    assert read == [path]
    for (clip, _), one in found.items():
        assert len(one.times_s) == len(one.sha256)
        for sha256, time_s in zip(one.sha256, one.times_s, strict=True):
            picture = cv2.imdecode(np.frombuffer(frames.jpeg(sha256), np.uint8), cv2.IMREAD_COLOR)
            assert read_number(picture) == 1 + 200 + int(2 * (clip.start_s + time_s))
    assert show_clips(clips, frames, 448) == found
    assert read == [path]  # what is there is used again
    small = show_clips(clips[:1], frames, 64)[clips[0]]
    picture = cv2.imdecode(np.frombuffer(frames.jpeg(small.sha256[0]), np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (32, 64, 3)


def test_a_clip_behind_the_end_of_its_video_is_an_error(tmp_path):
    dataset = numbered_dataset(tmp_path / "data", pairs=4, videos=4, classes=2)
    path = dataset.video_path("cup-final_1")
    with pytest.raises(VideoError, match=r"no frame between 70.00 and 80.00 s"):
        show_clips([(Clip(path, 70.0, 80.0), 5)], Frames(tmp_path / "frames"), 448)
    at_the_end = show_clips([(Clip(path, 58.0, 61.0), 9)], Frames(tmp_path / "frames"), 448)
    assert next(iter(at_the_end.values())).times_s == (0.0, 0.5, 1.0, 1.5)


def asked(dataset, pairs, config, tmp_path, captions=None):
    method = method_class("vlm:qwen3-vl-8b")(config)
    header = prediction_header(method, dataset, pairs)
    frames = Frames(tmp_path / "frames")
    return preparing.prepare(dataset, pairs, config, header, tmp_path / "asked", frames, captions)


def test_too_many_images_are_an_error_and_never_fewer(tmp_path):
    dataset = numbered_dataset(tmp_path / "data", pairs=4, videos=4, classes=2)
    config = replace(CONFIG, max_images=20)
    with pytest.raises(DataError, match=r"takes 20 \(max_images\)"):
        asked(dataset, dataset.pairs("test"), config, tmp_path)


def test_missing_videos_and_captions_are_named(tmp_path):
    dataset = numbered_dataset(tmp_path / "data", pairs=4, videos=4, classes=2)
    config = replace(CONFIG, protocol="caption", captions="common")
    with pytest.raises(DataError, match=r"'moment-cup-final_0' has no caption .*'common'"):
        asked(dataset, dataset.pairs("test"), config, tmp_path, {})
    dataset.video_path("cup-final_2").unlink()
    with pytest.raises(DataError, match=r"1 of 4 videos are not here, .*'cup-final_2'"):
        asked(dataset, dataset.pairs("test"), CONFIG, tmp_path)


@pytest.mark.parametrize("name", ["sportsmoments", "activitynet-vrl"])
@pytest.mark.parametrize("protocol", ["official", "recropped"])
def test_no_request_names_an_id_a_path_or_a_class(name, protocol, tmp_path, monkeypatch):
    dataset = dataset_builder(name).build(tmp_path / name)
    rng = np.random.default_rng(0)

    def show(clips, frames, size):
        return {
            (clip, n): Video(
                sha256=tuple(rng.bytes(32).hex() for _ in range(3)),
                times_s=(0.0, 0.5, 1.0),
                duration_s=9.0,
            )
            for clip, n in clips
        }

    monkeypatch.setattr(preparing, "show_clips", show)
    monkeypatch.setattr(type(dataset), "video_path", lambda self, video: tmp_path)
    monkeypatch.setattr(preparing, "video_duration", lambda path: 9.0)
    pairs = dataset.pairs("test").under(protocol)
    found = asked(dataset, pairs, CONFIG, tmp_path)
    assert len(found.prepared) == len(pairs)
    said = {shown(p.request) for p in found.prepared}
    texts = {
        part.text for p in found.prepared for part in p.request.content if isinstance(part, Text)
    }
    assert len(said) > 1
    assert len(texts) < 20  # nothing in the text depends on the pair but numbers
    secrets = {str(tmp_path).lower(), name}
    for column in ("pair_id", "query_id", "target_id", "query_video", "target_video", "label"):
        secrets |= set(pairs.table[column].astype(str).str.lower())
    for request in said:
        text = re.sub(r"<[0-9a-f]{64}>", "<image>", request).lower()
        words = set(re.findall(r"[\w.-]+", text))
        assert not words & secrets
    everything = "\n".join(texts).lower()
    assert not [s for s in secrets if len(s) > 6 and s in everything]


def test_images_are_named_by_nothing_but_their_bytes(tmp_path):
    dataset = numbered_dataset(tmp_path / "data", pairs=4, videos=4, classes=2)
    requests = asked(dataset, dataset.pairs("test"), CONFIG, tmp_path)
    frames = Frames(tmp_path / "frames")
    for one in requests.prepared:
        assert not any(name in one.request.model_dump_json() for name in ("cup-final", "penalty"))
        assert all(isinstance(p, Text | Image) for p in one.request.content)
        for sha256 in one.request.images:
            assert b"cup" not in frames.jpeg(sha256)
