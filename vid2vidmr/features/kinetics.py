"""``torchvision:NAME``: video networks of torchvision with weights learned on Kinetics-400.

Such as ``mvit_v2_s`` (768-d), ``swin3d_t`` (768-d), ``r2plus1d_18`` (512-d). A clip has the frames
and the rate at which the weights were scored; what the last linear layer reads is the feature.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vid2vidmr.errors import HubError, UnknownNameError
from vid2vidmr.features.encoder import Encoder, weights_hash
from vid2vidmr.features.readers import Clips

_PREFIX = "torchvision:"


@dataclass(frozen=True)
class OneFrame:
    """A transform of torchvision's videos, of a single frame."""

    transform: Any

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Give (3, height, width) float32."""
        pixels = torch.from_numpy(frame).permute(2, 0, 1)[None]  # (1, 3, H, W)
        prepared: np.ndarray = self.transform(pixels)[:, 0].numpy()
        return prepared


def load_torchvision(name: str, device: torch.device) -> Encoder:
    """Load an encoder, see the module.

    Raises
    ------
    UnknownNameError
        If torchvision has no such video network.
    HubError
        If weights are neither on this machine nor to be had.
    """
    from torchvision.models import get_model, get_model_weights, list_models, video

    model_name = name.removeprefix(_PREFIX)
    known = [n for n in list_models(module=video) if _clip(get_model_weights(n).DEFAULT)[0] <= 32]
    if not name.startswith(_PREFIX) or model_name not in known:
        raise UnknownNameError("video network of torchvision", model_name, known)
    weights = get_model_weights(model_name).DEFAULT
    try:
        model = get_model(model_name, weights=weights)
    except Exception as error:  # clients raise errors of many kinds
        raise HubError(
            f"The weights of {name} are not on this machine and cannot be fetched ({error}): "
            f"connect and run again, or copy {weights.url} to {torch.hub.get_dir()}/checkpoints."
        ) from None
    sha256 = weights_hash(model.state_dict())
    count, rate = _clip(weights)
    model = _without_classifier(model).eval().to(device)
    prepare = OneFrame(weights.transforms())

    def network(clips: Tensor) -> Tensor:  # (B, T, 3, H, W)
        features: Tensor = model(clips.transpose(1, 2))
        return features

    black = torch.from_numpy(prepare(np.zeros((64, 64, 3), np.uint8))).to(device)
    with torch.inference_mode():
        dim = network(black.expand(1, count, *black.shape)).shape[1]
    return Encoder(
        name=name,
        dim=dim,
        weights_sha256=sha256,
        preprocessing=" ".join(f"torchvision: {weights.transforms()}".split()),
        device=device,
        prepare=prepare,
        network=network,
        cpu_batch=1,
        reader=Clips(prepare, None, count, rate),
    )


def _clip(weights: Any) -> tuple[int, float]:
    """Frames, and frames a second, of the clips on which weights were scored."""
    said = weights.meta["_docs"]
    found = {key: re.search(rf"{key}=([\d.]*\d)", said) for key in ("clip_len", "frame_rate")}
    count, rate = (float(match[1]) for match in found.values() if match is not None)
    return int(count), rate


def _without_classifier(model: nn.Module) -> nn.Module:
    name = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)][-1]
    owner, _, own = name.rpartition(".")
    setattr(model.get_submodule(owner), own, nn.Identity())
    return model
