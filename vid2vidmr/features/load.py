"""Encoders by name."""

from __future__ import annotations

from inspect import isfunction

import torch

from vid2vidmr.devices import pick_device
from vid2vidmr.features.clip import open_clip_model, open_clip_name
from vid2vidmr.features.efficientnet import _efficientnet_lite0
from vid2vidmr.features.encoder import SUFFIX, Encoder, weights_hash
from vid2vidmr.features.fast import fast_encoder
from vid2vidmr.features.preprocessing import Transform


def load_encoder(name: str, device: str | torch.device | None = None) -> Encoder:
    """Load an encoder by name.

    Parameters
    ----------
    name : str
        One of `ENCODERS`.
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
    if name == "efficientnet-lite0":
        return _efficientnet_lite0(pick_device(device))
    return _open_clip(name, *open_clip_name(name), pick_device(device))


def _open_clip(name: str, model_name: str, pretrained: str, device: torch.device) -> Encoder:
    model, transform = open_clip_model(name, model_name, pretrained, device)
    sha256 = weights_hash(model.visual.state_dict())
    if name.endswith(SUFFIX):
        return fast_encoder(name, model, transform, sha256)
    # The one plain function among the steps (to RGB) does nothing here and prints as an address.
    steps = ", ".join(str(step) for step in transform.transforms if not isfunction(step))
    size = model.visual.image_size
    width, height = (size, size) if isinstance(size, int) else (size[1], size[0])
    with torch.inference_mode():
        dim = model.encode_image(torch.zeros(1, 3, height, width, device=device)).shape[1]

    return Encoder(
        name=name,
        dim=dim,
        weights_sha256=sha256,
        preprocessing=f"open_clip: {steps}",
        device=device,
        prepare=Transform(transform),
        network=model.encode_image,
    )


DEFAULT_ENCODER = "clip-vit-b32"
