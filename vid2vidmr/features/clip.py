"""Encoders of open_clip.

``clip-vit-b32`` is the paper's (open_clip ViT-B-32, weights openai, 512-d, not normalised: methods
do that). ``open_clip:MODEL/PRETRAINED`` is any other model; PRETRAINED is a tag or a file. With
``+fast`` behind it an encoder costs less, see `vid2vidmr.features.fast`.
"""

from __future__ import annotations

from inspect import isfunction
from pathlib import Path
from typing import Any

import torch

from vid2vidmr.errors import HubError, UnknownNameError
from vid2vidmr.features.encoder import Encoder, weights_hash
from vid2vidmr.features.fast import SUFFIX, fast_encoder
from vid2vidmr.features.preprocessing import Transform

_PREFIX = "open_clip:"
_PROBE_S = 10.0  # the hub's own client retries for a minute before it says that there is no network


def load_open_clip(name: str, device: torch.device) -> Encoder:
    """Load an encoder of open_clip: what is registered under its names.

    Raises
    ------
    UnknownNameError
        If open_clip has no such model or weights.
    HubError
        If weights are neither on this machine nor to be had.
    """
    model, transform = open_clip_model(name, *open_clip_name(name), device)
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


def open_clip_name(encoder: str) -> tuple[str, str]:
    """Names that open_clip has for model and weights of an encoder."""
    encoder = encoder.removesuffix(SUFFIX)
    if encoder == "clip-vit-b32":
        return "ViT-B-32", "openai"
    model, slash, pretrained = encoder.removeprefix(_PREFIX).partition("/")
    if encoder.startswith(_PREFIX) and slash:
        return model, pretrained
    raise UnknownNameError("encoder", encoder, [f"{_PREFIX}MODEL/PRETRAINED"])


def open_clip_model(
    name: str, model_name: str, pretrained: str, device: torch.device
) -> tuple[Any, Any]:
    """Load a model of open_clip and its transform of pictures.

    Parameters
    ----------
    name : str
        Of the encoder, for messages.
    model_name, pretrained : str
        See `open_clip_name`.
    """
    import open_clip

    if open_clip.get_model_config(model_name) is None:
        raise UnknownNameError("model of open_clip", model_name, open_clip.list_models())
    options: dict[str, Any] = {}
    if Path(pretrained).is_file():
        path = pretrained
    else:
        config = open_clip.get_pretrained_cfg(model_name, pretrained)
        if not config:
            known = open_clip.list_pretrained_tags_by_model(model_name)
            raise UnknownNameError(f"weights of {model_name}", pretrained, known)
        path = _weights_file(name, config)
        options = {
            "image_mean": config["mean"],
            "image_std": config["std"],
            "image_interpolation": config["interpolation"],
            "image_resize_mode": config["resize_mode"],
            # open_clip 3 only warns when ViT-B-32 gets the openai weights, made for QuickGELU.
            "force_quick_gelu": bool(config.get("quick_gelu", False)),
        }
    model, transform = open_clip.create_model_from_pretrained(
        model_name, pretrained=path, device=device, **options
    )
    return model.eval(), transform


def _weights_file(name: str, config: dict[str, Any]) -> str:
    """Path of weights: from the cache without asking the hub, else fetched."""
    import huggingface_hub as hub
    import open_clip

    repo, _, file = config.get("hf_hub", "").rpartition("/")
    if repo:
        for candidate in (
            [file] if file else ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]
        ):
            cached = hub.try_to_load_from_cache(repo, candidate)
            if isinstance(cached, str):
                return cached
    try:
        if repo:
            hub.HfApi().model_info(repo, timeout=_PROBE_S)
        fetched: str = open_clip.download_pretrained(config)
        return fetched
    except Exception as error:  # the clients raise errors of many kinds
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise HubError(
            f"The weights of {name} are not on this machine and cannot be fetched ({reason}): "
            f"connect and run again, copy {hub.constants.HF_HUB_CACHE} from a machine that has them"
            ", or use the encoder efficientnet-lite0, which needs no hub."
        ) from None
