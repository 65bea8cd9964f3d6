"""Losses of CG-DETR, by their published names."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.cg_detr.config import CgDetrConfig
from vid2vidmr.methods.detr.losses import Targets, set_prediction, targets, with_total
from vid2vidmr.nn.saliency import counted, margin_loss, negative_pair_loss, rank_loss
from vid2vidmr.train.batch import Batch


def losses(outputs: dict[str, Tensor], batch: Batch, config: CgDetrConfig) -> dict[str, Tensor]:
    """Losses of a batch, see `losses_against`."""
    group = None if config.same_class_negatives else batch.group
    return losses_against(outputs, targets(batch, config.max_target), config, group)


def losses_against(
    outputs: dict[str, Tensor],
    targets: Targets,
    config: CgDetrConfig,
    group: Tensor | None = None,
) -> dict[str, Tensor]:
    """Losses of all decoder layers and their weighted sum.

    Parameters
    ----------
    outputs : dict
        Of `Model.outputs` with negatives; without the moments, the losses that need them
        are 0.
    group : Tensor, (B,), optional
        Pairs of one group are not contrasted with each other; None contrasts all.

    Returns
    -------
    dict of scalar Tensor
        Unweighted losses of the last layer, those of layer i with the suffix ``_{i}``;
        ``class_error`` (a percentage, not minimised); ``loss``, the weighted sum.
    """
    named, _ = set_prediction(outputs, targets, config)
    named["loss_saliency"] = saliency_loss(outputs, targets, config.weight_attention)
    zero = outputs["pred_spans"].new_zeros(())
    known = "memory_moment" in outputs
    named["loss_ms_align"] = align_loss(outputs, group) if known else zero
    named["loss_distill"] = distill_loss(outputs) if known else zero
    named["loss_orthogonal_dummy"] = overlap(outputs["dummy_tokens"]) + overlap(
        outputs["global_rep_tokens"]
    )
    return with_total(
        named,
        config,
        loss_ms_align=config.weight_align,
        loss_distill=config.weight_distill,
        loss_orthogonal_dummy=config.weight_orthogonal,
    )


def saliency_loss(outputs: dict[str, Tensor], targets: Targets, weight: float) -> Tensor:
    """Margin, rank and negative-pair losses of saliency and, times `weight`, of attention."""
    negative, mask = outputs["real_neg_mask"].bool(), outputs["video_mask"].bool()
    at, alone_at = counted(negative), counted(~negative)
    labels, mask_neg, rows = targets.labels, mask[at], negative[at]

    def ranks(scores: Tensor, scores_neg: Tensor) -> Tensor:
        """Rank pairs that have a negative; its clips are further clips without saliency."""
        return rank_loss(
            torch.cat([scores[at], scores_neg], dim=1),
            torch.cat([labels[at], torch.zeros_like(scores_neg)], dim=1),
            torch.cat([mask_neg, mask_neg], dim=1),
            rows,
        )

    def of_negatives(name: str) -> Tensor:
        """Give the same output for negatives; there may be none."""
        return outputs.get(f"{name}_neg", outputs[name][:0])

    scores, scores_neg = outputs["saliency_scores"], of_negatives("saliency_scores")
    # Pairs without a negative have a mean of their own, and for attention none: as published. With
    # exactly one, the published code takes the softmax along an axis of one and not over the clips:
    # it learns nothing from it, and neither do we.
    counts = ~negative & ((~negative).sum() != 1)
    alone = rank_loss(scores[alone_at], labels[alone_at], mask[alone_at], counts[alone_at])
    loss = (
        margin_loss(scores, targets.clips)
        + ranks(scores, scores_neg)
        + alone
        + negative_pair_loss(scores_neg, mask_neg, rows)
    )
    seen, seen_neg = outputs["t2vattnvalues"], of_negatives("t2vattnvalues")
    looked = F.binary_cross_entropy(seen_neg, torch.zeros_like(seen_neg), reduction="none")
    attention = (
        margin_loss(seen, targets.clips)
        + ranks(seen, seen_neg)
        + (looked * mask_neg * rows.unsqueeze(1)).sum() / rows.sum().clamp(min=1)
        + F.binary_cross_entropy(seen, labels.clamp(0, 1))  # over padding too, as published
    )
    return loss + weight * attention


def align_loss(outputs: dict[str, Tensor], group: Tensor | None) -> Tensor:
    """Contrast a moment with queries and with dummies; tell its clips from the others by it."""
    moment, rest = outputs["memory_moment"], outputs["nmmemory_moment"]  # (B, d)
    query, dummy = outputs["sentence_txt"], outputs["sentence_dummy"]  # (B, d)
    own = torch.arange(len(moment), device=moment.device)
    to_query = torch.cat([cosines(moment, query), cosines(rest, query)], dim=1)  # (B, 2 B)
    if group is not None:
        same = group.unsqueeze(1) == group
        same[own, own] = False
        # The rest of a target is no match for a query of its class: only moments are left out.
        to_query = to_query.masked_fill(F.pad(same, (0, len(group))), -torch.inf)
    to_dummy = torch.cat([cosines(moment, dummy), cosines(rest, dummy)], dim=1)
    clips = torch.einsum("bd,bmd->bm", moment, outputs["src_vid"])
    inside = outputs["moment_mask"].to(clips.dtype)
    # Of probabilities, as published: above a product of 17 they are 1, which costs a clip outside
    # 100 and teaches nothing. Of logits the loss would be another.
    apart = F.binary_cross_entropy(clips.sigmoid(), inside, reduction="none")
    return (
        F.cross_entropy(to_query, own)
        + F.cross_entropy(to_dummy, (own == 0).long())  # columns as published
        + (apart * outputs["video_mask"]).mean()
    )


def distill_loss(outputs: dict[str, Tensor]) -> Tensor:
    """Attention of the moment's clips should be as alike as they are to query and dummies."""
    guide = outputs["moment2txt_similarity"].softmax(-1).detach()  # (B, M, D + N)
    attention = (outputs["cate_attn_weights"] + 1e-6).log()
    divergence = F.kl_div(attention, guide, reduction="none").mean(-1)  # (B, M)
    inside = outputs["moment_mask"].bool()
    return (divergence * inside).sum() / inside.sum().clamp(min=1)


def cosines(a: Tensor, b: Tensor) -> Tensor:
    """Cosines of all rows with all rows, (..., I, d) and (..., J, d) -> (..., I, J)."""
    return F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).transpose(-1, -2)


def overlap(tokens: Tensor) -> Tensor:
    """Mean |cosine| of tokens (..., T, d) with each other; with themselves it counts as 0."""
    found = cosines(tokens, tokens.detach())
    return (found * (1 - torch.eye(found.shape[-1], device=found.device))).abs().mean()
