"""What a network answers for pairs, in batches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from vid2vidmr.data.pairs import PairSet
from vid2vidmr.errors import UserError
from vid2vidmr.train.batch import Batch, PairSamples, collate
from vid2vidmr.train.learner import EXISTENCE, Learner
from vid2vidmr.windows import temporal_iou

Answer = tuple[np.ndarray, float | None]
"""Ranked windows (k, 3), and the logit that the target holds the moment, if the network says so."""


def predict(method: Learner, pairs: PairSet, batch_size: int = 64) -> Iterator[Answer]:
    """Yield the answer to every pair, in order."""
    if method.model is None:
        raise UserError(f"{method.info.name} has no weights: train it or load a checkpoint first.")
    yield from _answers(method, method.model, method.accepted(pairs), batch_size)


@torch.inference_mode()
def _answers(
    method: Learner, model: nn.Module, pairs: PairSet, batch_size: int
) -> Iterator[Answer]:
    device = next(model.parameters()).device
    model.eval()
    samples = PairSamples(pairs)
    running: list[tuple[dict[str, Tensor], Batch]] = []
    for first in range(0, len(samples), batch_size):
        chunk = range(first, min(first + batch_size, len(samples)))
        batch = collate([samples[i] for i in chunk])
        if device.type == "cuda":
            batch = batch.pin_memory()
        batch = batch.to(device)
        # While an accelerator is at one batch, the windows of the last are ranked here.
        running.append((model(batch), batch))
        if len(running) == 2:
            yield from _read(method, *running.pop(0))
    for outputs, batch in running:
        yield from _read(method, outputs, batch)


def _read(method: Learner, outputs: dict[str, Tensor], batch: Batch) -> Iterator[Answer]:
    logits = outputs[EXISTENCE][:, 0].tolist() if EXISTENCE in outputs else [None] * len(batch)
    yield from zip(method.windows(outputs, batch), logits, strict=True)


def ious(method: Learner, model: nn.Module, pairs: PairSet, batch_size: int = 64) -> np.ndarray:
    """IoU of the best window of every pair, (pairs,).

    Parameters
    ----------
    method : Learner
        Decodes the outputs.
    model : nn.Module
        The method's own, or one with other weights.
    pairs : PairSet
        With features as the model expects them.
    """
    return answers(method, model, pairs, batch_size)[:, 0]


def answers(method: Learner, model: nn.Module, pairs: PairSet, batch_size: int = 64) -> np.ndarray:
    """Give IoU of the best window, and the logit of existence (NaN without), (pairs, 2).

    Parameters as of `ious`.
    """
    best, logits = zip(*_answers(method, model, pairs, batch_size), strict=True)
    first = np.array([windows[0, :2] for windows in best])
    overlap = temporal_iou(first[:, None], pairs.truth).max(axis=1)
    return np.column_stack([overlap, np.array(logits, dtype=float)])


def open_score(found: np.ndarray, present: np.ndarray) -> float:
    """Mean of mIoU, over the targets that hold the moment, and AUROC of existence, in [0, 1].

    Parameters
    ----------
    found : ndarray, (pairs, 2)
        See `answers`.
    present : ndarray of bool, (pairs,)

    Raises
    ------
    UserError
        If all targets hold the moment, or none does.
    """
    from sklearn.metrics import roc_auc_score

    if present.all() or not present.any():
        raise UserError(
            "Existence is learned by val targets with and without their moment: these are all of "
            "one kind."
        )
    return float((found[present, 0].mean() + roc_auc_score(present, found[:, 1])) / 2)
