"""Motion vectors as features: which way, how fast, when."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from coded_video import constant_rate, write_video

from vid2vidmr.errors import VideoError
from vid2vidmr.features.load import load_encoder
from vid2vidmr.features.local import encode_rows, encode_video
from vid2vidmr.features.motion import BINS, DIM
from vid2vidmr.features.readers import Sampled
from vid2vidmr.video.motion import moves
from vid2vidmr.video.sample import video_duration
from vid2vidmr.video.source import open_video

RATE, WIDTH, HEIGHT = 25, 256, 144


def rolled(count, ways):
    """Clouds that move so many pixels a frame, right and down; `ways` one after another."""
    noise = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    clouds = cv2.GaussianBlur(cv2.copyMakeBorder(noise, 9, 9, 9, 9, cv2.BORDER_WRAP), (0, 0), 2)
    clouds = cv2.normalize(clouds[9:-9, 9:-9], None, 0, 255, cv2.NORM_MINMAX)
    moved = np.repeat(ways, count // len(ways), axis=0).cumsum(0)
    return [np.roll(clouds, (y, x), (0, 1)) for x, y in moved]


def moving(path, *ways, count=100, **options):
    times = constant_rate(RATE, count / RATE)
    return write_video(path, times, frames=rolled(count, ways), **options)


def similar(a, b):
    return float((a * b).sum(-1).mean())


@pytest.mark.parametrize("b_frames", ["0", "3"])
@pytest.mark.parametrize("way", [(3, 0), (0, -2), (-4, 4)])
def test_velocities_are_those_of_the_picture(tmp_path, way, b_frames):
    options = {"preset": "veryfast", "g": "50", "bf": b_frames, "threads": "1"}
    path = moving(tmp_path / "a.mp4", way, options=options)
    with open_video(path) as source:
        found = list(moves(source))
        assert float(source.end) == video_duration(path) == 4.0
    assert all(a.end_s <= b.start_s + 1e-9 for a, b in pairwise(found))
    velocity = np.concatenate([of.velocity for of in found])
    assert np.median(velocity, axis=0) == pytest.approx(np.array(way) * RATE / WIDTH, abs=0.01)
    assert all((of.at >= 0).all() and (of.at <= 1).all() for of in found)


def test_rows_tell_direction_speed_and_order_apart(tmp_path):
    encoder = load_encoder("motion@0.25", "cpu")
    ways = {"right": [(3, 0)], "left": [(-3, 0)], "fast": [(8, 0)], "both": [(3, 0), (-3, 0)]}
    rows = {k: encode_video(moving(tmp_path / f"{k}.mp4", *v), encoder) for k, v in ways.items()}
    assert all(found.shape == (16, DIM) for found in rows.values())
    assert np.linalg.norm(np.concatenate([*rows.values()]), axis=1) == pytest.approx(1, abs=1e-5)
    assert similar(rows["right"][1:], rows["right"][:-1]) > 0.9
    assert similar(rows["right"], rows["left"]) < 0.3
    assert similar(rows["right"], rows["fast"]) < 0.6
    assert similar(rows["both"][:7], rows["right"][:7]) > 0.9
    assert similar(rows["both"][9:], rows["left"][9:]) > 0.9


def test_what_rests_is_at_rest(tmp_path):
    rows = encode_video(moving(tmp_path / "a.mp4", (0, 0)), load_encoder("motion@0.5", "cpu"))
    assert rows.reshape(len(rows), -1, BINS)[:, :, 0] == pytest.approx(0.25, abs=1e-3)


def test_a_query_sees_nothing_around_it(tmp_path):
    path, encoder = moving(tmp_path / "a.mp4", (3, 0), (-3, 0)), load_encoder("motion@0.5", "cpu")
    rows = encode_rows(Sampled(path, 0.5, ((1.0, 1.9), (2.2, 9.0))), encoder)
    grid, first, second = np.split(rows, [8, 10])
    assert np.array_equal(grid, encode_video(path, encoder))
    assert np.array_equal(first[0], grid[2])
    assert not np.array_equal(first[1], grid[3])  # up to 1.9 s only
    assert similar(second[:3], grid[5:8]) > 0.9
    assert np.array_equal(second[4:], np.tile(second[4], (len(second) - 4, 1)))  # behind the end


def test_a_file_without_vectors_is_told(tmp_path):
    options = {"preset": "ultrafast", "x265-params": "log-level=none:pools=1"}
    path = moving(tmp_path / "a.mkv", (3, 0), count=20, codec="libx265", options=options)
    with pytest.raises(VideoError, match=r"no motion vectors that can be read .*hevc.* as H.264"):
        encode_video(path, load_encoder("motion", "cpu"))


def test_a_picture_that_is_turned_moves_as_it_is_shown(tmp_path):
    from vid2vidmr.video import motion
    from vid2vidmr.video.picture import Turn

    path = moving(tmp_path / "a.mp4", (3, 0))
    with pytest.MonkeyPatch.context() as patch:
        # A quarter to the left: what moved to the right moves up.
        patch.setattr(Turn, "of", lambda frame: Turn(swapped=True, up_down=True))
        with open_video(path) as source:
            found = next(motion.moves(source))
    way = np.median(found.velocity, axis=0)
    assert way == pytest.approx([0, -3 * RATE / HEIGHT], abs=0.02)
