"""Encoders of open_clip at a fraction of the cost: ``NAME+fast``, such as ``clip-vit-b32+fast``.

Frames are scaled as bytes by torch (bicubic, antialiased) instead of by PIL, pixels are normalised
in the network's batch, and weights are bfloat16. Features are not those of ``NAME``: they have a
name and a store of their own, and `fidelity` measures how far they are from it.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vid2vidmr.errors import UserError
from vid2vidmr.features.encoder import Encoder
from vid2vidmr.features.preprocessing import Middle
from vid2vidmr.records import Record
from vid2vidmr.video.sample import sample_frames

SUFFIX = "+fast"
FRAMES = 32
"""Frames on which `fidelity` compares."""


def fast_encoder(name: str, model: Any, transform: Any, sha256: str) -> Encoder:
    """Give the fast form of a model of open_clip.

    Parameters
    ----------
    name : str
        Of the encoder, with `SUFFIX`.
    model, transform
        What `vid2vidmr.features.clip.open_clip_model` gives; the model is changed.
    sha256 : str
        Hash of the weights as they were loaded.

    Raises
    ------
    UserError
        If the model's frames are not the middle of a frame scaled by its shorter side.
    """
    steps = {type(step).__name__: step for step in transform.transforms}
    if not {"Resize", "CenterCrop", "Normalize"} <= steps.keys():
        raise UserError(
            f"{name}: this model does not cut the middle out of its frames, its transform is "
            f"{list(steps)}: use {name.removesuffix(SUFFIX)}."
        )
    edge = max(steps["CenterCrop"].size)
    device = next(model.parameters()).device
    mean, std = (
        torch.tensor(values, device=device).view(3, 1, 1)
        for values in (steps["Normalize"].mean, steps["Normalize"].std)
    )
    model = model.to(torch.bfloat16)

    def network(frames: Tensor) -> Tensor:  # (B, edge, edge, 3) uint8
        x = (frames.permute(0, 3, 1, 2).float() / 255 - mean) / std
        encoded: Tensor = model.encode_image(x.bfloat16())
        return encoded

    with torch.inference_mode():
        dim = network(torch.zeros(1, edge, edge, 3, dtype=torch.uint8, device=device)).shape[1]
    return Encoder(
        name=name,
        dim=dim,
        weights_sha256=sha256,
        preprocessing=f"shorter side to {edge} by torch (bytes, bicubic, antialiased), middle, "
        "normalised; weights bfloat16",
        device=device,
        prepare=Middle(edge),
        network=network,
        reference=name.removesuffix(SUFFIX),
    )


class Fidelity(Record):
    """Cosines between the features of one video by a fast form and by `reference`."""

    reference: str
    frames: int
    cosine_mean: float
    cosine_min: float


def fidelity(encoder: Encoder, reference: Encoder, path: Path) -> Fidelity:
    """Compare the features of a video with those that `encoder` is the fast form of."""
    features = [
        one.encode(
            [frame for _, frame in islice(sample_frames(path, one.step_s, size=one.size), FRAMES)]
        )
        for one in (encoder, reference)
    ]
    units = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in features]
    cosines = (units[0] * units[1]).sum(1)
    return Fidelity(
        reference=reference.name,
        frames=len(cosines),
        cosine_mean=round(float(cosines.mean()), 5),
        cosine_min=round(float(cosines.min()), 5),
    )
