"""Cross-gated bilinear matching: the recurrence and the decoder against slow ones, learning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from toy import check_independence_of_the_batch, check_learning, mixed_samples

from baselines.cgbm import Cgbm
from baselines.cgbm.config import CgbmConfig
from baselines.cgbm.losses import step_loss, targets
from baselines.cgbm.model import Matching
from baselines.cgbm.windows import best_windows, window_scores
from vid2vidmr.train.batch import collate

TINY = CgbmConfig(
    epochs=10, batch_size=8, d=32, factors=4, input_dropout=0.1, dropout=0.1,
    learning_rate=1e-2, clip_norm=5.0,
)  # fmt: skip


def literal_matching(model: Matching, target: torch.Tensor, query: torch.Tensor) -> torch.Tensor:
    """One pair without padding, (M, d) and (N, d), as the definitions say; (M, 2d)."""
    M, d = target.shape
    w_p = torch.cat([model.attend_target.weight, model.attend_state.weight], dim=1)
    U, bias = model.bilinear.weight, model.bilinear.bias
    found = []
    for cell, steps in ((model.cells[0], range(M)), (model.cells[1], range(M - 1, -1, -1))):
        h, c = torch.zeros(1, d), torch.zeros(1, d)
        states = {}
        for t in steps:
            x = target[t]
            scores = []
            for q in query:
                inner = model.attend_query.weight @ q + w_p @ torch.cat([x, h[0]])
                scores.append(model.attend.weight[0] @ (inner + model.attend_target.bias).tanh())
            alpha = torch.stack(scores).softmax(0)
            attended = sum(a * q for a, q in zip(alpha, query, strict=True))
            gated_query = attended * torch.sigmoid(
                model.gate_query.weight @ x + model.gate_query.bias
            )
            gated_x = x * torch.sigmoid(
                model.gate_target.weight @ attended + model.gate_target.bias
            )
            products = (U @ gated_query + bias) * (U @ gated_x + bias)
            factors = len(products) // d
            matched = torch.stack(
                [products[k * factors : (k + 1) * factors].sum() for k in range(d)]
            )
            h, c = cell(matched[None], (h, c))
            states[t] = h[0]
        found.append(torch.stack([states[t] for t in range(M)]))
    return torch.cat(found, dim=1)


def test_matching_agrees_with_a_literal_one_pair_by_pair() -> None:
    torch.manual_seed(0)
    model = Matching(8, factors=3)
    lengths = [(6, 4), (1, 5), (9, 1)]
    target, query = torch.randn(3, 9, 8), torch.randn(3, 5, 8)  # junk on the padding
    valid_m, valid_n = torch.tensor(lengths).unbind(1)
    masks = torch.arange(9) < valid_m[:, None], torch.arange(5) < valid_n[:, None]
    found = model(target, masks[0], query, masks[1])
    for b, (m, n) in enumerate(lengths):
        expected = literal_matching(model, target[b, :m], query[b, :n])
        torch.testing.assert_close(found[b, :m], expected, atol=1e-6, rtol=1e-5)


def test_a_pair_does_not_depend_on_its_batch() -> None:
    check_independence_of_the_batch(Cgbm(TINY))


def test_it_learns_and_comes_back_from_its_checkpoint(tmp_path: Path) -> None:
    check_learning(Cgbm(TINY), tmp_path, at_least=0.5)


@pytest.mark.parametrize("M", [1, 5, 12])
def test_the_decoder_agrees_with_trying_all_windows(M: int) -> None:
    rng = np.random.default_rng(M)
    log_p = np.log(rng.dirichlet(np.ones(4), size=M))
    longest = 7
    every = {
        (i, j): log_p[i, 0] + log_p[j, 1] + log_p[i : j + 1, 2].mean()
        for i in range(M)
        for j in range(i, min(M, i + longest))
    }
    scores = window_scores(log_p, longest)
    assert np.isfinite(scores).sum() == len(every)
    for (i, j), score in every.items():
        assert scores[i, j - i] == pytest.approx(score)
    i, j = max(every, key=every.__getitem__)
    found = best_windows(log_p, 2 * M - 0.5, longest, 0.7, 2.0)
    np.testing.assert_allclose(found[0], [2 * i, min(2 * j + 2, 2 * M - 0.5), np.exp(every[i, j])])
    unsuppressed = best_windows(log_p, 2.0 * M, longest, 1.0, 2.0)
    np.testing.assert_allclose(
        unsuppressed[:, 2], np.exp(sorted(every.values(), reverse=True))[:10]
    )


def test_labels_share_a_probability_and_ends_weigh_more() -> None:
    windows_s = torch.tensor([[4.4, 9.6], [13.0, 13.4], [0.0, 2.0]])
    batch = replace(collate(mixed_samples()), windows_s=windows_s[:, None])
    label = targets(batch)
    start, end, inside, outside = label.bool().unbind(-1)
    assert [row.nonzero().flatten().tolist() for row in inside] == [[2, 3, 4], [6], [0]]
    assert start.nonzero().tolist() == [[0, 2], [1, 6], [2, 0]]
    assert end.nonzero().tolist() == [[0, 4], [1, 6], [2, 0]]
    assert torch.equal(outside, ~inside)
    logits = torch.randn(label.shape)
    total, count = 0.0, 0
    for b, m in enumerate(batch.target_mask.sum(1).tolist()):
        for i in range(m):
            names = label[b, i].nonzero().flatten().tolist()
            log_p = logits[b, i].log_softmax(0)
            weight = 10 if 0 in names or 1 in names else 1
            total -= weight * sum(log_p[name].item() for name in names) / len(names)
            count += 1
    found = step_loss(logits, label, batch.target_mask, 10.0)
    assert found.item() == pytest.approx(total / count, rel=1e-5)
