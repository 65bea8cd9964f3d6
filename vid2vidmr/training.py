"""One training loop for all neural methods, and prediction in batches."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from accelerate import Accelerator
from torch.utils.data import DataLoader

from vid2vidmr.batch import Batch, PairSamples, TrainingSamples, collate
from vid2vidmr.errors import UserError
from vid2vidmr.evaluation.metrics import temporal_iou
from vid2vidmr.files import replacing
from vid2vidmr.pairs import PairSet
from vid2vidmr.progress import progress

if TYPE_CHECKING:
    from vid2vidmr.neural import NeuralMethod, TrainingConfig

RUNNING = "training.pt"
"""State of a run that has not ended: what a killed run continues from."""


def fit(
    method: NeuralMethod, train: PairSet, val: PairSet, folder: Path, init: Path | None = None
) -> None:
    """Train `method` and leave its best checkpoint by val mIoU in `folder`.

    Val mIoU is the mean over the official and the recropped protocol. The state is kept after every
    epoch; all random draws depend on (seed, epoch), so that a run that was killed and continued
    ends with the weights of one that was not.

    Parameters
    ----------
    method : NeuralMethod
    train, val : PairSet
        With features of the same contract.
    folder : Path
    init : Path, optional
        Checkpoint folder whose weights and projection training starts from, such as
        `vid2vidmr.pretraining.pretrain` leaves.

    Raises
    ------
    UserError
        If the loss is not finite, or `init` has another config.
    """
    config: TrainingConfig = method.config
    accelerator = Accelerator()
    torch.manual_seed(method.seed)
    assert train.features is not None
    if init is None:
        projection = principal_components(train, config.components) if config.components else None
        method.prepare(train.features.contract, projection)
    else:
        method.start_from(init)
    assert method.model is not None
    contract = train.features.contract
    train, val = method.accepted(train), method.accepted(val)
    method.encoder_contract = contract  # that of an imported `init` leaves most of it open
    vals = [val, val.recropped()]
    optimizer = torch.optim.AdamW(
        method.model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    per_epoch = min(len(train), config.pairs_per_epoch or len(train))
    steps = config.epochs * math.ceil(per_epoch / config.batch_size)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, _factor(config, steps))
    model, optimizer = accelerator.prepare(method.model, optimizer)
    state = _Run(folder, method, optimizer, schedule)
    with progress(f"train {method.info.name}, seed {method.seed}", config.epochs) as bar:
        bar.advance(state.epoch)
        while state.epoch < config.epochs and state.stale < config.patience:
            torch.manual_seed(1_000_003 * (method.seed + 1) + state.epoch)
            order = np.random.default_rng([method.seed, state.epoch]).permutation(len(train))
            loader: Iterable[Batch] = DataLoader(
                TrainingSamples(train, config, method.seed, state.epoch),  # type: ignore[arg-type]
                batch_size=config.batch_size,
                sampler=order[:per_epoch].tolist(),
                collate_fn=collate,
            )
            model.train()
            total = 0.0
            for batch in loader:
                moved = batch.to(accelerator.device)
                loss = method.losses(model(moved), moved)["loss"]
                optimizer.zero_grad()
                accelerator.backward(loss)
                accelerator.clip_grad_norm_(model.parameters(), config.clip_norm)
                optimizer.step()
                schedule.step()
                total += loss.item() * len(batch)
            if not math.isfinite(total):
                raise UserError(
                    f"{method.info.name}, seed {method.seed}: the loss is not finite in epoch "
                    f"{state.epoch + 1}; lower the learning rate."
                )
            score = float(np.mean([mean_iou(method, pairs) for pairs in vals]))
            state.finish_epoch(score, total / per_epoch)
            bar.advance(1, f"loss {total / per_epoch:.3f}, val mIoU {100 * score:.1f}")
    state.take_best()
    # In this order a kill in between costs a repetition, and never leaves a file too many.
    state.path.unlink(missing_ok=True)
    method.save(folder)


class _Run:
    """What must survive a kill: weights, optimizer, schedule, the best weights so far."""

    def __init__(self, folder: Path, method: NeuralMethod, optimizer: Any, schedule: Any) -> None:
        assert method.model is not None
        self.path, self.model = folder / RUNNING, method.model
        self.optimizer, self.schedule = optimizer, schedule
        self.epoch, self.stale, self.best_score = 0, 0, -1.0
        self.best = _copied(self.model)
        if self.path.exists():
            saved = torch.load(self.path, map_location="cpu", weights_only=True)
            self.epoch, self.stale, self.best_score = saved["progress"]
            self.best = saved["best"]
            self.model.load_state_dict(saved["model"])
            optimizer.load_state_dict(saved["optimizer"])
            schedule.load_state_dict(saved["schedule"])

    def finish_epoch(self, score: float, loss: float) -> None:
        self.epoch += 1
        self.stale = 0 if score > self.best_score else self.stale + 1
        if self.stale == 0:
            self.best_score, self.best = score, _copied(self.model)
        state = {
            "progress": (self.epoch, self.stale, self.best_score),
            "best": self.best,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(),
        }
        with replacing(self.path) as temporary:
            torch.save(state, temporary)

    def take_best(self) -> None:
        self.model.load_state_dict(self.best)


def _copied(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {key: value.detach().cpu().clone() for key, value in model.state_dict().items()}


def _factor(config: TrainingConfig, steps: int) -> Any:
    def factor(step: int) -> float:
        if config.schedule == "constant":
            return 1.0
        warm = max(1, steps // 20)
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))

    return factor


def principal_components(train: PairSet, components: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean (dim,) and first principal directions (dim, components) of the targets' features.

    Each target counts once, however many pairs share it.
    """
    assert train.features is not None
    dim = train.features.contract.dim
    total, squares, count = np.zeros(dim), np.zeros((dim, dim)), 0
    for i in train.table.drop_duplicates(["target_video", "clip_start_s", "clip_end_s"]).index:
        rows = train.target_features(int(i)).astype(np.float64)
        total += rows.sum(0)
        squares += rows.T @ rows
        count += len(rows)
    mean = total / count
    _, directions = np.linalg.eigh(squares / count - np.outer(mean, mean))
    basis = directions[:, ::-1][:, :components]
    return mean.astype(np.float32), np.ascontiguousarray(basis, np.float32)


def predict(method: NeuralMethod, pairs: PairSet, batch_size: int = 64) -> Iterator[np.ndarray]:
    """Yield the ranked windows of every pair in order, each (k, 3)."""
    if method.model is None:
        raise UserError(f"{method.info.name} has no weights: train it or load a checkpoint first.")
    yield from _windows(method, method.accepted(pairs), batch_size)


@torch.inference_mode()
def _windows(method: NeuralMethod, pairs: PairSet, batch_size: int) -> Iterator[np.ndarray]:
    model = method.model
    assert model is not None
    device = next(model.parameters()).device
    model.eval()
    samples = PairSamples(pairs)
    for first in range(0, len(samples), batch_size):
        chunk = range(first, min(first + batch_size, len(samples)))
        batch: Batch = collate([samples[i] for i in chunk]).to(device)
        yield from method.decode(model(batch), batch)


def mean_iou(method: NeuralMethod, pairs: PairSet, batch_size: int = 64) -> float:
    """Mean IoU of the best window over pairs whose features are as the model expects them."""
    best = np.array([windows[0, :2] for windows in _windows(method, pairs, batch_size)])
    return float(temporal_iou(best, pairs.table[["start_s", "end_s"]].to_numpy("float64")).mean())
