"""What must survive a kill: the state of a training that has not ended, in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from vid2vidmr.errors import UserError
from vid2vidmr.files import replacing

RUNNING = "training.pt"
"""State of a run that has not ended: what a killed run continues from."""


class TrainingState:
    """Weights, optimizer, schedule, position, and the best weights so far.

    There is no state of a random generator: every draw has a seed made from the position.

    Parameters
    ----------
    folder : Path
        Where the state is kept; an earlier state there is taken over.
    claim : dict
        What decides the run; a state of another run is refused.
    average : AveragedModel or None
        Moving average of the weights.

    Attributes
    ----------
    epoch, step : int
        Complete epochs, and steps in the epoch that has not ended.
    loss_sum : float
        Sum of the losses of the pairs of these steps.
    stale, best_score, best
        Epochs since the best val score, this score, and the weights that had it.

    Raises
    ------
    UserError
        If the folder holds the state of another run.
    """

    def __init__(
        self,
        folder: Path,
        claim: dict[str, Any],
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
        average: AveragedModel | None,
    ) -> None:
        self.path, self.claim = folder / RUNNING, claim
        self._parts: dict[str, Any] = {"model": model, "optimizer": optimizer, "schedule": schedule}
        if average is not None:
            self._parts["average"] = average
        self.epoch, self.step, self.loss_sum = 0, 0, 0.0
        self.stale, self.best_score, self.best = 0, -1.0, copied(model)
        if self.path.exists():
            saved = torch.load(self.path, map_location="cpu", weights_only=True)
            if saved.get("claim") != claim:
                raise UserError(
                    f"{self.path} is the state of a training with another config, seed or data: "
                    "choose another folder, or delete the file to start again."
                )
            self.epoch, self.step, self.loss_sum = saved["position"]
            self.stale, self.best_score, self.best = saved["best"]
            for name, part in self._parts.items():
                part.load_state_dict(saved[name])

    def save(self) -> None:
        """Write the state; a kill leaves this one or the one before."""
        state = {
            "claim": self.claim,
            "position": (self.epoch, self.step, self.loss_sum),
            "best": (self.stale, self.best_score, self.best),
            **{name: part.state_dict() for name, part in self._parts.items()},
        }
        with replacing(self.path) as temporary:
            torch.save(state, temporary)

    def finish_epoch(self, score: float, model: nn.Module) -> None:
        """Count an epoch, and keep the weights of `model` if its score is the best so far."""
        self.epoch, self.step, self.loss_sum = self.epoch + 1, 0, 0.0
        self.stale = 0 if score > self.best_score else self.stale + 1
        if self.stale == 0:
            self.best_score, self.best = score, copied(model)


def copied(model: nn.Module) -> dict[str, torch.Tensor]:
    """Copy of the weights, in main memory."""
    return {key: value.detach().cpu().clone() for key, value in model.state_dict().items()}
