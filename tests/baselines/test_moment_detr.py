"""Moment-DETR as a method: shapes, cut-off, decoding, learning, checkpoints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from baselines.moment_detr import MomentDetr
from baselines.moment_detr.config import MomentDetrConfig
from baselines.moment_detr.losses import contrastive_align, losses_against
from baselines.moment_detr.model import Model
from vid2vidmr.contract import FeatureContract
from vid2vidmr.data.pairs import PairSet, pair_table
from vid2vidmr.errors import UserError
from vid2vidmr.features.store import MemoryFeatures
from vid2vidmr.methods.detr.losses import targets
from vid2vidmr.nn.matcher import Matches
from vid2vidmr.train.batch import Batch

DIM = 12
TINY = MomentDetrConfig(
    epochs=40,
    batch_size=8,
    d=32,
    heads=4,
    ff=64,
    queries=4,
    dropout=0.0,
    input_dropout=0.0,
    learning_rate=3e-3,
    clip_norm=1.0,
)


def batch_of(lengths: list[int], windows_s: list[tuple[float, float]]) -> Batch:
    torch.manual_seed(0)
    rows = max(lengths)
    mask = torch.arange(rows) < torch.tensor(lengths)[:, None]
    return Batch(
        target=torch.randn(len(lengths), rows, DIM) * mask[..., None],
        target_mask=mask,
        query=torch.randn(len(lengths), 5, DIM),
        query_mask=torch.ones(len(lengths), 5, dtype=torch.bool),
        durations_s=torch.tensor([2.0 * n - 0.5 for n in lengths]),
        windows_s=torch.tensor(windows_s)[:, None],
        group=torch.arange(len(lengths)),
    )


def synthetic_pairs(count: int = 8) -> PairSet:
    """Targets of random features, in which the query's features recur once."""
    rng = np.random.default_rng(0)
    videos, clips, first = {}, [], []
    for i in range(count):
        query = rng.standard_normal((4, DIM)).astype(np.float32)
        clips.append(int(rng.integers(15, 25)))
        target = rng.standard_normal((clips[-1], DIM)).astype(np.float32)
        first.append(int(rng.integers(0, clips[-1] - 4)))
        target[first[-1] : first[-1] + 4] = query
        videos |= {f"q{i}": query, f"t{i}": target}
    start = 2.0 * np.array(first)
    table = pair_table(
        *([f"{of}{i}" for i in range(count)] for of in "pqt"),
        query_s=(0.0, 8.0), clip_s=(0.0, 2.0 * np.array(clips)), truth_s=(start, start + 8),
        label=[f"class {i % 3}" for i in range(count)],
    )  # fmt: skip
    contract = FeatureContract(
        encoder="random",
        weights_sha256="0" * 64,
        dim=DIM,
        sampling="t = 0, 2, 4, ... s",
        preprocessing="none",
        decoder="none",
        dtype="float32",
        simulated=True,
    )
    return PairSet(table, "train", features=MemoryFeatures(contract, videos))


def test_shapes_and_independence_of_the_batch() -> None:
    method = MomentDetr(TINY)
    model = method.build_model(DIM).eval()
    batch = batch_of([20, 7, 1], [(4.0, 9.0), (0.0, 3.0), (0.0, 1.5)])
    with torch.no_grad():
        outputs = model(batch)
        assert outputs["pred_spans"].shape == (3, 4, 2)
        assert outputs["pred_logits"].shape == (3, 4, 2)
        assert outputs["saliency_scores"].shape == (3, 20)
        assert outputs["aux_outputs.0.pred_spans"].shape == (3, 4, 2)
        windows = method.windows(outputs, batch)
        for b, n in enumerate([20, 7, 1]):
            values = {k: v[b : b + 1] for k, v in vars(batch).items() if k != "step_s"}
            alone = Batch(
                **values
                | {k: values[k][:, :n] for k in ("target", "target_mask")}
            )  # fmt: skip
            np.testing.assert_allclose(
                windows[b], method.windows(model(alone), alone)[0], atol=2e-5 * 2 * n
            )
    for b, window in enumerate(windows):
        assert window.shape == (4, 3)
        assert (np.diff(window[:, 2]) <= 0).all()
        assert (window[:, 0] >= 0).all()
        assert (window[:, 0] < window[:, 1]).all()
        assert (window[:, 1] <= float(batch.durations_s[b])).all()


