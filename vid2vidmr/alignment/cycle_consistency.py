"""Temporal cycle-consistency (Dwibedi et al., CVPR 2019)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def tcc(
    query: Tensor,
    target: Tensor,
    query_lengths: Tensor | None = None,
    target_lengths: Tensor | None = None,
    temperature: float = 0.1,
) -> Tensor:
    """Cycle-back classification loss of every pair: query clip -> target -> the same query clip.

    A query clip's soft nearest neighbour among the target's clips must have that clip as its own
    nearest neighbour in the query; a cross-entropy over the query's clips says how far it is from
    that (section 3.2 of the paper, "cycle-back classification").

    Parameters
    ----------
    query : Tensor, (B, N, d)
    target : Tensor, (B, M, d)
    query_lengths, target_lengths : Tensor, (B,), optional
        Valid rows; what lies beyond has no influence. A pair of length 0 has loss 0.
    temperature : float
        Of the similarities, minus squared distances.

    Returns
    -------
    Tensor, (B,)
        Mean over the query's clips.
    """
    B, N, _ = query.shape
    M = target.shape[1]
    dtype = torch.promote_types(query.dtype, torch.float32)
    q_mask, t_mask = _mask(query_lengths, B, N, query), _mask(target_lengths, B, M, target)
    # Padding may hold anything, even NaN.
    q = torch.where(q_mask[..., None], query, 0).to(dtype)
    t = torch.where(t_mask[..., None], target, 0).to(dtype)
    if 0 in (N, M):
        return q.sum(dim=(1, 2)) + t.sum(dim=(1, 2))
    empty = ~(q_mask.any(1) & t_mask.any(1))
    lowest = torch.finfo(dtype).min
    nearest = (_similarity(q, t) / temperature).masked_fill(~t_mask[:, None], lowest).softmax(2) @ t
    back = (_similarity(nearest, q) / temperature).masked_fill(~q_mask[:, None], lowest)
    own = torch.arange(N, device=q.device).expand(B, N)
    each = F.cross_entropy(back.transpose(1, 2), own, reduction="none") * q_mask  # (B, N)
    loss = each.sum(1) / q_mask.sum(1).clamp(min=1)
    return torch.where(empty, 0, loss).to(query.dtype)


def _similarity(a: Tensor, b: Tensor) -> Tensor:
    """Minus squared distances of rows, (B, L, d) and (B, K, d) -> (B, L, K)."""
    squares = a.square().sum(2)[:, :, None] + b.square().sum(2)[:, None]
    return 2 * a @ b.transpose(1, 2) - squares


def _mask(lengths: Tensor | None, B: int, L: int, like: Tensor) -> Tensor:
    if lengths is None:
        return torch.ones(B, L, dtype=torch.bool, device=like.device)
    return torch.arange(L, device=like.device) < lengths.to(like.device)[:, None]
