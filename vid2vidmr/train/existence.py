"""Losses of targets that hold the moment no times, once or several times."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from vid2vidmr.train.batch import Batch
from vid2vidmr.train.learner import EXISTENCE

Outputs = dict[str, Tensor]


def open_losses(
    forward: Callable[[Batch], Outputs],
    losses: Callable[[Outputs, Batch], dict[str, Tensor]],
    batch: Batch,
    weight: float,
) -> dict[str, Tensor]:
    """Losses of localisation on the targets that hold the moment, and of existence on all.

    Both kinds go through the network apart, so that no loss of a method has to know of the others.

    Parameters
    ----------
    forward, losses
        Outputs of a batch, and a method's losses of them.
    weight : float
        Of the existence loss.

    Returns
    -------
    dict of scalar Tensor
        ``loss_localisation`` (0 where no target holds its moment), ``loss_existence`` and ``loss``.
    """
    located, logits, truth = batch.durations_s.new_zeros(()), [], []
    for present in (True, False):
        rows = batch.present if present else ~batch.present
        if not rows.any():
            continue
        part = batch.take(rows)
        outputs = forward(part)
        logits.append(outputs[EXISTENCE])
        truth.append(torch.full_like(logits[-1], float(present)))
        if present:
            located = losses(outputs, part)["loss"]
    existence = F.binary_cross_entropy_with_logits(torch.cat(logits), torch.cat(truth))
    return {
        "loss_localisation": located,
        "loss_existence": existence,
        "loss": located + weight * existence,
    }
