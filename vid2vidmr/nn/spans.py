"""Spans on the time axis: two notations, IoU and generalised IoU.

A span is the last dimension of a tensor, either (start, end) or (centre, width), in any unit.
"""

from __future__ import annotations

import torch
from torch import Tensor


def to_start_end(spans: Tensor) -> Tensor:
    """(centre, width) -> (start, end), shape (..., 2)."""
    centre, width = spans.unbind(-1)
    return torch.stack([centre - width / 2, centre + width / 2], dim=-1)


def to_centre_width(spans: Tensor) -> Tensor:
    """(start, end) -> (centre, width), shape (..., 2)."""
    start, end = spans.unbind(-1)
    return torch.stack([(start + end) / 2, end - start], dim=-1)


def nearest(spans: Tensor, points: Tensor) -> Tensor:
    """Give every point the (start, end) span that it lies in, or that is nearest.

    Parameters
    ----------
    spans : Tensor, (B, W, 2)
        NaN where there is none.
    points : Tensor, (M,)

    Returns
    -------
    Tensor, (B, M, 2)
        NaN where a sample has no span.
    """
    start, end = spans.unsqueeze(2).unbind(-1)  # (B, W, 1)
    outside = torch.maximum(start - points, points - end).nan_to_num(torch.inf)  # (B, W, M)
    return spans.gather(1, outside.argmin(1).unsqueeze(-1).expand(-1, -1, 2))


def _intersection_union(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    overlap = torch.minimum(a[..., 1], b[..., 1]) - torch.maximum(a[..., 0], b[..., 0])
    intersection = overlap.clamp(min=0)
    union = (a[..., 1] - a[..., 0]) + (b[..., 1] - b[..., 0]) - intersection
    return intersection, union


def span_iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union of (start, end) spans.

    Parameters
    ----------
    a, b : Tensor, (..., 2)
        Shapes that broadcast: ``span_iou(a[:, None], b[None])`` compares all with all.

    Returns
    -------
    Tensor, (...)
        0 for two empty spans.
    """
    intersection, union = _intersection_union(a, b)
    return intersection / union.clamp(min=1e-8)


def span_giou(a: Tensor, b: Tensor) -> Tensor:
    """Generalised IoU, IoU - (hull - union) / hull, of (start, end) spans; shapes as `span_iou`.

    Source: Rezatofighi et al., CVPR 2019.
    """
    intersection, union = _intersection_union(a, b)
    hull = torch.maximum(a[..., 1], b[..., 1]) - torch.minimum(a[..., 0], b[..., 0])
    return intersection / union.clamp(min=1e-8) - (hull - union) / hull.clamp(min=1e-8)
