"""``transformers:REPO``: image and video models that transformers' AutoModel reads.

Such as V-JEPA 2, VideoMAE, TimeSformer, DINOv2 and CLIP; REPO is a repository of the Hub or a
folder. A model whose config says of how many frames a clip is gets so many, spread over `CLIP_S`
seconds; any other one gets single frames. The feature is that of images where a model has a text
beside them, what it pools where that was learned, else the mean over its tokens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vid2vidmr.errors import HubError, UserError
from vid2vidmr.features.encoder import Encoder, weights_hash
from vid2vidmr.features.readers import Clips
from vid2vidmr.repositories import fetch_repository

CLIP_S = 2.0
_PREFIX = "transformers:"
_OF_VIDEOS = "video_preprocessor_config.json"
_SAID = ("size", "crop_size", "resample", "rescale_factor", "image_mean", "image_std")


@dataclass(frozen=True)
class Processed:
    """A processor of transformers, of a single frame.

    Attributes
    ----------
    argument : {"images", "videos"}
        Under which it takes frames.
    """

    processor: Any
    argument: str

    def __call__(self, frame: np.ndarray) -> np.ndarray:
        """Give (3, height, width) float32."""
        given = {self.argument: [frame[None]] if self.argument == "videos" else frame}
        found = self.processor(**given, return_tensors="pt")
        if len(found) != 1:
            raise UserError(
                f"{type(self.processor).__name__} gives {', '.join(found)}, and one array a frame "
                "was expected: choose another model."
            )
        pixels = next(iter(found.values()))
        prepared: np.ndarray = pixels.reshape(pixels.shape[-3:]).numpy()
        return prepared


def load_transformers(name: str, device: torch.device) -> Encoder:
    """Load an encoder, see the module.

    Raises
    ------
    UserError
        If transformers is not installed, or frames of the model are no single arrays.
    HubError
        If there is no such model, or its weights are not all there.
    """
    try:
        import transformers
    except ImportError:
        raise UserError(
            'transformers is not installed: run `pip install "vid2vidmr[encoders]"`.'
        ) from None
    quiet: Any = transformers.utils.logging
    quiet.disable_progress_bar()  # weights of a model take a second
    folder = _folder(name.removeprefix(_PREFIX))
    videos = (folder / _OF_VIDEOS).exists()
    auto: Any = transformers.AutoVideoProcessor if videos else transformers.AutoImageProcessor
    try:
        processor = auto.from_pretrained(folder)
        model, about = transformers.AutoModel.from_pretrained(folder, output_loading_info=True)
    except Exception as error:  # files of anybody fail in many ways
        raise HubError(f"{folder} is no model that transformers reads ({_line(error)}).") from None
    lacking = [key for key in about["missing_keys"] if "pooler" not in key]
    if lacking:
        raise HubError(f"{folder} lacks weights of {name} ({lacking[0]}): get it again.")
    model = model.eval().to(device)
    prepare = Processed(processor, "videos" if videos else "images")
    count = getattr(model.config, "num_frames", getattr(model.config, "frames_per_clip", None))
    network = _network(model, pools=not about["missing_keys"])
    black = torch.from_numpy(prepare(np.zeros((64, 64, 3), np.uint8))).to(device)
    with torch.inference_mode():
        shape = (1, count, *black.shape) if count else (1, *black.shape)
        dim = network(black.expand(shape)).shape[1]
    said = {key: processor.to_dict().get(key) for key in _SAID}
    return Encoder(
        name=name,
        dim=dim,
        weights_sha256=weights_hash(model.state_dict()),
        preprocessing=f"{type(processor).__name__}: "
        + ", ".join(f"{key} {value}" for key, value in said.items()),
        device=device,
        prepare=prepare,
        network=network,
        cpu_batch=1 if count else 4,
        reader=Clips(prepare, None, count, count / CLIP_S) if count else None,
    )


def _network(model: Any, pools: bool) -> Callable[[Tensor], Tensor]:
    own = getattr(model, "get_image_features", getattr(model, "get_vision_features", None))

    def network(x: Tensor) -> Tensor:
        found = own(x) if own else model(**{model.main_input_name: x})
        pooled = getattr(found, "pooler_output", None)
        if pooled is not None and (own or pools):
            features: Tensor = pooled.flatten(1)  # (B, d), of some networks (B, d, 1, 1)
            return features
        rows = found if isinstance(found, Tensor) else found.last_hidden_state
        if rows.ndim == 4:  # (B, d, h, w)
            rows = rows.flatten(2).transpose(1, 2)
        mean: Tensor = rows.mean(1) if rows.ndim == 3 else rows
        return mean

    return network


def _folder(name: str) -> Path:
    if Path(name).is_dir():
        return Path(name)
    folder = fetch_repository(name, ["*.json", "*.safetensors"])
    if not any(folder.glob("*.safetensors")):
        folder = fetch_repository(name, ["*.json", "pytorch_model*.bin"])
    return folder


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