def test_targets_and_windows_are_shares_of_what_is_seen() -> None:
    config = replace(TINY, max_target=10)
    batch = batch_of([30, 8, 30], [(10.0, 16.0), (3.0, 12.4), (22.0, 30.0)])
    found = targets(batch, config.max_target)
    # 20 s of the first target are seen, all 15.5 s of the second; the third moment is out of sight.
    torch.testing.assert_close(found.windows[0, 0], torch.tensor([0.65, 0.3]))
    torch.testing.assert_close(found.windows[1, 0], torch.tensor([7.7, 9.4]) / 15.5)
    assert found.windows_mask.flatten().tolist() == [True, True, False]
    assert found.clips.valid.tolist() == [True, True, False]
    method = MomentDetr(config)
    logits = torch.tensor([[[2.0, 0.0], [0.0, 2.0]]]).expand(3, -1, -1)
    spans = torch.cat([found.windows, torch.full((3, 1, 2), 0.9)], dim=1)
    decoded = method.windows({"pred_logits": logits, "pred_spans": spans}, batch)
    np.testing.assert_allclose(decoded[0][0], [10, 16, torch.sigmoid(torch.tensor(2.0))], rtol=1e-5)
    np.testing.assert_allclose(decoded[1][0, :2], [3.0, 12.4], rtol=1e-5)
    # 0.9 +- 0.45 of 20 s reaches behind what was seen, not behind the target's end at 59.5 s.
    np.testing.assert_allclose(decoded[0][1, :2], [9.0, 27.0], rtol=1e-5)
    np.testing.assert_allclose(decoded[1][1, :2], [0.45 * 15.5, 15.5], rtol=1e-5)


def test_rows_behind_the_cut_off_change_nothing() -> None:
    model = MomentDetr(replace(TINY, max_target=10, max_query=3)).build_model(DIM).eval()
    batch = batch_of([30, 8], [(10.0, 16.0), (3.0, 12.4)])
    changed = replace(batch, target=batch.target.clone(), query=batch.query.clone())
    changed.target[:, 10:] = 7.0
    changed.query[:, 3:] = 7.0
    with torch.no_grad():
        first, second = model(batch), model(changed)
    assert first["saliency_scores"].shape == (2, 10)
    for name in first:
        torch.testing.assert_close(first[name], second[name])


def test_query_positions_let_the_model_see_the_order_of_the_query() -> None:
    batch = batch_of([12], [(4.0, 9.0)])
    turned = replace(batch, query=batch.query.flip(1))
    for sees_order in (False, True):
        model = MomentDetr(replace(TINY, query_positions=sees_order)).build_model(DIM).eval()
        with torch.no_grad():
            gap = (model(batch)["pred_spans"] - model(turned)["pred_spans"]).abs().max()
        assert (gap > 1e-4) == sees_order


def test_a_position_table_that_is_too_short_is_refused() -> None:
    with pytest.raises(UserError, match="position table"):
        Model(replace(TINY, query_positions=True, max_query=33), DIM)


def test_contrastive_align_matches_its_formula() -> None:
    torch.manual_seed(0)
    queries, rows = torch.randn(2, 4, 8), torch.randn(2, 3, 8)
    matches = Matches(
        torch.tensor([0, 0]), torch.tensor([1, 3]), torch.tensor([0, 1]), torch.tensor([True, True])
    )
    logits = (queries[0] @ rows[0].T).sum(1) / 0.07
    expected = (logits.logsumexp(0) - (logits[1] + logits[3]) / 2) / 2
    torch.testing.assert_close(contrastive_align(queries, rows, matches), expected)


def test_contrastive_loss_reaches_its_projections_on_every_layer() -> None:
    config = replace(TINY, contrastive=True)
    model = MomentDetr(config).build_model(DIM)
    batch = batch_of([12, 9], [(4.0, 9.0), (2.0, 6.0)])
    outputs = model(batch)
    for prefix in ("", "aux_outputs.0."):
        assert outputs[f"{prefix}proj_txt_mem"].shape == (2, batch.query.shape[1], 64)
        assert outputs[f"{prefix}proj_queries"].shape == (2, config.queries, 64)
    found = losses_against(outputs, targets(batch, 75), config)
    assert {"loss_contrastive_align", "loss_contrastive_align_0"} <= set(found)
    found["loss"].backward()
    assert model.contrastive_align_projection_query.weight.grad.abs().sum() > 0
    assert model.contrastive_align_projection_txt.weight.grad.abs().sum() > 0


def test_it_learns_eight_pairs_by_heart_and_comes_back_from_its_checkpoint(tmp_path: Path) -> None:
    pairs = synthetic_pairs()
    method = MomentDetr(TINY, seed=0)
    method.fit(pairs, pairs, tmp_path)
    predictions = list(method.predict(pairs))
    assert [p.pair_id for p in predictions] == pairs.table["pair_id"].tolist()
    overlaps = []
    for pair, prediction in zip(pairs, predictions, strict=True):
        (start, end), best = pair.windows[0], prediction.windows[0]
        overlap = max(0.0, min(end, best[1]) - max(start, best[0]))
        overlaps.append(overlap / (end - start + best[1] - best[0] - overlap))
    assert np.mean(overlaps) > 0.7
    assert list(MomentDetr.load(tmp_path).predict(pairs)) == predictions


def test_the_paper_preset_has_the_published_names_and_shapes() -> None:
    model = MomentDetr().build_model(512)
    shapes = {k: tuple(v.shape) for k, v in model.state_dict().items()}
    assert shapes["input_vid_proj.0.net.1.weight"] == (256, 514)
    assert shapes["input_txt_proj.0.LayerNorm.weight"] == (512,)
    assert shapes["transformer.decoder.layers.1.multihead_attn.in_proj_weight"] == (768, 256)
    assert shapes["query_embed.weight"] == (10, 256)
    assert shapes["txt_position_embed.position_embeddings.weight"] == (32, 256)
