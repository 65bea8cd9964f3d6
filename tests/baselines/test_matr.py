from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from toy import mixed_samples, toy_pairs

from baselines.matr import Matr
from baselines.matr.config import Alignment, Join
from baselines.matr.joins import JOINS
from baselines.matr.losses import alignment_loss
from baselines.matr.model import Model, aligned_segment
from vid2vidmr.errors import UnknownNameError
from vid2vidmr.nn.centred import clips_centred_in
from vid2vidmr.train.batch import Batch, PairSamples, collate

PAPER = replace(
    Matr.presets["paper"], d=32, ff=32, heads=4, encoder_layers=1, decoder_layers=1, batch_size=8
)


def mixed_batch() -> Batch:
    return collate(mixed_samples())


@pytest.mark.parametrize("join", get_args(Join))
def test_result_of_a_pair_does_not_depend_on_its_batch(join: Join) -> None:
    torch.manual_seed(0)
    model = Model(replace(PAPER, join=join), 16).eval()
    batch = mixed_batch()
    together = model(batch)
    for i in range(len(batch)):
        sample = PairSamples(toy_pairs(3, seed=(20, 7, 33)[i], rows=(20, 7, 33)[i]))[0]
        alone = model(collate([sample]))
        rows = len(sample.target)
        for key in ("foreground", "windows_s"):
            torch.testing.assert_close(together[key][i, :rows], alone[key][0], atol=1e-5, rtol=0)
        assert together["segment"][i].tolist() == alone["segment"][0].tolist()


@pytest.mark.parametrize("join", get_args(Join))
def test_which_clips_the_decoder_reaches(join: Join) -> None:
    """Appended, its rows reach three clips; beside the clips, those that they were read from."""
    torch.manual_seed(0)
    model = Model(replace(PAPER, join=join), 16).eval()
    t, mask = torch.randn(1, 20, 32), torch.ones(1, 20, dtype=torch.bool)
    segment = torch.tensor([[5, 9]])
    outputs = [
        model.heads(t, mask, decoded, segment)[0][0, :20, 0]
        for decoded in torch.randn(2, 1, 10, 32)
    ]
    reached = (outputs[0] - outputs[1]).abs().gt(1e-6).nonzero().flatten().tolist()
    # Three convolutions of kernel 3 carry every row three clips further.
    assert reached == {
        "append": [17, 18, 19], "channels": list(range(2, 12)), "attend": list(range(20)),
    }[join]  # fmt: skip


def test_decoded_rows_lie_beside_the_clips_that_they_were_read_from() -> None:
    join = JOINS["channels"](replace(PAPER, d=1))
    t, mask = torch.full((1, 8, 1), 7.0), torch.ones(1, 8, dtype=torch.bool)
    decoded = torch.arange(1.0, 5).view(1, 4, 1)
    joined, _ = join(t, mask, decoded, torch.tensor([[2, 4]]))
    assert joined[0, :, 0].tolist() == [7] * 8
    assert joined[0, :, 1].tolist() == [0, 0, 2, 4, 0, 0, 0, 0]


@pytest.mark.parametrize("alignment", get_args(Alignment))
def test_every_alignment_loss_is_finite_and_has_a_gradient(alignment: str) -> None:
    method, batch = Matr(replace(PAPER, alignment=alignment)), mixed_batch()
    torch.manual_seed(0)
    model = method.build_model(16)
    parts = method.losses(model(batch), batch)
    parts["loss"].backward()
    assert torch.isfinite(parts["loss"])
    assert ("pre" in parts) == ("post" in parts) == (alignment != "none")
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in model.parameters())
    for name in {"pre", "post"} & set(parts):
        grads = torch.autograd.grad(
            method.losses(model(batch), batch)[name], list(model.parameters()), allow_unused=True
        )
        assert any(g is not None and g.abs().max() > 0 for g in grads)


def test_an_unknown_alignment_is_refused() -> None:
    batch = mixed_batch()
    cost = torch.ones(len(batch), batch.target.shape[1], batch.query.shape[1])
    config = replace(PAPER, alignment="soft-dwt")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="did you mean 'soft-dtw'"):
        alignment_loss(
            cost, clips_centred_in(batch.windows_s, batch.target_mask, batch.step_s), batch, config
        )


def test_posterior_loss_vanishes_only_for_an_alignment_that_finds_the_moment() -> None:
    batch = mixed_batch()
    inside = clips_centred_in(batch.windows_s, batch.target_mask, batch.step_s)
    config = replace(PAPER, alignment="posterior", gamma=0.1)
    n = batch.query.shape[1]
    right = (~inside[:, 0]).float().unsqueeze(-1).expand(-1, -1, n) * 2  # cost 0 inside, 2 outside
    # With all costs inside equal to 0, parts of the moment explain the query as well as all of it.
    assert alignment_loss(right, inside, batch, config) < 1
    assert alignment_loss(2 - right, inside, batch, config) > 10
    assert alignment_loss(torch.rand_like(right), inside, batch, config) > 0


def test_foreground_has_at_least_the_nearest_clip() -> None:
    batch = mixed_batch()
    windows_s = torch.tensor([[4.3, 4.4], [0.0, 0.1], [65.8, 66.0]])[:, None]
    inside = clips_centred_in(windows_s, batch.target_mask, batch.step_s)[:, 0]
    assert inside.sum(1).tolist() == [1, 1, 1]
    assert inside.int().argmax(1).tolist() == [2, 0, 32]


def test_segment_is_where_the_cost_is_low() -> None:
    cost = torch.ones(2, 12, 3)
    for j in range(3):
        cost[0, 4 + j, j] = 0
        cost[1, 1 + 2 * j : 3 + 2 * j, j] = 0
    mask = torch.ones(2, 12, dtype=torch.bool)
    assert aligned_segment(cost, mask, mask[:, :3])[0].tolist() == [4, 7]


@pytest.mark.parametrize("source", ["pre", "post"])
def test_windows_can_come_straight_from_an_alignment(source: str) -> None:
    method, batch = Matr(replace(PAPER, source=source)), mixed_batch()
    m, n = batch.target.shape[1], batch.query.shape[1]
    cost = torch.ones(len(batch), m, n)
    for j in range(n):
        cost[:, 2 + j, j] = 0
    batch = replace(batch, durations_s=torch.tensor([40.0, 13.5, 66.0]))
    found = method.windows({f"{source}_cost": cost}, batch)
    assert [rows.tolist() for rows in found] == [
        [[4.0, min(4.0 + 2 * n, duration), 1.0]] for duration in (40.0, 13.5, 66.0)
    ]


def test_windows_are_ranked_and_inside_the_target(tmp_path: Path) -> None:
    pairs = toy_pairs(8)
    method = Matr(replace(PAPER, epochs=1))
    method.fit(pairs, pairs, tmp_path)
    for prediction, duration in zip(method.predict(pairs), pairs.durations_s, strict=True):
        windows = np.array(prediction.windows)
        assert len(windows) >= 1
        assert (windows[:, 0] >= 0).all()
        assert (windows[:, 1] <= duration).all()
        assert (windows[:, 0] <= windows[:, 1]).all()
        assert (np.diff(windows[:, 2]) <= 0).all()
