import numpy as np
import pytest
from test_video_match import pair_set, top, video

from baselines.dtw_match import DtwMatch
from vid2vidmr.methods.load import load_method


def test_it_finds_an_excerpt_exactly():
    target = video(0)
    pairs = pair_set({"t": target, "q": target[10:14]}, [("q", None, "t", 80.0)])
    assert top(DtwMatch(), pairs)[0][:2] == (20, 28)


def test_speed_does_not_matter_but_order_does():
    target = video(3)
    slow = target[[10, 10, 11, 11, 12, 13, 13, 13]]
    rows = [("slow", None, "t", 80.0), ("back", None, "t", 80.0)]
    pairs = pair_set({"t": target, "slow": slow, "back": slow[::-1]}, rows)
    forward, backward = top(DtwMatch(), pairs)
    assert forward[:2] == (20, 28)
    assert backward[2] < forward[2] - 0.1


def test_scores_are_comparable_between_lengths():
    # A sum of costs would prefer the shortest window; per step a long true match wins.
    target = video(4)
    target[30] = target[10] + 0.3 * video(5, 1)[0]  # one frame that looks like the query's first
    query = target[10:20] + 0.8 * video(6, 10)
    pairs = pair_set({"t": target, "q": query}, [("q", None, "t", 80.0)])
    start, end, _ = top(DtwMatch(), pairs)[0]
    assert abs(start - 20) <= 2
    assert abs(end - 40) <= 2


def test_windows_are_ranked_and_inside():
    pairs = pair_set({"t": video(1), "q": video(2, 5)}, [("q", None, "t", 79.1)])
    (prediction,) = DtwMatch().predict(pairs)
    starts, ends, scores = np.array(prediction.windows).T
    assert 1 < len(starts) <= 10
    assert (np.diff(scores) <= 0).all()
    assert starts.min() >= 0
    assert ends.max() <= 79.1
    assert (starts < ends).all()


def test_fit_and_load(tmp_path):
    train = pair_set({"a": video(0), "b": video(1)}, [("a", (0, 8), "b", 80.0)])
    DtwMatch().fit(train, train, tmp_path)
    loaded = load_method("dtw-match", tmp_path)
    np.testing.assert_allclose(loaded.state()["mean"], video(1).mean(axis=0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("rows", [(1, 1), (1, 6), (6, 1)])
def test_shortest_videos(rows):
    pairs = pair_set({"t": video(1, rows[0]), "q": video(2, rows[1])}, [("q", None, "t", 0.9)])
    assert top(DtwMatch(), pairs)[0][1] == 0.9
