"""Loading an image-text-to-text checkpoint with transformers.

Source: the interfaces AutoProcessor and AutoModelForImageTextToText of transformers 5.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from baselines.vlm.config import VlmConfig
from baselines.vlm.records import short
from vid2vidmr.errors import HubError, UserError


def load_checkpoint(config: VlmConfig) -> tuple[Any, Any]:
    """Give the processor and the model, set to pad on the left.

    It goes where ``device_map`` of `VlmConfig.loading` says; by default CUDA if there is any, else
    Apple's MPS, else the CPU.

    Raises
    ------
    HubError
        If it cannot be found or fetched.
    UserError
        If it takes no images, or something that it needs is missing.
    """
    try:
        import transformers
    except ImportError:
        raise UserError('transformers is missing: pip install "vid2vidmr[vlm]".') from None
    from vid2vidmr.devices import pick_device

    name, revision = config.model, config.revision
    loading = {"dtype": config.dtype, "device_map": str(pick_device()), **config.loading}
    code = {k: v for k, v in loading.items() if k == "trust_remote_code"}
    try:
        settings = transformers.AutoConfig.from_pretrained(name, revision=revision, **code)
        if not _takes_images(settings):
            raise UserError(
                f"The model {name} ({settings.model_type}) takes no images: name one that "
                "transformers loads with AutoModelForImageTextToText, such as "
                "Qwen/Qwen3-VL-8B-Instruct."
            )
        processor = transformers.AutoProcessor.from_pretrained(name, revision=revision, **code)
        model = transformers.AutoModelForImageTextToText.from_pretrained(
            name, revision=revision, **loading
        )
    except OSError as error:
        raise HubError(
            f"The model {name} cannot be loaded ({short(error)}): check the name, the "
            "network and `hf auth whoami`, or give its folder."
        ) from None
    except (ImportError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise UserError(
            f"The model {name} cannot be loaded ({short(error)}): it has to be a checkpoint for "
            "AutoModelForImageTextToText, and transformers recent enough to know it."
        ) from None
    processor.tokenizer.padding_side = "left"
    for token in ("eos_token_id", "pad_token_id"):
        if getattr(model.generation_config, token) is None:
            setattr(model.generation_config, token, getattr(processor.tokenizer, token))
    return processor, model.eval()


def commit_of(name: str, revision: str | None) -> str | None:
    """Give the commit of a loaded checkpoint; of a folder only what the user said."""
    if Path(name).exists():
        return revision
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(name, "config.json", revision=revision)
    return Path(found).parent.name if isinstance(found, str) else revision


def _takes_images(config: Any) -> bool:
    from transformers import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING as KNOWN

    own_code = getattr(config, "auto_map", None) or {}
    return type(config) in KNOWN or "AutoModelForImageTextToText" in own_code
