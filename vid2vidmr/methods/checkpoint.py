"""Checkpoint folders, anybody's: what they say is looked at before it is believed."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, Field, NonNegativeInt, ValidationError

from vid2vidmr.errors import DataError, UserError
from vid2vidmr.files import MAX_BYTES, read_json
from vid2vidmr.methods.info import MethodName
from vid2vidmr.records import fault

if TYPE_CHECKING:
    from torch import Tensor, nn

NAME = "method.json"


class Checkpoint(BaseModel):
    """What ``method.json`` holds, see `vid2vidmr.methods.base.Method.save`.

    Attributes
    ----------
    method : str
        Registered name. A file must not choose what is imported: never ``PATH.py:CLASS``.
    """

    method: MethodName
    config: dict[str, Any]
    seed: NonNegativeInt
    provenance: dict[str, Any] = Field(default_factory=dict)
    state: dict[str, Any]


def read_checkpoint(folder: Path) -> Checkpoint:
    """Read what the checkpoint in a folder says.

    Raises
    ------
    DataError
        If there is none.
    """
    path = folder / NAME
    if not path.exists():
        raise DataError(f"{path} does not exist: expected a folder that a training left.")
    try:
        found = Checkpoint.model_validate(read_json(path, MAX_BYTES))
    except ValidationError as error:
        raise DataError(f"{path} does not describe a checkpoint ({fault(error)}).") from None
    if ".py:" in found.method:
        raise DataError(f"{path} names the method {found.method}: expected a registered name.")
    return found


@contextmanager
def restoring(folder: Path, method: str) -> Iterator[None]:
    """Say in one line what is wrong with a checkpoint: bytes of anybody fail in many ways.

    Raises
    ------
    DataError
    """
    try:
        yield
        return
    except UserError:
        raise
    except ValidationError as error:
        reason = fault(error)
    except KeyError as error:
        reason = f"it lacks {error}"
    except Exception as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.ENOENT):
            raise  # of the disk, not of what is on it
        reason = (str(error) or type(error).__name__).partition("\n")[0][:200]
    raise DataError(
        f"{folder} is no whole checkpoint of {method} ({reason}): get it again, or train it again."
    )


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read a file of weights or statistics; they are finite.

    Raises
    ------
    DataError
        If there is a number that is none. Other faults are those of safetensors.
    """
    import torch
    from safetensors.torch import load_file

    tensors: dict[str, Tensor] = load_file(path)
    for name, tensor in tensors.items():
        if not torch.isfinite(tensor).all():
            raise DataError(f"{path}: {name} holds NaN or infinity: train it again.")
    return tensors


def finite(values: Any, shape: tuple[int | None, ...], what: str) -> np.ndarray:
    """Give numbers of a checkpoint as an array; None in `shape` is any length but 0.

    Raises
    ------
    ValueError
        If they have another shape, or are no numbers.
    """
    found = np.asarray(values, np.float64)
    sizes = zip(found.shape, shape, strict=False)
    fits = found.ndim == len(shape) and all(have == (want or have) > 0 for have, want in sizes)
    if not fits or not np.isfinite(found).all():
        raise ValueError(f"its {what} of the shape {found.shape} is not what it must be")
    return found


def differences(weights: Mapping[str, Tensor], model: nn.Module) -> str:
    """Tell what is wrong with the names and shapes of weights, empty if nothing."""
    own = model.state_dict()
    found = []
    for what, names in (("lacks", own.keys() - weights), ("has in excess", weights.keys() - own)):
        if names:
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            found.append(f"it {what} {min(names)}{more}")
    for name in sorted(own.keys() & weights.keys()):
        if own[name].shape != weights[name].shape:
            shapes = tuple(weights[name].shape), tuple(own[name].shape)
            found.append(f"its {name} has the shape {shapes[0]} instead of {shapes[1]}")
            break
    return ", ".join(found)
