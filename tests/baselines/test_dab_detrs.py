"""QD-DETR and CG-DETR as methods: independence of the batch, negatives, learning, checkpoints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from toy import CONTRACT, check_windows, toy_pairs

from baselines.cg_detr import CgDetr
from baselines.cg_detr.config import CgDetrConfig
from baselines.cg_detr.losses import align_loss
from baselines.qd_detr import QdDetr
from baselines.qd_detr.config import QdDetrConfig
from vid2vidmr.methods.detr.losses import has_negative
from vid2vidmr.methods.detr.method import DetrMethod
from vid2vidmr.train.batch import Batch, PairSamples, collate
from vid2vidmr.windows import temporal_iou

DIM = 12
TINY: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 8,
    "d": 32,
    "heads": 4,
    "ff": 64,
    "queries": 4,
    "dropout": 0.0,
    "input_dropout": 0.0,
}
QD = QdDetr(QdDetrConfig(**TINY))
CG = CgDetr(
    CgDetrConfig(
        **TINY,
        encoder_layers=2,
        decoder_layers=2,
        token_heads=4,
        dummies=3,
        prompts=4,
        prompts_used=2,
        drop_path=0.0,
    )
)
both = pytest.mark.parametrize("method", [QD, CG], ids=["qd_detr", "cg_detr"])


def batch_of(lengths: list[int], queries: list[int], group: list[int] | None = None) -> Batch:
    torch.manual_seed(0)
    masks = [torch.arange(max(n)) < torch.tensor(n)[:, None] for n in (lengths, queries)]
    target, query = (torch.randn(*mask.shape, DIM) * mask[..., None] for mask in masks)
    return Batch(
        target=target,
        target_mask=masks[0],
        query=query,
        query_mask=masks[1],
        durations_s=torch.tensor([2.0 * n - 0.5 for n in lengths]),
        windows_s=torch.tensor([[[0.8 * n, 1.4 * n]] for n in lengths]),
        group=torch.tensor(group or range(len(lengths))),
    )


def pair(batch: Batch, b: int) -> Batch:
    """One pair of a batch, without padding."""
    rows = {"target": int(batch.target_mask[b].sum()), "query": int(batch.query_mask[b].sum())}
    tensors = {name: value for name, value in vars(batch).items() if name != "step_s"}
    return replace(
        batch,
        **{
            name: value[b : b + 1, : rows[name.split("_")[0]]]
            if name.split("_")[0] in rows
            else value[b : b + 1]
            for name, value in tensors.items()
        },
    )


def with_config(method: DetrMethod, **changes: Any) -> DetrMethod:
    return type(method)(replace(method.config, **changes))


def gap(method: DetrMethod, batch: Batch) -> float:
    """Largest difference between a pair's outputs in a batch and alone."""
    torch.manual_seed(1)
    model = method.build_model(DIM).eval()
    gaps = []
    with torch.no_grad():
        together = model(batch)
        for b in range(len(batch)):
            alone = model(pair(batch, b))
            for name in ("pred_logits", "pred_spans", "saliency_scores"):
                value = alone[name][0]
                gaps.append((together[name][b, : len(value)] - value).abs().max().item())
    return max(gaps)


@both
def test_outputs_do_not_depend_on_the_batch_unless_masked_as_published(method: DetrMethod) -> None:
    batch = batch_of([20, 7, 1], [2, 5, 3])
    assert gap(method, batch) < 1e-5
    assert gap(with_config(method, official_mask=True), batch) > 1e-4


def test_a_query_asked_of_all_targets_is_read_once() -> None:
    batch = batch_of([20, 7, 1], [3, 3, 3])
    batch = replace(batch, query=batch.query[:1].expand_as(batch.query))
    assert gap(CG, batch) < 1e-5
    seen: list[int] = []
    model = CG.build_model(DIM).eval()
    model.txtproj_encoder.register_forward_hook(lambda _, rows, __: seen.append(len(rows[0])))
    for each in (batch, batch_of([20, 7, 1], [3, 3, 3])):
        model(each)
    assert seen == [1, 3]


@both
def test_windows_lie_in_the_target_and_are_ranked(method: DetrMethod) -> None:
    batch = batch_of([20, 7, 1], [2, 5, 3])
    model = method.build_model(DIM).eval()
    with torch.no_grad():
        decoded = method.windows(model(batch), batch)
    for windows, duration in zip(decoded, batch.durations_s.tolist(), strict=True):
        assert windows.shape == (4, 3)
        check_windows(windows, duration)


@both
def test_rows_behind_the_cut_off_change_nothing(method: DetrMethod) -> None:
    torch.manual_seed(1)
    model = with_config(method, max_target=10, max_query=3).build_model(DIM).eval()
    batch = batch_of([30, 8], [6, 2])
    changed = replace(batch, target=batch.target.clone(), query=batch.query.clone())
    changed.target[:, 10:] = 7.0
    changed.query[:, 3:] = 7.0
    with torch.no_grad():
        first, second = model(batch), model(changed)
    assert first["saliency_scores"].shape == (2, 10)
    for name in first:
        torch.testing.assert_close(first[name], second[name])


@both
def test_the_ground_truth_is_not_looked_at_when_predicting(method: DetrMethod) -> None:
    model = method.build_model(DIM).eval()
    batch = batch_of([20, 7], [2, 5])
    with torch.no_grad():
        first, second = model(batch), model(replace(batch, windows_s=batch.windows_s * 0))
    assert set(first) == set(second)
    assert not {"saliency_scores_neg", "memory_moment"} & set(first)
    for name in first:
        assert torch.equal(first[name], second[name])


