"""Set prediction as in DETR: one-to-one matching of predicted spans to windows, and its losses."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from vid2vidmr.nn.spans import span_giou, to_start_end

FOREGROUND = 0
"""Index of the foreground in the two class logits; 1 is background."""


class Matches(NamedTuple):
    """Matched queries of a batch, K in all, ordered by sample and then by query.

    Attributes
    ----------
    sample, query, window : Tensor, (K,), int64
    valid : Tensor, (K,), bool
        False of a query that is matched with a window that is not there.
    """

    sample: Tensor
    query: Tensor
    window: Tensor
    valid: Tensor


@torch.no_grad()
def match(
    logits: Tensor,
    spans: Tensor,
    windows: Tensor,
    windows_mask: Tensor,
    span: float = 10,
    giou: float = 1,
    label: float = 4,
) -> Matches:
    """Assign queries to windows so that the sum of costs is least in each sample.

    With one window a sample, nothing waits for the device.

    The cost is ``span`` * L1 (summed over centre and width) - ``giou`` * gIoU - ``label`` *
    probability of foreground.

    Parameters
    ----------
    logits, spans : Tensor, (B, Q, 2)
        Class logits, and spans as (centre, width).
    windows : Tensor, (B, W, 2)
        Ground truth as (centre, width), padded.
    windows_mask : Tensor, (B, W), bool
        True where there is a window; a sample may have none.
    """
    spans, windows = spans.unsqueeze(2), windows.unsqueeze(1)  # (B, Q, 1, 2), (B, 1, W, 2)
    cost = (
        span * (spans - windows).abs().sum(-1)
        - giou * span_giou(to_start_end(spans), to_start_end(windows))
        - label * logits.softmax(-1)[..., FOREGROUND].unsqueeze(-1)
    )  # (B, Q, W)
    # A diverged network must reach the training loop's message, not fail in the assignment.
    cost = cost.nan_to_num()
    if cost.shape[2] == 1:
        sample = torch.arange(len(cost), device=cost.device)
        return Matches(sample, cost[..., 0].argmin(1), torch.zeros_like(sample), windows_mask[:, 0])
    cost, found = cost.cpu(), []
    for b, mask in enumerate(windows_mask.cpu()):
        columns = mask.nonzero().squeeze(1)
        rows, chosen = linear_sum_assignment(cost[b][:, columns].numpy())
        found += [(b, int(row), int(columns[i])) for row, i in zip(rows, chosen, strict=True)]
    flat = torch.tensor(found, dtype=torch.int64, device=logits.device).reshape(-1, 3)
    sample, query, window = flat.unbind(1)
    return Matches(sample, query, window, torch.ones_like(sample, dtype=torch.bool))


def set_losses(
    logits: Tensor, spans: Tensor, windows: Tensor, matches: Matches, background: float = 0.1
) -> dict[str, Tensor]:
    """Losses of one decoder layer; shapes as in `match`.

    Returns
    -------
    dict
        ``loss_span`` (L1 of centre and width, mean over matches), ``loss_giou`` (mean of 1 - gIoU),
        ``loss_label`` (cross-entropy, weight `background` for unmatched queries, mean over all
        queries), ``class_error`` (percentage of matched queries taken for background, no gradient).
    """
    sample, query, window, valid = matches
    source, target = spans[sample, query], windows[sample, window]  # (K, 2)
    count = valid.sum().clamp(min=1)
    labels = torch.ones(logits.shape[:2], dtype=torch.int64, device=logits.device)
    labels[sample, query] = torch.where(valid, FOREGROUND, 1)
    weight = logits.new_ones(2)
    weight[1 - FOREGROUND] = background
    missed = (logits.detach()[sample, query].argmax(-1) != FOREGROUND) & valid
    giou = span_giou(to_start_end(source), to_start_end(target))
    return {
        "loss_span": ((source - target).abs() * valid[:, None]).sum() / (2 * count),
        "loss_giou": ((1 - giou) * valid).sum() / count,
        "loss_label": F.cross_entropy(
            logits.transpose(1, 2), labels, weight, reduction="none"
        ).mean(),
        "class_error": 100 * missed.sum() / count,
    }
