"""Which pairs make a batch: drawn from (seed, epoch) alone, so that every process knows them all.

A batch is what one step of the optimizer sees; `shares` deals it out to processes and
micro-batches.
"""

from __future__ import annotations

import numpy as np

WINDOW = 50
"""Batches that are sorted by length together, where batches are bucketed."""


def epoch_batches(
    lengths: np.ndarray, count: int, batch_size: int, seed: int, epoch: int, buckets: bool
) -> list[np.ndarray]:
    """Draw the batches of an epoch.

    Parameters
    ----------
    lengths : ndarray, (pairs,)
        Length of every target; looked at only with `buckets`.
    count : int
        Pairs an epoch; the last batch has what is left.
    buckets : bool
        Put pairs of similar length into a batch, which saves padding: the shuffled pairs are sorted
        within windows of `WINDOW` batches, and the batches are shuffled again.

    Returns
    -------
    list of ndarray of int
        Positions of pairs, each at most once.
    """
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(lengths))[:count]
    if buckets:
        windows = np.split(order, range(WINDOW * batch_size, count, WINDOW * batch_size))
        order = np.concatenate([w[np.argsort(lengths[w], kind="stable")] for w in windows])
    batches = np.split(order, range(batch_size, count, batch_size))
    if buckets:
        batches = [batches[i] for i in rng.permutation(len(batches))]
    return batches


def shares(
    batch: np.ndarray, lengths: np.ndarray, process: int, processes: int, size: int | None
) -> list[tuple[np.ndarray, float]]:
    """Deal a joint batch out: the micro-batches of one process, with their weights.

    A mean over the batch is the sum over all processes of weight times the mean over a micro-batch,
    also where a batch cannot be divided evenly. A process for which no pair is left computes the
    first one with weight 0: it must not miss what processes do together.

    Parameters
    ----------
    batch : ndarray, (B,)
    lengths : ndarray, (pairs,)
        Length of every target; micro-batches have similar ones, which saves padding and costs
        nothing: the step is the same.
    process, processes : int
        Number of this process, and how many there are.
    size : int or None
        Most pairs in a micro-batch; None does not divide a process's part.
    """
    mine = batch[process::processes]
    if not len(mine):
        return [(batch[:1], 0.0)]
    if size is None:
        return [(mine, len(mine) / len(batch))]
    mine = mine[np.argsort(lengths[mine], kind="stable")]
    parts = np.split(mine, range(size, len(mine), size))
    return [(part, len(part) / len(batch)) for part in parts]