@both
@pytest.mark.parametrize(
    ("lengths", "group"),
    [([9], [0]), ([9, 7], [0, 0]), ([9, 7, 1], [0, 0, 1]), ([60, 40, 90], [0, 1, 2])],
    ids=["one pair", "one class", "two classes", "moments behind the cut-off"],
)
def test_losses_are_finite_and_reach_the_parameters(
    method: DetrMethod, lengths: list[int], group: list[int]
) -> None:
    torch.manual_seed(1)
    method = with_config(method, max_target=12)
    model = method.build_model(DIM).train()
    batch = batch_of(lengths, [2, 5, 3][: len(lengths)], group)
    method.losses(model(batch), batch)["loss"].backward()
    silent = {name for name, p in model.named_parameters() if p.grad is None}
    assert {name.split(".")[0] for name in silent} <= {"txt_position_embed", "txt_proj_linear"}
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


def test_the_next_pair_is_a_negative_unless_it_is_of_the_same_class() -> None:
    group = torch.tensor([3, 3, 5, 3])
    assert has_negative(group, same_class=False).tolist() == [False, True, True, False]
    assert has_negative(group, same_class=True).all()


@both
@pytest.mark.parametrize("same_class", [False, True])
def test_same_class_pairs_are_negatives_only_if_asked_for(
    method: DetrMethod, same_class: bool
) -> None:
    """Two pairs, of one class or of two: the loss differs unless classes are ignored."""
    torch.manual_seed(1)
    method = with_config(method, same_class_negatives=same_class)
    model = method.build_model(DIM).train()
    losses = []
    for group in ([0, 0], [0, 1]):
        batch = batch_of([9, 7], [2, 5], group)
        torch.manual_seed(2)  # of the clips that are drawn
        losses.append(method.losses(model(batch), batch)["loss"].item())
    assert (losses[0] == losses[1]) == same_class


def test_alignment_leaves_out_queries_of_the_same_class_only() -> None:
    torch.manual_seed(0)
    names = ("memory_moment", "nmmemory_moment", "sentence_txt", "sentence_dummy")
    outputs = {name: torch.randn(3, 8) for name in names}
    outputs |= {
        "src_vid": torch.randn(3, 5, 8),
        "moment_mask": torch.ones(3, 5),
        "video_mask": torch.zeros(3, 5),  # leaves the clips' own term out
    }
    cosine = torch.nn.functional.cosine_similarity
    to_query, rest, dummy, rest_dummy = (
        cosine(outputs[a][:, None], outputs[b][None], dim=-1)
        for a, b in [names[0::2], names[1:3], names[0::3], names[1::2]]
    )
    to_query[0, 2] = to_query[2, 0] = -torch.inf
    dummies = torch.cat([dummy, rest_dummy], dim=1).log_softmax(1)
    expected = (
        -torch.cat([to_query, rest], dim=1).log_softmax(1).diagonal().mean()
        - (dummies[0, 1] + dummies[1, 0] + dummies[2, 0]) / 3
    )
    torch.testing.assert_close(align_loss(outputs, torch.tensor([4, 5, 4])), expected)


@both
def test_it_learns_four_pairs_by_heart(method: DetrMethod) -> None:
    torch.manual_seed(0)
    pairs = PairSamples(toy_pairs(4))
    batch = collate([pairs[i] for i in range(4)])
    model = method.build_model(CONTRACT.dim)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for _ in range(120):
        optimizer.zero_grad()
        method.losses(model(batch), batch)["loss"].backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    model.eval()
    with torch.no_grad():
        decoded = method.windows(model(batch), batch)
    best = np.array([windows[0, :2] for windows in decoded])
    assert temporal_iou(best, batch.windows_s[:, 0].numpy()).mean() > 0.8


@both
def test_it_comes_back_from_its_checkpoint(method: DetrMethod, tmp_path: Path) -> None:
    pairs = toy_pairs(8)
    learner = type(method)(method.config, seed=0)
    learner.fit(pairs, pairs, tmp_path)
    predictions = list(learner.predict(pairs))
    for row, prediction in zip(pairs, predictions, strict=True):
        check_windows(np.array(prediction.windows), row.duration_s)
    assert list(type(method).load(tmp_path).predict(pairs)) == predictions


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        (
            QdDetr(),
            {
                "transformer.t2v_encoder.layers.1.self_attn.in_proj_weight": (768, 256),
                "transformer.encoder.layers.1.activation.weight": (1,),
                "global_rep_token": (256,),
            },
        ),
        (
            CgDetr(),
            {
                "transformer.t2v_encoder.layers.1.self_attn.out_proj.weight": (256, 256),
                "transformer.encoder.layers.2.activation.weight": (1,),
                "transformer.decoder.layers.2.linear1.weight": (1024, 256),
                "global_rep_token": (10, 256),
                "dummy_rep_token": (45, 256),
                "txt_proj_linear.net.1.weight": (256, 512),
            },
        ),
    ],
    ids=["qd_detr", "cg_detr"],
)
def test_the_paper_preset_has_the_published_names_and_shapes(
    method: DetrMethod, expected: dict[str, tuple[int, ...]]
) -> None:
    shapes = {k: tuple(v.shape) for k, v in method.build_model(512).state_dict().items()}
    expected |= {
        "input_vid_proj.0.net.1.weight": (256, 514),
        "query_embed.weight": (10, 2),
        "txt_position_embed.position_embeddings.weight": (32, 256),
        "transformer.decoder.ref_anchor_head.layers.1.weight": (1, 256),
    }
    assert expected.items() <= shapes.items()
