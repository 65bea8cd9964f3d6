"""Windows of a network for pairs, in batches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from vid2vidmr.data.pairs import PairSet
from vid2vidmr.errors import UserError
from vid2vidmr.train.batch import Batch, PairSamples, collate
from vid2vidmr.train.learner import Learner
from vid2vidmr.windows import temporal_iou


def predict(method: Learner, pairs: PairSet, batch_size: int = 64) -> Iterator[np.ndarray]:
    """Yield the ranked windows of every pair in order, each (k, 3)."""
    if method.model is None:
        raise UserError(f"{method.info.name} has no weights: train it or load a checkpoint first.")
    yield from _windows(method, method.model, method.accepted(pairs), batch_size)


@torch.inference_mode()
def _windows(
    method: Learner, model: nn.Module, pairs: PairSet, batch_size: int
) -> Iterator[np.ndarray]:
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
            yield from method.windows(*running.pop(0))
    for outputs, batch in running:
        yield from method.windows(outputs, batch)


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
    best = [windows[0, :2] for windows in _windows(method, model, pairs, batch_size)]
    truth = pairs.table[["start_s", "end_s"]].to_numpy("float64")
    found: np.ndarray = temporal_iou(np.array(best).reshape(-1, 2), truth)
    return found
