"""Curves of a training for TensorBoard."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vid2vidmr.errors import UserError


class TrainingLog:
    """Writes curves into a folder; a run that continues replaces what came after its state.

    Parameters
    ----------
    done : int
        Steps that are done: what an earlier, killed process wrote of later ones is dropped by
        TensorBoard.

    Raises
    ------
    UserError
        If tensorboard is not installed.
    """

    def __init__(self, folder: Path, done: int) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise UserError(
                'Logs need tensorboard: run `pip install "vid2vidmr[logs]"` or leave --log away.'
            ) from None
        self._writer = SummaryWriter(str(folder), purge_step=done + 1)

    def write(self, group: str, values: Mapping[str, float], step: int) -> None:
        """Add a point to the curve ``group/name`` of every value."""
        for name, value in values.items():
            self._writer.add_scalar(f"{group}/{name}", value, step)

    def flush(self) -> None:
        """Leave what was written on disk; before the state is saved, so that no point is lost."""
        self._writer.flush()

    def close(self) -> None:
        """Write the rest."""
        self._writer.close()
