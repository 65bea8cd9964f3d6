import json
import tracemalloc

import numpy as np
import pytest
import torch
from mini_dataset import mini_dataset
from test_local_match import walk
from test_video_match import CONTRACT, DIM, pair_set, top, video

from baselines import align_refine
from baselines.align_refine import CHECKPOINT, AlignRefine, agreed
from baselines.align_refine.inputs import SETTINGS, pair_inputs
from baselines.align_refine.model import Network, collate
from baselines.align_refine.train import Training, draw, losses, overlap, seen, train
from baselines.align_refine.worlds import GENERATORS, Videos, generated
from baselines.local_match import LocalMatch, LocalMatchConfig
from vid2vidmr.alignment import Components
from vid2vidmr.alignment.local import covering
from vid2vidmr.errors import DataError
from vid2vidmr.experiments.run import Setting
from vid2vidmr.features.store import MemoryFeatures
from vid2vidmr.methods.card import method_card
from vid2vidmr.methods.load import load_method
from vid2vidmr.windows import temporal_iou


@pytest.fixture(scope="module")
def shipped():
    return load_method("align_refine")


@pytest.mark.parametrize(("noise", "least"), [(0.0, 0.85), (0.3, 0.7)])
@pytest.mark.parametrize("dim", [DIM, 200])
def test_it_finds_copies_in_features_it_never_saw(shipped, noise, least, dim):
    rng = np.random.default_rng(0)
    target = (walk(0) @ rng.normal(size=(DIM, dim)) + 3).astype(np.float32)
    scale = target.std()
    for start in (0, 37, 150, 294):
        query = target[start : start + 6] + noise * scale * rng.normal(size=(6, dim))
        windows, scores = shipped.windows(query, target, 6.0, 300.0)
        best = windows[scores.argmax()]
        assert temporal_iou(best[None], np.array([start, start + 6]))[0] >= least


def test_windows_are_ranked_inside_and_probable(shipped):
    pairs = pair_set({"t": video(1), "q": video(2, 5)}, [("q", None, "t", 77.3)])
    (prediction,) = shipped.predict(pairs)
    starts, ends, scores = np.array(prediction.windows).T
    assert 1 < len(starts) <= 10
    assert (np.diff(scores) <= 0).all()
    assert starts.min() >= 0 and ends.max() <= 77.3 and (starts < ends).all()
    assert scores.min() > 0 and scores.max() < 1


@pytest.mark.parametrize("rows", [(1, 1), (1, 6), (6, 1), (3, 4)])
@pytest.mark.parametrize("content", ["random", "zeros", "still"])
def test_what_says_nothing_is_answered_with_numbers(shipped, rows, content):
    target, query = video(1, rows[0]), video(2, rows[1])
    if content != "random":
        target[:], query[:] = (0, 0) if content == "zeros" else (3, 2)
    pairs = pair_set({"t": target, "q": query}, [("q", None, "t", 0.9)])
    for start, end, score in next(iter(shipped.predict(pairs))).windows:
        assert 0 <= start < end <= 0.9
        assert 0 < score < 1


def test_before_training_it_is_local_alignment():
    first = LocalMatch(LocalMatchConfig(static_gap=SETTINGS[0][2], waiting=np.inf))
    for seed, memory in ((0, 0.2), (1, 0.5), (2, 0.7)):
        target = walk(seed, 60, memory)
        query = target[20:26] + 0.3 * video(9, 6)
        inputs = pair_inputs(query, target, Components.of(target, 64))
        probabilities, windows = Network().answer(inputs)
        pairs = pair_set({"t": target, "q": query}, [("q", None, "t", 120.0)])
        assert tuple(2 * windows[probabilities.argmax()]) == top(first, pairs)[0][:2]


def test_a_copy_in_a_static_shot_is_found(shipped):
    target = np.repeat(walk(4, 12, memory=0.0), 10, axis=0) + 0.02 * video(5, 120)
    copies = pair_set({"t": target, "q": target[53:56]}, [("q", None, "t", 240.0)])
    assert top(shipped, copies)[0][:2] == (106, 112)


def test_the_shipped_checkpoint_is_small_and_says_what_it_was_trained_on(shipped):
    from safetensors import safe_open

    assert CHECKPOINT.stat().st_size <= 2e6
    with safe_open(CHECKPOINT, "np") as file:
        card = file.metadata()
    assert "minimatch" in card["trained on"] and "train split only" in card["trained on"]
    assert "minimatch val" in card["chosen and calibrated on"]
    assert shipped.parameters(512) == sum(w.numel() for w in Network().parameters())


