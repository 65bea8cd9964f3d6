from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from toy import mixed_samples, toy_pairs

from baselines.align_learned import AlignLearned, proposals
from baselines.align_learned.model import REACH, Model
from baselines.align_learned.proposals import covering_segments
from vid2vidmr.alignment import subsequence_dtw
from vid2vidmr.contract import STEP_S
from vid2vidmr.train.batch import PairSamples, collate

BEST = replace(AlignLearned.presets["best"], d=32, ff=32, epochs=1, components=None, embedding=16)


def test_result_of_a_pair_does_not_depend_on_its_batch() -> None:
    torch.manual_seed(0)
    model = Model(BEST, 16).eval()
    samples = [PairSamples(toy_pairs(3, seed=rows, rows=rows))[0] for rows in (20, 7, 33)]
    together = model(collate(samples))
    for i, sample in enumerate(samples):
        alone = model(collate([sample]))
        rows = len(sample.target)
        for key in ("foreground", "windows_s", "posterior"):
            torch.testing.assert_close(together[key][i, :rows], alone[key][0], atol=1e-5, rtol=0)


def test_windows_stay_near_the_alignment_they_start_from() -> None:
    torch.manual_seed(0)
    model = Model(BEST, 16).eval()
    batch = collate([PairSamples(toy_pairs(3, seed=5, rows=24))[0]])
    out = model(batch)
    segment, value = covering_segments(
        out["cost"], batch.target_mask.sum(1), batch.query_mask.sum(1)
    )
    assert ((out["windows_s"] - STEP_S * segment).abs() <= STEP_S * REACH + 0.1).all()
    found = subsequence_dtw(out["cost"][0].detach().numpy())
    best = int(value[0].argmin())
    assert segment[0, best].tolist() == list(found[1:])
    assert out["posterior"].max() == 0


def test_segments_cover_their_clips_and_none_is_cheaper() -> None:
    rng = np.random.default_rng(0)
    cost = torch.tensor(rng.normal(size=(4, 15, 4)).astype(np.float32))
    m, n = torch.tensor([15, 9, 1, 2]), torch.tensor([4, 2, 3, 1])
    segment, value = covering_segments(cost, m, n)
    for b in range(4):
        rows = int(m[b])
        clip = torch.arange(rows)
        assert (segment[b, :rows, 0] <= clip).all()
        assert (segment[b, :rows, 1] > clip).all()
        assert (segment[b, rows:] == 0).all()
        cheapest = subsequence_dtw(cost[b, :rows, : int(n[b])].numpy())
        assert abs(float(value[b, :rows].min()) - cheapest[0]) < 1e-5


def test_both_ways_to_cover_clips_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    cost = torch.rand(5, 30, 4, generator=torch.Generator().manual_seed(0)).mul(4).round()  # ties
    m, n = torch.tensor([30, 17, 1, 2, 30]), torch.tensor([4, 2, 3, 1, 1])
    expected = covering_segments(cost, m, n)
    monkeypatch.setattr(proposals, "MOST", 1000)  # in parts
    monkeypatch.setattr(proposals, "_ends_one_by_one", proposals._ends_at_once)
    for found, one in zip(covering_segments(cost, m, n), expected, strict=True):
        torch.testing.assert_close(found, one, atol=0, rtol=0)


def test_it_trains_and_the_bias_with_it(tmp_path: Path) -> None:
    pairs = toy_pairs(8)
    method = AlignLearned(BEST)
    method.fit(pairs, pairs, tmp_path)
    assert method.model is not None
    assert method.model.match_bias.item() != 0
    for prediction, duration in zip(method.predict(pairs), pairs.durations_s, strict=True):
        windows = np.array(prediction.windows)
        assert (windows[:, 0] >= 0).all()
        assert (windows[:, 1] <= duration).all()
        assert (np.diff(windows[:, 2]) <= 0).all()


def test_the_embedding_learns_by_the_alignment_alone() -> None:
    method, batch = AlignLearned(BEST), collate(mixed_samples())
    torch.manual_seed(0)
    model = method.build_model(16)
    parts = method.losses(model(batch), batch)
    weights = {
        name: parameter
        for name, parameter in model.named_parameters()
        if name.startswith(("embedding", "match_bias"))
    }
    for loss in ("fg", "seg"):
        found = torch.autograd.grad(
            parts[loss], list(weights.values()), retain_graph=True, allow_unused=True
        )
        assert all(gradient is None for gradient in found)
    parts["loss"].backward()
    for parameter in model.parameters():
        assert parameter.grad is not None and torch.isfinite(parameter.grad).all()
    assert all(parameter.grad.abs().max() > 0 for parameter in weights.values())  # type: ignore[union-attr]
