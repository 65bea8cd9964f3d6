"""Evidence: how each target clip matches the query, told to the encoder. Not in the paper.

The cosines of input features are compared with no learned weight in between, so that they mean the
same for classes never seen in training.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

ORDERED = 8
CHANNELS = ORDERED + 3


def evidence(target: Tensor, query: Tensor, target_mask: Tensor, query_mask: Tensor) -> Tensor:
    """Similarity of every target clip to the query and to its parts in order.

    Parameters
    ----------
    target : Tensor, (B, M, D)
    query : Tensor, (B, N, D)
        Both with rows of unit length.
    target_mask, query_mask : Tensor, (B, M) and (B, N)

    Returns
    -------
    Tensor, (B, M, CHANNELS)
        Cosine to the query at `ORDERED` evenly spaced times, then the largest, the mean of the two
        largest and the mean over the query's clips; each less its mean over the target.
    """
    similarity = target @ query.transpose(1, 2)  # (B, M, N)
    n = query_mask.sum(1)  # (B,)
    # Linear interpolation of the query axis at the centres of ORDERED equal parts.
    parts = (torch.arange(ORDERED, device=n.device) + 0.5) / ORDERED
    at = (parts * n[:, None] - 0.5).clamp(min=0)  # (B, K)
    at = at.minimum((n[:, None] - 1).to(at.dtype))
    low = at.floor().long()
    high = (low + 1).minimum(n[:, None] - 1)
    share = (at - low).unsqueeze(1)  # (B, 1, K)
    M = target.shape[1]

    def pick(index: Tensor) -> Tensor:
        return similarity.gather(2, index.unsqueeze(1).expand(-1, M, -1))

    ordered = pick(low) * (1 - share) + pick(high) * share  # (B, M, K)
    masked = similarity.masked_fill(~query_mask.unsqueeze(1), -1.0)
    top = F.pad(masked, (0, 1), value=-1.0).topk(2, dim=2).values  # one clip: the second is -1
    second = torch.where(n[:, None] > 1, top[..., 1], top[..., 0])
    mean = (similarity * query_mask.unsqueeze(1)).sum(2) / n[:, None]
    channels = torch.cat(
        [ordered, torch.stack([top[..., 0], (top[..., 0] + second) / 2, mean], dim=2)], dim=2
    )
    valid = target_mask.unsqueeze(-1)
    average = (channels * valid).sum(1, keepdim=True) / valid.sum(1, keepdim=True)
    return (channels - average) * valid
