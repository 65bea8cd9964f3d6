"""``timm:NAME``: any image model of timm that has weights, such as DINOv3, SigLIP 2 or PE-Core.

NAME is a model with its tag (``vit_small_patch16_dinov3.lvd1689m``), a repository of the Hub that
timm reads (``user/name``), or a folder of such files. The feature is what a classifier would read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from vid2vidmr.errors import HubError, UnknownNameError
from vid2vidmr.features.encoder import Encoder, weights_hash
from vid2vidmr.features.preprocessing import Transform
from vid2vidmr.repositories import fetch_repository, is_repository

_PREFIX = "timm:"
_FILES = ["config.json", "model.safetensors"]


def load_timm(name: str, device: torch.device) -> Encoder:
    """Load an encoder, see the module.

    Raises
    ------
    UnknownNameError
        If timm has no such model with weights.
    HubError
        If weights are neither on this machine nor to be had.
    """
    import timm
    import timm.data

    tools: Any = timm.data
    folder = _folder(name.removeprefix(_PREFIX))
    try:
        model = timm.create_model(f"local-dir:{folder}", pretrained=True, num_classes=0)
    except Exception as error:  # files of anybody fail in many ways
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise HubError(f"{folder} is no model that timm reads ({reason}): get it again.") from None
    sha256 = weights_hash(model.state_dict())
    model = model.eval().to(device)
    data: dict[str, Any] = tools.resolve_model_data_config(model)

    def network(frames: Tensor) -> Tensor:  # (B, 3, H, W)
        features: Tensor = model(frames)
        return features

    with torch.inference_mode():
        dim = network(torch.zeros(1, *data["input_size"], device=device)).shape[1]
    return Encoder(
        name=name,
        dim=dim,
        weights_sha256=sha256,
        preprocessing="timm: " + ", ".join(f"{k} {data[k]}" for k in sorted(data)),
        device=device,
        prepare=Transform(tools.create_transform(**data, is_training=False)),
        network=network,
    )


def _folder(name: str) -> Path:
    import timm

    if Path(name).is_dir():
        return Path(name)
    repository = name
    if not is_repository(name):
        known = timm.list_pretrained()
        if name not in known and ("." in name or not timm.is_model(name)):
            raise UnknownNameError("model of timm with weights", name, known)
        config: Any = timm.get_pretrained_cfg(name)
        repository = config.hf_hub_id or name
    return fetch_repository(repository, _FILES)
