"""One training loop for all neural methods, in one process or in several."""

from __future__ import annotations

from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list

from vid2vidmr.data.pairs import PairSet
from vid2vidmr.devices import pick_device
from vid2vidmr.errors import UserError
from vid2vidmr.progress import progress
from vid2vidmr.train.config import TrainingConfig
from vid2vidmr.train.learner import Learner
from vid2vidmr.train.loop import Loop
from vid2vidmr.train.projection import principal_components


def fit(
    method: Learner,
    train: PairSet,
    val: PairSet,
    folder: Path,
    *,
    init: Path | None = None,
    workers: int = 0,
    log: bool = False,
) -> None:
    """Train `method` and leave its best checkpoint by val in `folder`.

    Val mIoU is the mean over the official and the recropped protocol; a method with ``existence``
    learns from open pairs, and its score is `vid2vidmr.train.infer.open_score`. All random draws
    depend on the seed and the position (epoch, step, process), and the state is kept: a run that
    was killed and continued ends with the weights of one that was not, on a CPU to the last bit as
    long as the number of threads and of processes is the same.

    Started in several processes (``torchrun``, ``accelerate launch``), each takes its share of
    every batch; `folder` must be one that all of them see. The gradient is that of the whole batch
    where losses are means over pairs; a method whose losses normalise or compare across the batch
    does so within each share, and within each micro-batch.

    Parameters are those of `vid2vidmr.methods.base.Method.fit`; the numbers do not depend on
    `workers`, and an `init` gives its projection too.

    Raises
    ------
    UserError
        If the loss is not finite, `init` has another config or is missing, `folder` holds the state
        of another training, or existence is to be learned from pairs that are not open.
    """
    config: TrainingConfig = method.config
    # The config says what is computed in bfloat16, not the launcher.
    accelerator = Accelerator(cpu=pick_device().type == "cpu", mixed_precision="no")
    train, val = _prepared(method, train, val, init, accelerator)
    loop = Loop(method, train, val, folder, accelerator, workers, log)
    title = f"train {method.info.name}, seed {method.seed}"
    with progress(title, config.epochs * loop.steps_per_epoch) as bar:
        loop.run(bar)
    if accelerator.is_main_process:
        method.provenance["pairs_seen"] = loop.state.epoch * loop.pairs_per_epoch
        if loop.state.epoch:  # zero-shot has none
            method.provenance[f"val_{loop.scored}"] = 100 * loop.state.best_score
        method.save(folder)
        loop.state.path.unlink(missing_ok=True)
    accelerator.wait_for_everyone()  # the others may read the checkpoint now


def _prepared(
    method: Learner, train: PairSet, val: PairSet, init: Path | None, accelerator: Accelerator
) -> tuple[PairSet, PairSet]:
    """Build the model, the same in all processes; give the pairs as it sees them."""
    config: TrainingConfig = method.config
    if config.existence and not (train.protocol.is_open and val.protocol.is_open):
        raise UserError(
            "Existence is learned from open pairs, these are "
            f"{train.protocol}: pass pairs.under('open')."
        )
    torch.manual_seed(method.seed)
    assert train.features is not None
    if init is None:
        method.require_init()
        projection = None
        if config.components:
            if accelerator.is_main_process:
                projection = principal_components(train, config.components)[:2]
            [projection] = broadcast_object_list([projection])
        method.prepare(train.features.contract, projection)
    else:
        method.start_from(init)
    assert method.model is not None
    method.model.to(accelerator.device)
    contract = train.features.contract
    train, val = method.accepted(train), method.accepted(val)
    method.encoder_contract = contract  # that of an imported `init` leaves most of it open
    captions = train.captions if train.query == "text" else None
    method.caption_contract = None if captions is None else captions.contract
    return train, val
