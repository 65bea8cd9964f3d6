import numpy as np
import pytest
from test_video_match import DIM, pair_set, top, video

from baselines.local_match import LocalMatch, LocalMatchConfig
from vid2vidmr.alignment import Components
from vid2vidmr.errors import UserError
from vid2vidmr.methods.load import load_method
from vid2vidmr.windows import temporal_iou

EAGER = LocalMatchConfig(static_gap=0.3, waiting=1.0)


def walk(seed, rows=300, memory=0.5):
    """Footage that changes all the time: no two parts are alike."""
    rng = np.random.default_rng(seed)
    out = rng.normal(size=(rows, DIM))
    for i in range(1, rows):
        out[i] = memory * out[i - 1] + np.sqrt(1 - memory**2) * out[i]
    return out.astype(np.float32)


@pytest.mark.parametrize("noise", [0.0, 0.4])
def test_it_finds_copies(noise):
    target = walk(0)
    starts, rng = range(0, 295, 7), np.random.default_rng(1)
    videos = {str(s): target[s : s + 6] + noise * rng.normal(size=(6, DIM)) for s in starts}
    pairs = pair_set({"t": target, **videos}, [(str(s), None, "t", 600.0) for s in starts])
    found = np.array(top(LocalMatch(), pairs))[:, :2]
    truth = np.array([(2 * s, 2 * s + 12) for s in starts])
    overlap = temporal_iou(found, truth)
    # A neighbour that happens to be alike may join; no copy is missed.
    assert overlap.min() >= 0.6 and np.mean(overlap == 1) > 0.6


def test_speed_may_differ_but_order_counts():
    target = walk(3)
    slow = target[[100, 100, 101, 101, 102, 102, 103, 103, 104, 104, 105, 105]]
    rows = [("slow", None, "t", 600.0), ("back", None, "t", 600.0)]
    pairs = pair_set({"t": target, "slow": slow, "back": slow[::-1]}, rows)
    config = LocalMatchConfig(threshold=0.4, static_gap=1.2, waiting=1.0)
    forward, backward = top(LocalMatch(config), pairs)
    assert forward[:2] == (200, 212)
    assert backward[2] < forward[2]


def test_a_static_shot_is_not_swallowed():
    # Shots of ten clips, one of which the query shows three clips of: all, where waiting pays.
    target = np.repeat(walk(4, 12, memory=0.0), 10, axis=0) + 0.02 * video(5, 120)
    query = target[53:56] + 0.3 * video(6, 3)
    pairs = pair_set({"t": target, "q": query}, [("q", None, "t", 240.0)])
    start, end, _ = top(LocalMatch(), pairs)[0]
    assert 100 <= start < end <= 120 and end - start == 6
    assert top(LocalMatch(EAGER), pairs)[0][:2] == (100, 120)


def test_a_copy_is_not_overruled_by_a_longer_window():
    target = np.repeat(walk(4, 12, memory=0.0), 10, axis=0) + 0.02 * video(5, 120)
    pairs = pair_set({"t": target, "q": target[53:56]}, [("q", None, "t", 240.0)])
    for config in (LocalMatchConfig(), EAGER):
        assert top(LocalMatch(config), pairs)[0][:2] == (106, 112)


def test_statistics_of_train_are_kept_and_read_back(tmp_path):
    train = pair_set({"a": walk(0), "b": walk(1)}, [("a", (0, 8), "b", 600.0)])
    fitted = LocalMatch()
    fitted.fit(train, train, tmp_path)
    np.testing.assert_allclose(fitted.components.mean, walk(1).mean(axis=0), atol=1e-5)
    loaded = load_method("local-match", tmp_path)
    pairs = pair_set({"t": walk(2), "q": walk(2)[30:36]}, [("q", None, "t", 600.0)])
    assert top(loaded, pairs) == top(fitted, pairs)
    assert loaded.encoder_contract == fitted.encoder_contract
    with pytest.raises(UserError, match="has no weights"):
        LocalMatch().fit(train, train, tmp_path, init=tmp_path)


def test_a_query_of_many_targets_is_projected_once(tmp_path, monkeypatch):
    videos = {name: walk(seed) for seed, name in enumerate("abtu")}
    targets = [(video, (0, 8), name, 600.0) for video in "ab" for name in "tu"]
    pairs = pair_set(videos, targets)
    plain = [top(LocalMatch(), pair_set(videos, [pair]))[0] for pair in targets]
    assert top(LocalMatch(), pairs) == plain  # components of each target
    fitted = LocalMatch()
    fitted.fit(pairs, pairs, tmp_path)
    asked, unit = [], Components.unit

    def counted(self, rows, *power):
        asked.append(len(rows))
        return unit(self, rows, *power)

    monkeypatch.setattr(Components, "unit", counted)
    found = top(fitted, pairs)
    assert asked.count(4) == 2 and len(asked) == 6
    assert found == [top(fitted, pair_set(videos, [pair]))[0] for pair in targets]


@pytest.mark.parametrize("rows", [(1, 1), (1, 6), (6, 1)])
def test_shortest_videos(rows):
    pairs = pair_set({"t": video(1, rows[0]), "q": video(2, rows[1])}, [("q", None, "t", 0.9)])
    start, end, score = top(LocalMatch(), pairs)[0]
    assert (start, end) == (0, 0.9)
    assert np.isfinite(score)
