"""Where networks run."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from vid2vidmr.errors import UserError

CHOSEN = "VID2VIDMR_DEVICE"
"""Variable of the environment with the device to take where none is named."""


def pick_device(device: str | torch.device | None = None) -> torch.device:
    """Give the named device; by default CUDA if there is any, else Apple's MPS, else the CPU.

    Raises
    ------
    UserError
        If there is no such device.
    """
    device = device or os.environ.get(CHOSEN)
    has_mps = torch.backends.mps.is_available()
    if device is None:
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if has_mps else "cpu")
    try:
        found = torch.device(device)
    except RuntimeError:
        raise UserError(f"Unknown device {str(device)!r}: expected cpu, cuda or mps.") from None
    numbers = {"cuda": torch.cuda.device_count(), "mps": int(has_mps)}
    if (found.index or 0) >= numbers.get(found.type, 1):
        raise UserError(f"There is no device {found} here: leave it out to take the best one.")
    return found


@contextmanager
def computing_on(device: str) -> Iterator[None]:
    """Take a device wherever none is named, also in processes that are started.

    Raises
    ------
    UserError
        If there is no such device.
    """
    found, before = pick_device(device), os.environ.get(CHOSEN)
    if found.type == "cuda" and found.index is not None:
        torch.cuda.set_device(found)  # libraries that are told no more than "cuda" take it
    os.environ[CHOSEN] = device
    try:
        yield
    finally:
        os.environ.pop(CHOSEN)
        if before is not None:
            os.environ[CHOSEN] = before


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in this thread only.

    What is small gains nothing from a second one, and where other processes keep the cores busy the
    threads of a computation wait for each other: many times the time of one.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
