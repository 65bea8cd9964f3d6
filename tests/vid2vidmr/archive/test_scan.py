"""The scan finds what a plain search over every video finds, and fuses several queries."""

import numpy as np
import pytest
from made_archive import made_archive, moment

from vid2vidmr.alignment import local_alignment
from vid2vidmr.archive.calibrate import Background, probabilities
from vid2vidmr.archive.fusion import barycentre
from vid2vidmr.archive.scan import (
    COPY,
    OVERLAP,
    STATIC_GAP,
    THRESHOLD,
    WAITING,
    scan,
    whole,
)
from vid2vidmr.archive.search import SCAN, Searcher
from vid2vidmr.errors import UserError
from vid2vidmr.windows import temporal_iou

RNG = np.random.default_rng(7)
GOAL, FOUL = moment(RNG), moment(RNG)
PLANTED = {
    "v1": [(20, GOAL), (120, FOUL)],
    "v4": [(77, GOAL)],
    "v6": [(150, FOUL), (5, GOAL)],
}
ARCHIVE = made_archive(planted=PLANTED)


def places(found, least=0.5):
    return {(v, int(w[0] // 2)) for v, w, s in zip(*found, strict=True) if s >= least}


def triples(candidates):
    return candidates.videos, candidates.windows, candidates.scores


def test_the_best_of_every_video_is_that_of_a_plain_alignment() -> None:
    sketch = ARCHIVE.sketch
    query = sketch.seen(GOAL)
    found = scan(sketch, [query])
    best = dict(zip(reversed(found.videos), found.scores[::-1], strict=True))
    for video, _, end in whole(sketch, sketch.spans):
        rows = sketch.of_video(video, 0, end)
        gap = STATIC_GAP * sketch.static[video] ** 2
        scores, _ = local_alignment(rows @ query.T, THRESHOLD, gap, WAITING)
        assert best[video] == pytest.approx(scores.max() / len(GOAL), abs=1e-6)


def test_windows_are_ranked_inside_their_videos_and_apart() -> None:
    found = scan(ARCHIVE.sketch, [ARCHIVE.sketch.seen(GOAL)])
    assert (np.diff(found.scores) <= 0).all()
    assert (found.windows[:, 0] < found.windows[:, 1]).all() and found.windows.max() <= 400
    for video in set(found.videos):
        own = found.windows[[v == video for v in found.videos]]
        iou = temporal_iou(own[:, None], own[None])
        assert (iou[~np.eye(len(own), dtype=bool)] <= OVERLAP).all()


def test_few_are_kept_of_many_without_losing_the_best() -> None:
    query = ARCHIVE.sketch.seen(GOAL)
    few, all_ = scan(ARCHIVE.sketch, [query], keep=5), scan(ARCHIVE.sketch, [query])
    assert few.videos == all_.videos[:5]
    assert np.array_equal(few.windows, all_.windows[:5])
    assert len(few.background) == len(all_.background)


def test_planted_moments_come_first_with_high_probability_and_nothing_else_does() -> None:
    searcher = Searcher(ARCHIVE, SCAN)
    found = searcher.candidates([GOAL])
    sure = places(triples(found), 0.5)
    assert {v for v, _ in sure} == {"v1", "v4", "v6"} and len(sure) == 3
    for video, first in (("v1", 20), ("v4", 77), ("v6", 5)):
        assert any(v == video and abs(first - at) <= 1 for v, at in sure)


def test_the_place_of_the_query_is_left_out() -> None:
    own = ("v4", 154.0, 166.0)
    found = Searcher(ARCHIVE, SCAN).candidates([GOAL], own=[own])
    assert {v for v, _ in places(triples(found))} == {"v1", "v6"}


@pytest.mark.parametrize("fuse", ["best", "mean"])
def test_several_queries(fuse) -> None:
    found = Searcher(ARCHIVE, SCAN).candidates([GOAL, FOUL], fuse=fuse)
    first = {(v, int(w[0] // 2)) for v, w in zip(found.videos[:5], found.windows[:5], strict=True)}
    at = [("v1", 20), ("v1", 120), ("v4", 77), ("v6", 150), ("v6", 5)]
    hits = sum(any(v == video and abs(a - f) <= 1 for v, a in first) for video, f in at)
    assert hits == 5 if fuse == "best" else hits >= 1
    both = Searcher(ARCHIVE, SCAN).candidates([GOAL, GOAL], fuse=fuse)
    once = Searcher(ARCHIVE, SCAN).candidates([GOAL], fuse=fuse)
    assert both.videos[:3] == once.videos[:3] and np.allclose(both.windows[:3], once.windows[:3])


def test_what_is_like_a_negative_falls() -> None:
    searcher = Searcher(ARCHIVE, SCAN)
    both = searcher.candidates([GOAL, FOUL], fuse="best")
    without = searcher.candidates([GOAL, FOUL], [FOUL], fuse="best")
    assert ("v6", 150) in {
        (v, round(w[0] / 2)) for v, w in zip(both.videos[:5], both.windows, strict=False)
    }
    assert {v for v, _ in places(triples(without))} == {"v1", "v4", "v6"}
    assert not any(abs(w[0] / 2 - 150) <= 3 for w in without.windows[:3])


def test_barycentre() -> None:
    assert np.abs(barycentre([GOAL, GOAL]) - GOAL).mean() < 0.05
    slow = np.repeat(GOAL, 2, axis=0)
    centre = barycentre([GOAL, GOAL + 0.2, slow])
    assert centre.shape == GOAL.shape
    found = Searcher(ARCHIVE, SCAN).candidates([GOAL, GOAL + 0.2, slow], fuse="barycentre")
    assert {v for v, _ in places(triples(found))} == {"v1", "v4", "v6"}


def test_eight_bits_cost_what_the_sketch_says() -> None:
    sketch = ARCHIVE.sketch
    exact = sketch.components.first(sketch.rows.shape[1])
    rows = exact.unit(ARCHIVE.features.rows("v3"), 0.5)
    query = exact.unit(GOAL, 0.5)
    error = np.abs(sketch.of_video("v3", 0, len(rows)) @ sketch.seen(GOAL).T - rows @ query.T)
    assert 0 < error.mean() < 3 * sketch.loss["cosine_mean"] < 0.01
    assert error.max() < 0.02


def test_an_exact_copy_is_found_though_it_is_static() -> None:
    still = np.repeat(moment(RNG, 1), 6, axis=0)
    archive = made_archive(planted={"v2": [(50, np.repeat(still, 4, axis=0))]})
    query = archive.features.rows("v2", 100.0, 112.0)
    best = scan(archive.sketch, [archive.sketch.seen(query)])
    assert best.videos[0] == "v2" and best.windows[0].tolist() == [100.0, 112.0]
    assert best.scores[0] == pytest.approx(1 - THRESHOLD, abs=5e-3)


def test_of_chance_alone_nothing_is_found() -> None:
    """As often as a probability says: of the best windows of chance few pass 0.5."""
    wrong = 0
    archive = made_archive(seed=5, videos=20)
    for seed in range(30):
        found = Searcher(archive, SCAN).candidates([moment(np.random.default_rng(seed + 100))])
        wrong += bool(found.scores.max() >= 0.5)
    assert wrong <= 15


def test_probabilities_fall_and_do_not_depend_on_the_scale_of_scores() -> None:
    chance = np.random.default_rng(1).gumbel(size=2000)
    best = np.sort(np.concatenate([chance, [13.0, 12.0]]))[::-1][:50]
    (one, background), (other, _) = (
        (probabilities(a * best - b, Background.of(a * chance - b)), Background.of(a * chance - b))
        for a, b in ((0.04, 0.4), (0.02, 0.5))
    )
    assert one[:2].min() > 0.9 and (np.diff(one) <= 0).all() and one.min() >= 0
    assert np.allclose(one, other, atol=0.05)
    assert background.location == pytest.approx(-0.4, abs=0.005)
    assert background.scale == pytest.approx(0.04, abs=0.004)
    read = np.random.default_rng(2).normal(size=50)
    both = probabilities(0.04 * best - 0.4, background, read)
    assert np.allclose(both, probabilities(0.04 * best - 0.4, background, 10 * read + 7))
    assert (np.diff(both) <= 0).all() and both[0] > 0.5
    few = probabilities(np.array([0.1]), Background.of(0.04 * chance[:10] - 0.4, 0.005))
    many = probabilities(np.array([0.1]), background)
    assert few[0] + 0.05 < many[0]  # ten windows of chance tell less
    copy = probabilities(np.array([COPY - THRESHOLD]), Background.of(0.04 * chance[:10] - 0.4))
    assert copy[0] >= 0.99
    assert len(probabilities(np.empty(0), Background.of(np.empty(0)))) == 0


@pytest.mark.parametrize("videos", [8, 24])  # rows as they are, and codes in lists
def test_approximate_candidates_are_the_exact_ones(videos: int) -> None:
    pytest.importorskip("faiss")
    archive = made_archive(videos=videos, planted=PLANTED)
    exact = Searcher(archive, SCAN).candidates([GOAL])
    near = Searcher(archive, SCAN).candidates([GOAL], approximate=True)
    assert near.videos[:3] == exact.videos[:3]
    assert np.allclose(near.windows[:3], exact.windows[:3])
    assert np.allclose(near.scores[:3], exact.scores[:3], atol=1e-6)
    several = Searcher(archive, SCAN).candidates([GOAL, FOUL], fuse="best", approximate=True)
    assert {("v1", 20), ("v4", 77), ("v6", 5), ("v1", 120), ("v6", 150)} <= {
        (video, round(start_s / 2))
        for video, start_s in zip(several.videos, several.windows[:, 0], strict=True)
    }


@pytest.mark.parametrize("limits", [{"top": 0}, {"min_score": -0.1}, {"min_score": float("nan")}])
def test_limits_that_none_could_pass_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(UserError, match="expected at least 1 window, and a probability"):
        Searcher(ARCHIVE, SCAN).ask("m.mp4", **limits)  # type: ignore[arg-type]


def test_the_scan_has_no_checkpoint() -> None:
    with pytest.raises(UserError, match="leave it out"):
        Searcher(ARCHIVE, SCAN, "checkpoint")
