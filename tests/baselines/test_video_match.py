import numpy as np
import pytest

from baselines.video_match import VideoMatch, VideoMatchConfig
from vid2vidmr.contract import FeatureContract
from vid2vidmr.data.pairs import PairSet, pair_table
from vid2vidmr.errors import FeatureError
from vid2vidmr.features.store import MemoryFeatures
from vid2vidmr.methods.load import load_method

DIM = 16
CONTRACT = FeatureContract(
    encoder="tiny", weights_sha256="0" * 64, dim=DIM, sampling="2 s", preprocessing="none",
    decoder="none", dtype="float16",
)  # fmt: skip


def pair_set(videos, rows):
    """`rows`: (query video, its window or None, target video, its length)."""
    query, window, target, length = zip(*rows, strict=True)
    start, end = np.array([(np.nan, np.nan) if w is None else w for w in window], float).T
    table = pair_table(
        [f"p{i}" for i in range(len(rows))], query, target, query_s=(start, end),
        clip_s=(0.0, length), truth_s=(0.0, length),
    )  # fmt: skip
    return PairSet(table, "test", features=MemoryFeatures(CONTRACT, videos))


def video(seed, rows=40):
    return np.random.default_rng(seed).normal(size=(rows, DIM)).astype(np.float32)


def top(method, pairs):
    return [prediction.windows[0] for prediction in method.predict(pairs)]


def test_it_finds_an_excerpt():
    target = video(0)
    pairs = pair_set(
        {"t": target, "q": target[10:14], "back": target[13:9:-1]},
        [("q", None, "t", 80.0), ("t", (20, 28), "t", 80.0), ("back", None, "t", 80.0)],
    )
    whole, part, backward = top(VideoMatch(), pairs)
    assert whole[0] == pytest.approx(20, abs=0.7)  # the peak may lie between two samples
    assert whole[1] - whole[0] == pytest.approx(8)
    assert whole[2] == pytest.approx(1)
    assert part == pytest.approx(whole)
    assert backward[2] < 0.8  # order counts


def test_a_start_off_the_grid_is_told_from_its_neighbours():
    # Likeness falls off around 31 s (and 25.4 s), between two samples.
    for start in (31.0, 25.4):
        seconds = 2.0 * (np.arange(40)[:, None] - np.arange(3))
        cosines = 1 - ((seconds - start) / 40) ** 2
        windows, scores = VideoMatch().candidates(cosines, 2.5, 40.0)
        assert 2 * windows[scores.argmax()] == pytest.approx([start, start + 5])


def test_length_does_not_decide():
    # Every window of a constant likeness has the same score, up to the last moment.
    for length in (0.75, 3.5, 39.75):
        _, scores = VideoMatch().candidates(np.full((40, 3), 0.3), length, 40.0)
        assert scores == pytest.approx(0.3)


def test_windows_are_ranked_distinct_and_inside():
    pairs = pair_set({"t": video(1), "q": video(2, 5)}, [("q", (0, 9.3), "t", 79.1)])
    (prediction,) = VideoMatch().predict(pairs)
    starts, ends, scores = np.array(prediction.windows).T
    assert len(starts) == 10
    assert (np.diff(scores) <= 0).all()
    assert starts.min() >= 0
    assert ends.max() <= 79.1
    for i in range(10):
        shared = np.minimum(ends, ends[i]) - np.maximum(starts, starts[i])
        iou = shared / (np.maximum(ends, ends[i]) - np.minimum(starts, starts[i]))
        assert (np.delete(iou, i) <= 0.7).all()


def test_a_query_longer_than_the_target_gives_the_whole_target():
    pairs = pair_set({"t": video(1, 3), "q": video(2, 9)}, [("q", None, "t", 5.2)])
    assert top(VideoMatch(), pairs)[0][:2] == (0, 5.2)


def test_one_frame_each():
    pairs = pair_set({"t": video(1, 1), "q": video(2, 1)}, [("q", None, "t", 1.4)])
    assert top(VideoMatch(), pairs)[0][:2] == (0, 1.4)


