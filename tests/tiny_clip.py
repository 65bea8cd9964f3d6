"""A CLIP that is small enough to be made in a test."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
    # All words of the tokenizer, 3 MB.
    "text_cfg": {"context_length": 8, "vocab_size": 49408, "width": 16, "heads": 1, "layers": 1},
}


def tiny_clip(monkeypatch: pytest.MonkeyPatch, folder: Path) -> tuple[Any, Path]:
    """A model known to open_clip as v2v-tiny with weights on a hub, and these in a file."""
    import open_clip

    (folder / "v2v-tiny.json").write_text(json.dumps(TINY))
    open_clip.add_model_config(folder / "v2v-tiny.json")
    torch.manual_seed(0)
    model = open_clip.create_model("v2v-tiny", force_quick_gelu=True).eval()
    torch.save(model.state_dict(), folder / "tiny.pt")
    tag = open_clip.get_pretrained_cfg("ViT-B-32", "openai") | {
        "hf_hub": "someone/tiny/",
        "url": "",
    }
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "v2v-tiny", {"here": tag})
    return model, folder / "tiny.pt"
