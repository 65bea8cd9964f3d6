"""Training on targets that hold the moment no times, once or several times."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from toy import CONTRACT, toy_pairs

from baselines.align_learned import AlignLearned
from baselines.cg_detr import CgDetr
from baselines.cgbm import Cgbm
from baselines.matr import Matr
from baselines.moment_detr import MomentDetr
from baselines.qd_detr import QdDetr
from baselines.univtg import UniVtg
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.data.protocols import Protocol, with_truth
from vid2vidmr.errors import UserError
from vid2vidmr.features.store import MemoryFeatures
from vid2vidmr.nn.centred import posterior_loss
from vid2vidmr.nn.spans import nearest
from vid2vidmr.records import EvidentPrediction
from vid2vidmr.train.augment import TrainingSamples, recropped
from vid2vidmr.train.batch import PairSamples, collate
from vid2vidmr.train.existence import open_losses

METHODS = (MomentDetr, QdDetr, CgDetr, UniVtg, Cgbm, Matr, AlignLearned)
TINY: dict[str, Any] = {
    "d": 16, "heads": 2, "ff": 16, "encoder_layers": 1, "decoder_layers": 1, "token_heads": 2,
    "dummies": 3, "dropout": 0.0, "input_dropout": 0.0, "components": None, "epochs": 1,
    "batch_size": 8, "self_supervised": 0.0,
}  # fmt: skip
each = pytest.mark.parametrize("cls", METHODS, ids=[cls.info.name for cls in METHODS])


def tiny(cls: Any, **changes: Any) -> Any:
    """A method with its preset `open`, as small as it goes."""
    config = cls.presets["open"]
    known = {field.name for field in fields(config)}
    return cls(replace(config, **{k: v for k, v in (TINY | changes).items() if k in known}))


def open_pairs(count: int, seed: int = 0, rows: int = 24) -> PairSet:
    """Pairs whose target shows the query's script never, once, or twice, apart."""
    pairs = toy_pairs(count, seed=seed, rows=rows)
    videos, truths = {}, []
    rng = np.random.default_rng(seed + 1)
    for i in range(count):
        query = pairs.query_features(i)
        videos[f"q{i}"] = query
        target = rng.standard_normal((rows, CONTRACT.dim))
        starts = [int(rng.integers(0, 6)), int(rng.integers(13, 18))][: i % 3]
        for start in starts:
            moment = query + 0.2 * rng.standard_normal(query.shape)
            target[start : start + len(query)] = moment
        videos[f"t{i}"] = target
        truths.append(2.0 * np.array([(s, s + len(query)) for s in starts]).reshape(-1, 2))
    table = with_truth(pairs.table, truths)
    features = MemoryFeatures(CONTRACT, videos)
    return PairSet(table, "train", protocol=Protocol("open"), features=features)


def losses(method: Any, model: Any, batch: Any) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return open_losses(model, method.losses, batch, weight=2.0)


@each
def test_localisation_sees_targets_with_a_moment_alone(cls: Any) -> None:
    """What is in a null changes the loss of existence and no other; without a moment it is 0."""
    method = tiny(cls)
    torch.manual_seed(0)
    model = method.build_model(CONTRACT.dim).train()
    samples = [PairSamples(open_pairs(6))[i] for i in range(6)]
    first = losses(method, model, collate(samples))
    total = first["loss_localisation"] + 2 * first["loss_existence"]
    torch.testing.assert_close(first["loss"], total)
    first["loss"].backward()
    for name, weight in model.named_parameters():
        assert weight.grad is None or weight.grad.isfinite().all(), name
    assert model.existence.mlp.layers[0].weight.grad.abs().sum() > 0
    changed = [s if len(s.windows_s) else replace(s, target=s.target[::-1].copy()) for s in samples]
    second = losses(method, model, collate(changed))
    torch.testing.assert_close(first["loss_localisation"], second["loss_localisation"])
    assert first["loss_existence"] != second["loss_existence"]
    nulls = losses(method, model, collate(samples[::3]))
    assert nulls["loss_localisation"] == 0 and nulls["loss_existence"] > 0


@each
def test_the_second_moment_is_learned_too(cls: Any) -> None:
    """Losses of two moments are those of neither alone."""
    method = tiny(cls)
    torch.manual_seed(0)
    model = method.build_model(CONTRACT.dim).train()
    both = PairSamples(open_pairs(6))[2]
    found = set()
    for windows_s in (both.windows_s, both.windows_s[:1], both.windows_s[1:]):
        batch = collate([replace(both, windows_s=windows_s)] * 2)
        found.add(round(losses(method, model, batch)["loss_localisation"].item(), 5))
    assert len(found) == 3


