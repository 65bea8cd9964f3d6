"""What a step and an epoch of a training are, in one process or in several."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import convert_to_fp32, gather_object
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from vid2vidmr.data.pairs import PairSet
from vid2vidmr.errors import UserError
from vid2vidmr.progress import Bar
from vid2vidmr.train.augment import TrainingSamples
from vid2vidmr.train.batch import Batch, collate
from vid2vidmr.train.config import TrainingConfig
from vid2vidmr.train.existence import open_losses
from vid2vidmr.train.infer import answers, ious, open_score
from vid2vidmr.train.learner import Learner
from vid2vidmr.train.log import TrainingLog
from vid2vidmr.train.resident import looked_up, only_chosen, resident
from vid2vidmr.train.sampling import epoch_batches, shares
from vid2vidmr.train.state import TrainingState

SAVE_EVERY_S = 60.0
"""The state is kept after every epoch, and within one after so many seconds."""
READ_EVERY = 50
"""Steps after which losses are read: an accelerator need not wait for it at each step."""


class Loop:
    """A training in progress: what a step and an epoch are."""

    def __init__(
        self,
        method: Learner,
        train: PairSet,
        val: PairSet,
        folder: Path,
        accelerator: Accelerator,
        workers: int,
        log: bool,
    ) -> None:
        assert method.model is not None
        config: TrainingConfig = method.config
        self.method, self.config, self.accelerator = method, config, accelerator
        self.model, self.workers = method.model, workers
        self.table: Tensor | None = None
        if accelerator.device.type == "cuda" and only_chosen(config):
            train, self.table = resident(train, accelerator.device) or (train, None)
        self.samples = TrainingSamples(train, config, method.seed, epoch=0)
        self.pairs_per_epoch = min(len(train), config.pairs_per_epoch or len(train))
        self.steps_per_epoch = math.ceil(self.pairs_per_epoch / config.batch_size)
        mine = slice(accelerator.process_index, None, accelerator.num_processes)
        self.vals = {
            pairs.protocol.cut: (len(pairs), pairs.take(np.arange(len(pairs))[mine]))
            for pairs in ([val] if config.existence else [val, val.under("recropped")])
        }
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=accelerator.device.type == "cuda",  # on a CPU it would change the last bits
        )
        steps = config.epochs * self.steps_per_epoch
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, _factor(config, steps))
        self.average = (
            AveragedModel(self.model, multi_avg_fn=get_ema_multi_avg_fn(config.ema))  # type: ignore[no-untyped-call]
            if config.ema
            else None
        )
        claim = {
            "config": asdict(config), "seed": method.seed, "init": method.init_sha256,
            "pairs": (len(train), len(val)),
        }  # fmt: skip
        self.state = TrainingState(
            folder, claim, self.model, self.optimizer, self.schedule, self.average
        )
        accelerator.wait_for_everyone()  # all have read the state before one writes the next
        self.log = (
            TrainingLog(folder / "logs", self.done) if log and accelerator.is_main_process else None
        )
        self.saved_s = time.monotonic()
        self.unread: list[tuple[int, float, dict[str, Tensor]]] = []

    @property
    def done(self) -> int:
        """Steps that are done, of all epochs."""
        return self.state.epoch * self.steps_per_epoch + self.state.step

    def run(self, bar: Bar) -> None:
        """Train to the end and leave the best weights in the model."""
        bar.advance(self.done)
        while self.state.epoch < self.config.epochs and self.state.stale < self.config.patience:
            self.epoch(bar)
            loss = self.state.loss_sum / self.pairs_per_epoch
            score = self.validate()
            self.state.finish_epoch(score, self.chosen)
            if self.accelerator.is_main_process:
                self.save()
            bar.advance(0, f"loss {loss:.3f}, val {self.scored} {100 * score:.1f}")
        self.model.load_state_dict(self.state.best)
        if self.log is not None:
            self.log.close()

    @property
    def scored(self) -> str:
        """Name of the val score."""
        return "score" if self.config.existence else "mIoU"

    @property
    def chosen(self) -> nn.Module:
        """The model whose weights are scored and kept."""
        return self.model if self.average is None else self.average.module

    def epoch(self, bar: Bar) -> None:
        """Train for what is left of an epoch."""
        config, seed, epoch = self.config, self.method.seed, self.state.epoch
        process, processes = self.accelerator.process_index, self.accelerator.num_processes
        lengths = self.samples.durations
        batches = epoch_batches(
            lengths, self.pairs_per_epoch, config.batch_size, seed, epoch, config.buckets
        )
        todo = [
            (len(batch), shares(batch, lengths, process, processes, config.micro_batch))
            for batch in batches[self.state.step :]
        ]
        device = self.accelerator.device
        loader: Iterator[Batch] = iter(
            DataLoader(
                self.samples.of_epoch(epoch),  # type: ignore[arg-type]
                batch_sampler=[rows.tolist() for _, parts in todo for rows, _ in parts],
                collate_fn=collate,
                num_workers=self.workers,
                pin_memory=device.type == "cuda",
            )
        )
        self.model.train()
        for pairs, parts in todo:
            stream = np.random.SeedSequence([seed, epoch, self.state.step, process])
            torch.manual_seed(int(stream.generate_state(1, np.uint64)[0]))
            rate = float(self.schedule.get_last_lr()[0])
            losses = self.optimize((self.here(next(loader)), weight) for _, weight in parts)
            self.unread.append((pairs, rate, losses))
            self.state.step += 1
            if self.accelerator.is_main_process and time.monotonic() - self.saved_s > SAVE_EVERY_S:
                self.save()
            elif len(self.unread) == READ_EVERY:
                self.read()
            bar.advance()
        self.read()

    def here(self, batch: Batch) -> Batch:
        """Bring a batch to the device, or look it up there."""
        batch = batch.to(self.accelerator.device)
        return batch if self.table is None else looked_up(batch, self.table)

    def optimize(self, batches: Iterable[tuple[Batch, float]]) -> dict[str, Tensor]:
        """One step on the sum of weight times loss; losses of the joint batch, and gradient norm.

        Nothing here waits for an accelerator.
        """
        self.optimizer.zero_grad()
        sums: dict[str, Tensor] = {}
        for batch, weight in batches:
            losses = self.losses(batch)
            (weight * losses["loss"]).backward()  # type: ignore[no-untyped-call]
            for name, value in losses.items():
                part = weight * value.detach()
                sums[name] = sums[name] + part if name in sums else part
        if self.accelerator.num_processes > 1:
            self.add_up(sums)
        sums["gradient_norm"] = nn.utils.clip_grad_norm_(
            self.model.parameters(), self.config.clip_norm
        )
        self.optimizer.step()
        self.schedule.step()
        if self.average is not None:
            self.average.update_parameters(self.model)
        return sums

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """Scalar losses, ``"loss"`` the total."""
        if self.config.existence:
            weight = self.config.weight_existence
            return open_losses(self.outputs, self.method.losses, batch, weight)
        return self.method.losses(self.outputs(batch), batch)

    def outputs(self, batch: Batch) -> dict[str, Tensor]:
        """Give the outputs of the model, float32."""
        bf16 = self.config.precision == "bf16"
        with torch.autocast(batch.target.device.type, torch.bfloat16, enabled=bf16):
            outputs = self.model(batch)
        found: dict[str, Tensor] = convert_to_fp32(outputs)
        return found

    def add_up(self, losses: dict[str, Tensor]) -> None:
        """Replace losses and gradients by their sums over all processes.

        DistributedDataParallel would do so layer by layer, but refuses models with outputs that no
        loss uses; in a batch of many micro-batches there is little to gain from it.
        """
        parts = [p.grad for p in self.model.parameters() if p.grad is not None]
        parts += [losses[name] for name in sorted(losses)]
        flat = self.accelerator.reduce(torch.cat([part.flatten() for part in parts]), "sum")
        for part, total in zip(parts, flat.split([p.numel() for p in parts]), strict=True):
            part.copy_(total.view_as(part))

    def read(self) -> None:
        """Read the losses of the last steps, all at once; refuse what is not finite."""
        if not self.unread:
            return
        names = list(self.unread[0][2])
        rows = torch.stack([torch.stack([x[n] for n in names]) for _, _, x in self.unread]).tolist()
        first = self.done - len(rows) + 1
        for i, ((pairs, rate, _), row) in enumerate(zip(self.unread, rows, strict=True)):
            losses = dict(zip(names, row, strict=True))
            self.state.loss_sum += losses["loss"] * pairs
            if self.log is not None:
                self.log.write("train", losses | {"learning_rate": rate}, first + i)
        self.unread.clear()
        if not math.isfinite(self.state.loss_sum):
            raise UserError(
                f"{self.method.info.name}, seed {self.method.seed}: the loss is not finite in "
                f"epoch {self.state.epoch + 1}; lower the learning rate."
            )

    def validate(self) -> float:
        """Val mIoU, mean over the protocols, or `open_score`; each process scores its share."""
        scores = {}
        for protocol, (count, pairs) in self.vals.items():
            if self.config.existence:
                found = answers(self.method, self.chosen, pairs)
                present = ~np.isnan(pairs.truth[:, 0, 0])
                rows = np.array(gather_object(np.column_stack([found, present]).tolist()))
                scores[f"score_{protocol}"] = open_score(rows[:, :2], rows[:, 2] > 0)
                continue
            sums = gather_object([float(ious(self.method, self.chosen, pairs).sum())])
            scores[f"mIoU_{protocol}"] = sum(sums) / count
        if self.log is not None:
            self.log.write("val", {name: 100 * x for name, x in scores.items()}, self.done)
        return float(np.mean(list(scores.values())))

    def save(self) -> None:
        """Keep the state, with curves that reach as far."""
        self.read()
        if self.log is not None:
            self.log.flush()
        self.state.save()
        self.saved_s = time.monotonic()


def _factor(config: TrainingConfig, steps: int) -> Callable[[int], float]:
    def factor(step: int) -> float:
        if config.schedule == "constant":
            return 1.0
        if config.schedule == "step":
            epoch_steps = max(1, steps // max(1, config.epochs))
            warmed = (step + 1) / max(1, config.warm_up_epochs * epoch_steps)
            return min(1.0, warmed) * 0.1 ** (step // (config.decay_epochs * epoch_steps))
        warm = max(1, steps // 20)
        if step < warm:
            return (step + 1) / warm
        return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))

    return factor
