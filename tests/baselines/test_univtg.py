"""UniVTG as a method: targets, negatives, independence of the batch, learning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from toy import check_independence_of_the_batch, check_learning, mixed_samples

from baselines.univtg import UniVtg
from baselines.univtg.config import UniVtgConfig
from baselines.univtg.losses import targets
from vid2vidmr.train.batch import Batch, collate

TINY = UniVtgConfig(
    epochs=10,
    batch_size=8,
    d=32,
    heads=4,
    ff=64,
    encoder_layers=1,
    input_dropout=0.1,
    learning_rate=3e-3,
    clip_norm=1.0,
)


def batch() -> Batch:
    torch.manual_seed(0)
    return collate(mixed_samples())


@pytest.mark.parametrize("positions", [False, True])
def test_a_pair_does_not_depend_on_its_batch(positions: bool) -> None:
    config = replace(TINY, query_positions=positions, position_table=4)
    check_independence_of_the_batch(UniVtg(config))


def test_published_padding_depends_on_the_batch() -> None:
    with pytest.raises(AssertionError):
        check_independence_of_the_batch(UniVtg(replace(TINY, official_padding=True)))


def test_it_learns_and_comes_back_from_its_checkpoint(tmp_path: Path) -> None:
    check_learning(UniVtg(TINY), tmp_path, at_least=0.6)


def test_targets_of_moments_of_all_lengths() -> None:
    windows_s = torch.tensor([[2.0, 8.0], [4.5, 5.5], [61.0, 80.0]])
    wanted = replace(batch(), windows_s=windows_s[:, None])
    found = targets(wanted)
    inside = [row.nonzero().flatten().tolist() for row in found.inside]
    # Clips end at 2, 4, ... s. The second moment is between two ends: the clip it starts in.
    assert inside == [[0, 1, 2, 3], [2], [30, 31, 32]]
    torch.testing.assert_close(found.spans[0, 5], torch.tensor([2.0, 8.0]) / 40)
    drawn = {tuple(targets(wanted).positive.tolist()) for _ in range(50)}
    assert {a for a, _, _ in drawn} == {1, 2, 3}
    assert {b for _, b, _ in drawn} == {1}  # as published: the last clip that ends before its end
    assert found.lower[0].nonzero().flatten().tolist() == [0, *range(4, 33)]


def test_pairs_of_one_class_are_no_negatives_of_each_other_unless_asked_for() -> None:
    torch.manual_seed(0)
    model = UniVtg(TINY).build_model(16).eval()
    apart = replace(batch(), group=torch.tensor([0, 1, 2]))
    same = replace(apart, group=torch.tensor([5, 5, 5]))
    for negatives in (False, True):
        method = UniVtg(replace(TINY, same_class_negatives=negatives))
        found = []
        for given in (apart, same):
            torch.manual_seed(0)  # the same clips are drawn
            found.append(method.losses(model(given), given))
        for name in ("loss_s_inter", "loss_s_intra"):
            assert (found[0][name] == found[1][name]) == negatives
        assert found[0]["loss_s_inter"] > 0
        assert (found[1]["loss_s_inter"] == 0) != negatives  # a class alone has no negatives
        for name in ("loss_b", "loss_g", "loss_f"):
            assert found[0][name] == found[1][name]


def test_the_paper_preset_has_the_published_names_and_shapes() -> None:
    with torch.device("meta"):
        state = UniVtg().build_model(512).state_dict()
    shapes = {name: tuple(value.shape) for name, value in state.items()}
    assert shapes["input_vid_proj.0.net.1.weight"] == (1024, 514)
    assert shapes["transformer.encoder.layers.3.linear1.weight"] == (1024, 1024)
    assert shapes["class_embed.layers.2.weight"] == (1, 1024, 3)
    assert shapes["weightedpool.weight"] == (1024, 1)