@each
def test_without_existence_there_is_no_head(cls: Any) -> None:
    """Weights and outputs are those of before, and training on official pairs is as it was."""
    with_head, without = tiny(cls), tiny(cls, existence=False)
    models = []
    for method in (with_head, without):
        torch.manual_seed(0)
        models.append(method.build_model(CONTRACT.dim))
    own, plain = (model.state_dict() for model in models)
    assert {name for name in own if name not in plain} and not plain.keys() - own.keys()
    assert all(name.startswith("existence.") for name in own.keys() - plain.keys())
    assert all(torch.equal(own[name], value) for name, value in plain.items())
    with torch.no_grad():
        assert "existence" not in models[1].eval()(collate([PairSamples(toy_pairs(1))[0]]))


def test_it_learns_what_is_not_there(tmp_path: Path) -> None:
    """On pairs never seen it tells nulls from others, and comes back from its checkpoint."""
    method = tiny(UniVtg, epochs=40, learning_rate=3e-3, self_supervised=0.0, recrop=0.0)
    everything = open_pairs(96)
    train, unseen = everything.take(np.arange(64)), everything.take(np.arange(64, 96))
    method.fit(train, unseen, tmp_path)
    predictions = list(method.predict(unseen))
    present = ~np.isnan(unseen.truth[:, 0, 0])
    assert all(isinstance(p, EvidentPrediction) and p.evidence for p in predictions)
    assert roc_auc_score(present, [p.exists for p in predictions]) > 0.75
    assert method.provenance["val_score"] > 50 and "val_mIoU" not in method.provenance
    assert list(UniVtg.load(tmp_path).predict(unseen)) == predictions


def test_pairs_that_are_not_open_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"pass pairs\.under\('open'\)"):
        tiny(UniVtg).fit(toy_pairs(8), toy_pairs(8), tmp_path)
    present = open_pairs(9)
    present = present.take(~np.isnan(present.truth[:, 0, 0]))
    with pytest.raises(UserError, match="all of one kind"):
        tiny(UniVtg).fit(open_pairs(9), present, tmp_path)


def test_cut_targets_keep_all_moments_or_none() -> None:
    """Every moment is where it was in the frames; a null is cut as short as the others."""
    pairs = open_pairs(60)
    plain = PairSamples(pairs)
    shares = []
    for i in range(len(pairs)):
        sample = plain[i]
        cut = recropped(sample, np.random.default_rng(i))
        assert len(cut.windows_s) == i % 3
        for before, after in zip(sample.windows_s, cut.windows_s, strict=True):
            rows = [slice(round(s / 2), round(e / 2)) for s, e in (before, after)]
            np.testing.assert_array_equal(sample.target[rows[0]], cut.target[rows[1]])
        if i % 3 < 2:
            shares.append((i % 3, cut.duration_s / sample.duration_s))
    lengths = [np.mean([share for kind, share in shares if kind == k]) for k in (0, 1)]
    assert abs(lengths[0] - lengths[1]) < 0.1
    config = replace(UniVtg.presets["open"], self_supervised=1.0)
    clips = TrainingSamples(pairs, config, seed=0, epoch=0)
    assert all(len(clips[i].windows_s) == 1 for i in range(9))


def test_batches_pad_windows() -> None:
    batch = collate([PairSamples(open_pairs(6))[i] for i in range(3)])
    assert batch.windows_s.shape == (3, 2, 2)
    assert batch.present.tolist() == [False, True, True]
    assert (~batch.windows_s[..., 0].isnan()).sum(1).tolist() == [0, 1, 2]
    assert len(batch.take(batch.present)) == 2


def test_points_belong_to_the_span_they_lie_in() -> None:
    spans = torch.tensor([[[0.0, 4.0], [10.0, 30.0], [torch.nan] * 2]])
    found = nearest(spans, torch.tensor([1.0, 6.0, 8.0, 11.0, 40.0]))
    assert found[0, :, 0].tolist() == [0, 0, 10, 10, 10]


def test_several_moments_share_the_alignment() -> None:
    """Either of two moments explains the query: both together lose less than each alone."""
    torch.manual_seed(0)
    cost = torch.rand(1, 12, 3)
    inside = torch.zeros(1, 2, 12, dtype=torch.bool)
    inside[0, 0, 2:5], inside[0, 1, 8:10] = True, True
    lengths = torch.tensor([12]), torch.tensor([3])
    both = posterior_loss(cost, inside, *lengths, gamma=0.1)
    alone = [posterior_loss(cost, inside[:, [w]], *lengths, gamma=0.1) for w in (0, 1)]
    shares = [torch.exp(-3 * loss) for loss in (*alone, both)]  # losses are a query clip
    torch.testing.assert_close(shares[0] + shares[1], shares[2])
