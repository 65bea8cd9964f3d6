"""Text towers: from captions to one feature a token.

What the published text features are: ``last_hidden_state``, that is the tokens after the final
LayerNorm and without the projection into the space that text and images share (512-d for
ViT-B/32).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vid2vidmr.contract import DTYPE, TEXT, FeatureContract
from vid2vidmr.devices import pick_device
from vid2vidmr.errors import UserError
from vid2vidmr.features.clip import load_open_clip, open_clip_model, open_clip_name
from vid2vidmr.features.encoder import weights_hash
from vid2vidmr.features.load import encoder_loader

SAMPLING = "one row a token, from the start of the text to its end"


@dataclass(frozen=True)
class TextEncoder:
    """A network that turns captions into features.

    Attributes
    ----------
    name : str
        That of the encoder of frames, and ``-text``.
    dim : int
        Length of a feature.
    longest : int
        Tokens of the longest text, start and end included; what is longer is cut off.
    tokens : callable
        Text to its tokens, start and end included, however many.
    network : callable
        (batch, longest) tokens, zeros after the end, to (batch, longest, dim).
    """

    name: str
    dim: int
    weights_sha256: str
    preprocessing: str
    longest: int
    tokens: Callable[[str], list[int]]
    network: Callable[[Tensor], Tensor]

    def contract(self, captions_sha256: str) -> FeatureContract:
        """How features of a file of captions are made."""
        return FeatureContract(
            encoder=self.name,
            weights_sha256=self.weights_sha256,
            dim=self.dim,
            sampling=SAMPLING,
            preprocessing=self.preprocessing,
            decoder=f"captions {captions_sha256}",
            dtype=DTYPE,
        )

    def encode(self, captions: Sequence[str]) -> list[np.ndarray]:
        """Encode captions in one batch, each into (tokens, dim) float32."""
        batch = np.zeros((len(captions), self.longest), np.int64)
        lengths = []
        for row, caption in zip(batch, captions, strict=True):
            tokens = self.tokens(caption)
            if len(tokens) > self.longest:
                tokens = [*tokens[: self.longest - 1], tokens[-1]]
            row[: len(tokens)] = tokens
            lengths.append(len(tokens))
        with torch.inference_mode():
            features = self.network(torch.from_numpy(batch)).float().cpu().numpy()
        return [rows[:length] for rows, length in zip(features, lengths, strict=True)]


def load_text_encoder(name: str, device: str | torch.device | None = None) -> TextEncoder:
    """Load the text tower of an encoder.

    Parameters
    ----------
    name : str
        Of the encoder of frames, see `vid2vidmr.features.load.load_encoder`.
    device : str or torch.device, optional
        See `vid2vidmr.devices.pick_device`.

    Raises
    ------
    UnknownNameError
        If there is no such encoder, model or set of weights.
    HubError
        If weights are neither on this machine nor to be had.
    UserError
        If the encoder has no text tower of the kind that CLIP has.
    """
    if encoder_loader(name) is not load_open_clip:
        raise _no_tower(name)
    import open_clip

    model_name, pretrained = open_clip_name(name)
    config = (open_clip.get_model_config(model_name) or {}).get("text_cfg", {})
    if "hf_tokenizer_name" in config or "hf_model_name" in config:
        raise _no_tower(name)
    device = pick_device(device)
    model: Any = open_clip_model(name, model_name, pretrained, device)[0]
    tower = getattr(model, "text", model)
    tokenizer = open_clip.get_tokenizer(model_name)
    # Other tokenizers end a text in another way; CoCa's tower pools before the LayerNorm.
    pools_first = getattr(tower, "cls_emb", None) is not None
    if pools_first or not isinstance(tokenizer, open_clip.SimpleTokenizer):
        raise _no_tower(name)
    start, end = tokenizer.sot_token_id, tokenizer.eot_token_id
    hidden: list[Tensor] = []
    tower.ln_final.register_forward_hook(lambda _module, _inputs, output: hidden.append(output))

    def network(tokens: Tensor) -> Tensor:
        model.encode_text(tokens.to(device))
        return hidden.pop()

    weights = {k: v for k, v in model.state_dict().items() if not k.startswith("visual.")}
    return TextEncoder(
        name=name + TEXT,
        dim=tower.ln_final.normalized_shape[0],
        weights_sha256=weights_hash(weights),
        preprocessing=f"open_clip: SimpleTokenizer of {len(tokenizer.encoder)}, at most "
        f"{model.context_length} tokens; after the last LayerNorm, not projected",
        longest=model.context_length,
        tokens=lambda text: [start, *tokenizer.encode(text), end],
        network=network,
    )


def _no_tower(name: str) -> UserError:
    return UserError(
        f"The encoder {name} has no text tower such as CLIP has: choose clip-vit-b32, or a model "
        "of open_clip with CLIP's own tokenizer."
    )
