"""Batches that are looked up on the device are those that are made on the host."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy import toy_pairs

from vid2vidmr.data.pairs import PairSet
from vid2vidmr.train import resident as home
from vid2vidmr.train.augment import TrainingSamples
from vid2vidmr.train.batch import collate
from vid2vidmr.train.config import TrainingConfig
from vid2vidmr.train.resident import looked_up, only_chosen, resident

CPU = torch.device("cpu")
CONFIG = TrainingConfig(
    epochs=1, batch_size=4, recrop=0.5, self_supervised=0.5, augmented=0.5,
    augmentations=("reverse",),
)  # fmt: skip


def some_pairs() -> PairSet:
    """Pairs with a query that is a whole video, one in the target's video, and shared targets."""
    pairs = toy_pairs(8)
    table = pairs.table.copy()
    table.loc[0, ["query_start_s", "query_end_s"]] = np.nan
    table.loc[1, "query_video"] = table.loc[1, "target_video"]
    table.loc[2, "target_video"] = table.loc[3, "target_video"]
    return replace(pairs, table=table)


@pytest.mark.parametrize("query", ["video", "middle-frame"])
def test_batches_are_the_same(query: str) -> None:
    pairs = replace(some_pairs(), query=query)
    config = CONFIG if query == "video" else replace(CONFIG, query=query, augmented=0.0)
    assert only_chosen(config)
    found = resident(pairs, CPU)
    assert found is not None
    numbered, table = found
    for epoch in (0, 1):
        expected, got = (
            collate([TrainingSamples(each, config, seed=3, epoch=epoch)[i] for i in range(8)])
            for each in (pairs, numbered)
        )
        got = looked_up(got, table)
        for name, value in vars(expected).items():
            assert torch.equal(torch.as_tensor(getattr(got, name)), torch.as_tensor(value)), name


def test_what_changes_features_or_does_not_fit_stays_on_the_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not only_chosen(replace(CONFIG, noise=0.1))
    assert not only_chosen(replace(CONFIG, augmentations=("reverse", "slow")))
    assert only_chosen(replace(CONFIG, augmentations=("slow",), augmented=0.0))
    monkeypatch.setattr(home.torch.cuda, "mem_get_info", lambda device: (64, 64))
    assert resident(some_pairs(), torch.device("cuda")) is None