def test_the_train_mean_is_learned_saved_and_used(tmp_path):
    # A large common part drowns the cosines unless it is taken off. The targets hold few kinds of
    # frames, so that their own mean is a poor stand-in for it.
    common = 40 * np.eye(DIM, dtype=np.float32)[0]
    train = pair_set({v: video(i) + common for i, v in enumerate("abc")},
                     [("a", (0, 8), v, 80.0) for v in "abca"])  # fmt: skip
    method = VideoMatch()
    method.fit(train, train, tmp_path)
    expected = np.concatenate([video(i) + common for i in range(3)]).mean(axis=0)
    np.testing.assert_allclose(method.state()["mean"], expected, rtol=1e-5)

    loaded = load_method("video-match", tmp_path)
    assert isinstance(loaded, VideoMatch)
    assert loaded.encoder_contract == CONTRACT
    pairs = pair_set({"t": video(7) + common, "q": video(8, 4) + common}, [("q", None, "t", 80.0)])
    fitted, unfitted = [list(m.predict(pairs)) for m in (loaded, VideoMatch())]
    assert fitted == list(method.predict(pairs))
    assert fitted != unfitted


def test_features_of_another_encoder_are_refused_after_fit(tmp_path):
    train = pair_set({"a": video(0)}, [("a", (0, 8), "a", 80.0)])
    method = VideoMatch()
    method.fit(train, train, tmp_path)
    other = CONTRACT.model_copy(update={"encoder": "other"})
    pairs = PairSet(train.table, "test", features=MemoryFeatures(other, {"a": video(0)}))
    with pytest.raises(FeatureError, match=r"fitted video-match needs other features.*'other'"):
        next(method.predict(pairs))


def test_a_target_of_equal_frames_gives_finite_scores():
    pairs = pair_set({"t": np.ones((10, DIM)), "q": np.ones((2, DIM))}, [("q", None, "t", 20.0)])
    (prediction,) = VideoMatch().predict(pairs)
    assert np.isfinite(prediction.windows).all()


def test_config_reaches_the_windows():
    pairs = pair_set({"t": video(1), "q": video(2, 5)}, [("q", None, "t", 80.0)])
    (prediction,) = VideoMatch(VideoMatchConfig(windows=3)).predict(pairs)
    assert len(prediction.windows) == 3


def test_at_the_level_of_videos_order_does_not_count():
    target = video(0)
    pairs = pair_set(
        {"t": target, "q": target[10:14], "back": target[13:9:-1]},
        [("q", None, "t", 80.0), ("t", (20, 28), "t", 80.0), ("back", None, "t", 80.0)],
    )
    whole, part, backward = top(VideoMatch(VideoMatch.presets["video"]), pairs)
    assert whole[0] == pytest.approx(20, abs=0.7)
    assert whole[1] - whole[0] == pytest.approx(8)
    assert whole[2] == pytest.approx(1)
    assert part == pytest.approx(whole)
    assert backward == pytest.approx(whole)


def test_the_score_of_a_window_is_the_cosine_of_the_means():
    target, query = video(0, 9), video(1, 3)
    method = VideoMatch(VideoMatchConfig(level="video"))
    found = method.cosines(query, target)
    assert found.shape == (9, 1)
    for start in range(9):
        rows = target[np.minimum(np.arange(start, start + 3), 8)]
        a, b = rows.mean(axis=0), query.mean(axis=0)
        assert found[start, 0] == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize("level", ["frame", "video"])
@pytest.mark.parametrize(("rows", "target_s"), [((1, 1), 1.4), ((9, 3), 5.2), ((4, 1), 2.0)])
def test_short_targets_at_both_levels(level, rows, target_s):
    pairs = pair_set({"q": video(2, rows[0]), "t": video(1, rows[1])}, [("q", None, "t", target_s)])
    assert top(VideoMatch(VideoMatchConfig(level=level)), pairs)[0][:2] == (0, target_s)


def test_the_name_default_is_the_preset_frame():
    assert VideoMatch.presets["default"] == VideoMatch.presets["frame"] == VideoMatch().config