def test_the_first_window_is_one_that_others_agree_with():
    windows = np.array([[0, 4], [20, 26], [20, 27], [21, 27], [40, 44]], float)
    probabilities = np.array([0.71, 0.7, 0.7, 0.7, 0.4])
    ranks = agreed(windows, probabilities)
    assert ranks.argmax() == 2 and ranks.max() == 0.71
    assert (ranks > 0).all() and ranks[4] < ranks[0] < ranks[1]
    np.testing.assert_allclose(agreed(windows[:1], probabilities[:1]), 0.71)


def test_another_checkpoint_is_refused(monkeypatch):
    monkeypatch.setattr(align_refine, "CHECKPOINT_SHA256", "0" * 64)
    with pytest.raises(DataError, match="not the checkpoint of this version"):
        _ = AlignRefine().network


def test_statistics_of_train_are_kept_and_read_back(tmp_path):
    pairs = pair_set({"a": walk(0), "b": walk(1)}, [("a", (0, 8), "b", 600.0)])
    fitted = AlignRefine()
    fitted.fit(pairs, pairs, tmp_path)
    assert json.loads((tmp_path / "method.json").read_text())["method"] == "align_refine"
    loaded = load_method("align_refine", tmp_path)
    assert top(loaded, pairs) == top(fitted, pairs)
    assert top(loaded, pairs) != top(AlignRefine(), pairs)


def test_six_hours_fit_into_little_memory(shipped):
    target = np.random.default_rng(0).normal(size=(10_800, DIM)).astype(np.float32)
    shipped.windows(target[:8], target[:100], 8.0, 100.0)  # compile
    tracemalloc.start()
    windows, scores = shipped.windows(target[5000:5015], target, 15.0, 10_800.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 64e6
    assert abs(windows[scores.argmax()] - [5000, 5015]).max() < 1


def test_every_clip_has_the_best_window_that_covers_it():
    rng = np.random.default_rng(0)
    for _ in range(20):
        starts = np.array([rng.integers(0, e + 1) for e in range(30)])
        scores = rng.normal(size=30).round(1)
        ends = covering(scores, starts)
        for i in range(30):
            best = max(scores[e] for e in range(30) if starts[e] <= i <= e)
            assert starts[ends[i]] <= i <= ends[i] and scores[ends[i]] == best


@pytest.fixture(scope="module")
def videos():
    rows = [walk(seed, 200, 0.9) for seed in range(4)]
    moments = [(v, s, s + 9.0, label) for v in range(4) for s, label in ((11.3, "a"), (52.0, "b"))]
    return Videos(rows, moments, np.ones(DIM))


def test_worlds_say_where_the_moment_is(videos):
    rng = np.random.default_rng(0)
    present = 0
    for _ in range(60):
        example = draw(videos, rng, (0.3, 0.4, 0.3))
        assert len(example.query) and len(example.target)
        if not np.isnan(example.start):
            present += 1
            assert 0 <= example.start < example.end <= len(example.target)
        inputs = seen(example, rng)
        assert all(np.isfinite(part).all() for part in vars(inputs).values())
    assert present > 40


@pytest.mark.parametrize("make", GENERATORS)
def test_generators_fill_the_length(make):
    sequence = make(np.random.default_rng(0), 90, 12)
    assert sequence.shape == (90, 12) and np.isfinite(sequence).all()


def test_losses_fall_with_the_overlap_and_pass_absent_moments():
    windows = torch.tensor([[2.0, 5.0], [2.0, 6.0]])
    assert overlap(windows, torch.tensor([2.0, 5.0])).tolist() == pytest.approx([1, 0.75])
    rng = np.random.default_rng(0)
    batch = collate([seen(generated(rng), rng) for _ in range(2)])
    absent = torch.full((2, 2), float("nan"))
    scored, moved = losses(*Network()(**batch), absent, batch["mask"])
    assert scored > 0 and moved == 0


def test_training_learns(videos):
    before = Network().state_dict()["head.weight"]
    network = train(videos, Training(steps=3, batch=2))
    assert not torch.equal(network.state_dict()["head.weight"], before)
    assert torch.equal(
        network.state_dict()["head.weight"],
        train(videos, Training(steps=3, batch=2)).state_dict()["head.weight"],
    )


def test_bench_needs_neither_train_pairs_nor_seeds(tmp_path):
    dataset = mini_dataset(tmp_path / "mini", {"a": None, "b": None})
    features = MemoryFeatures(CONTRACT, {"a": video(0, 10), "b": video(1, 10)})
    setting = Setting(dataset, AlignRefine, AlignRefine.presets["default"], features)
    (scored,) = setting.run(tmp_path / "runs", 0, ["official"])
    assert scored.result.kind == "trained" and scored.result.coverage == 1
    assert not AlignRefine.info.needs_seeds and not AlignRefine.info.needs_training
    card = method_card("align_refine")
    assert "minimatch" in card.trained_on and card.presets["default"].parameters == 121_933
