"""Encoders by name: each is a loader that is registered as an entry point.

A loader takes the name and a device and gives an `Encoder` (or a `VideolessEncoder`). It is
registered in the group ``vid2vidmr.encoders`` under its name, or under what stands before the colon
of its names (``open_clip:MODEL/PRETRAINED``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from vid2vidmr.contract import encoder_and_step
from vid2vidmr.devices import pick_device
from vid2vidmr.errors import UnknownNameError, UserError
from vid2vidmr.features.encoder import Encoder, Joined, VideoEncoder, VideolessEncoder
from vid2vidmr.features.names import joined_names
from vid2vidmr.features.readers import Stills
from vid2vidmr.registry import registered, registered_names

Loader = Callable[[str, torch.device], Encoder | VideolessEncoder]


def encoder_loader(name: str) -> Loader:
    """Find the loader of an encoder.

    Raises
    ------
    UnknownNameError
        With the nearest registered name.
    """
    loader: Loader = registered("encoder", name.partition(":")[0])
    return loader


def find_encoder(
    name: str, device: str | torch.device | None = None
) -> VideoEncoder | VideolessEncoder:
    """Load an encoder by name, also one that looks at no video.

    Parameters
    ----------
    name : str
        With the step behind it, where that is not 2 s: ``clip-vit-b32@0.5``. ``A+B`` joins two.
    device : str or torch.device, optional
        See `pick_device`.

    Raises
    ------
    UnknownNameError
        If there is no such encoder, model or set of weights.
    HubError
        If weights are neither on this machine nor to be had.
    UserError
        If the package of an encoder is not installed.
    """
    name, step_s = encoder_and_step(name)
    names = joined_names(name)
    if len(names) > 1:
        return Joined(tuple(map(partial(_of_frames, device=device), names)), step_s)
    found: Any = encoder_loader(name)(name, pick_device(device))
    if found.name != name:  # a loader that does not look at what stands behind the colon
        raise UnknownNameError("encoder", name, registered_names("encoder"))
    at_step: Encoder | VideolessEncoder = replace(found, step_s=step_s)
    return at_step


def _of_frames(name: str, device: str | torch.device | None) -> Encoder:
    found = find_encoder(name, device)
    if not isinstance(found, Encoder):
        raise UserError(f"{name} looks at no video: choose an encoder of frames.")
    return found


def load_stills(name: str, device: str | torch.device | None = None) -> Encoder:
    """Load an encoder that is given single frames, see `find_encoder`."""
    found = find_encoder(name, device)
    if not isinstance(found, Encoder) or not isinstance(found.reads, Stills):
        raise UserError(f"{name} takes no single frames: choose an encoder of pictures.")
    return found


def load_encoder(name: str, device: str | torch.device | None = None) -> VideoEncoder:
    """Load an encoder of frames by name, see `find_encoder`."""
    found = find_encoder(name, device)
    if found.needs_video is False:
        raise UserError(f"{name} looks at no video: choose an encoder of frames.")
    return found
