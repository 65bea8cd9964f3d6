"""Weights of published checkpoints, read without running what a pickle may hold."""

from __future__ import annotations

import argparse
import pickle
from pathlib import Path

import torch
from torch import Tensor

from vid2vidmr.errors import DataError


def published_weights(path: Path) -> dict[str, Tensor]:
    """Read the state dict of a checkpoint {model, optimizer, lr_scheduler, epoch, opt}.

    Only tensors, plain containers and `argparse.Namespace` (the options) are unpickled; a
    ``module.`` prefix of parallel training is taken off the keys.

    Raises
    ------
    DataError
        If the file is missing, is no such checkpoint, or holds other objects.
    """
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        model = checkpoint["model"]
    except FileNotFoundError:
        raise DataError(f"{path} does not exist: expected a published checkpoint.") from None
    except (pickle.UnpicklingError, EOFError, RuntimeError, KeyError, TypeError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise DataError(
            f"{path} is no checkpoint with a 'model' of tensors ({reason}): expected what the "
            "published training code saves."
        ) from None
    return {key.removeprefix("module."): value for key, value in model.items()}
