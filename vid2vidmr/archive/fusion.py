"""Several queries of one kind of moment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vid2vidmr.records import Fuse

GAMMA, STEPS, RATE = 0.05, 60, 0.03
"""Of the barycentre, where the mean squared distance of rows is 1."""


def asked(queries: Sequence[np.ndarray], fuse: Fuse) -> list[np.ndarray]:
    """Give what is searched for: the queries (N, dim), or their barycentre alone."""
    if fuse != "barycentre" or len(queries) == 1:
        return list(queries)
    return [barycentre(queries)]


def barycentre(queries: Sequence[np.ndarray]) -> np.ndarray:
    """Give the sequence that is nearest to all queries in soft-DTW (Cuturi and Blondel, 2017).

    Parameters
    ----------
    queries : sequence of ndarray, (N, dim)

    Returns
    -------
    ndarray, (median N, dim) float32
        Found from the mean of the queries, each stretched to that length, by gradient descent.
    """
    import torch

    from vid2vidmr.alignment import soft_dtw

    length = round(float(np.median([len(query) for query in queries])))
    every = np.concatenate(list(queries)).astype(np.float64)
    mean = every.mean(axis=0)
    unit = float(np.sqrt(2 * ((every - mean) ** 2).sum(axis=1).mean())) or 1.0
    known = [torch.from_numpy(((query - mean) / unit).astype(np.float32)) for query in queries]
    start = np.mean([_stretched(query.numpy(), length) for query in known], axis=0)
    centre = torch.from_numpy(start.astype(np.float32)).requires_grad_()
    optimiser = torch.optim.Adam([centre], lr=RATE * float(centre.detach().abs().mean()))
    for _ in range(STEPS):
        optimiser.zero_grad()
        costs = [torch.cdist(query, centre)[None] ** 2 for query in known]
        loss = sum(soft_dtw(cost, GAMMA).sum() / cost.shape[1] for cost in costs)
        loss.backward()  # type: ignore[union-attr]
        optimiser.step()
    found: np.ndarray = (centre.detach().numpy() * unit + mean).astype(np.float32)
    return found


def _stretched(query: np.ndarray, length: int) -> np.ndarray:
    """Read a query (N, dim) at `length` even points, (length, dim)."""
    at = np.linspace(0, len(query) - 1, length)
    low = np.floor(at).astype(int)
    high, part = np.minimum(low + 1, len(query) - 1), (at - low)[:, None]
    found: np.ndarray = (1 - part) * query[low] + part * query[high]
    return found
