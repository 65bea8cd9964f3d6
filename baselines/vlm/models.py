"""Models with their frame budgets, and what is known of the data that they were trained on."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from baselines.vlm.config import VlmConfig

UNKNOWN = ("unknown", "its training videos are not listed")
_ACTIVITYNET_QA = "its video instructions include VideoChatGPT or ActivityNet-QA, from ActivityNet"


def server_url() -> str | None:
    """Address of the OpenAI-compatible server that runs the models; None to load them here."""
    return os.environ.get("VID2VIDMR_VLM_URL") or None


@dataclass(frozen=True)
class Model:
    """A model that presets exist for.

    Attributes
    ----------
    id : str
        Repository of the Hub.
    query_frames, target_frames : int
        Budget that it takes without truncation.
    native_only : bool
        It was not trained on several images in one message.
    seen : mapping of str to (str, str)
        Data set to whether it was in its training (yes, no, unknown) and where that is known from.
    """

    id: str
    title: str
    licence: str
    query_frames: int = 16
    target_frames: int = 64
    native_only: bool = False
    seen: Mapping[str, tuple[str, str]] = field(default_factory=dict, hash=False)

    def contamination(self, dataset: str) -> tuple[str, str]:
        """Whether videos or annotations of a data set were seen in training, and the source."""
        if dataset == "minimatch":
            return "no", "rendered by this project, after the model"
        return self.seen.get(dataset, UNKNOWN)

    def presets(self) -> dict[str, VlmConfig]:
        """Protocols and layouts, the default first."""
        base = VlmConfig(
            model=self.id,
            query_frames=self.query_frames,
            target_frames=self.target_frames,
            layout="native" if self.native_only else "interleaved",
        )
        found = {"two-video": base}
        if not self.native_only:
            found["two-video-native"] = replace(base, layout="native")
        for track in ("released", "common", "own"):
            found[f"caption-{track}"] = replace(base, protocol="caption", captions=track)
        return found


MODELS = {
    "qwen2.5-vl-3b": Model(
        "Qwen/Qwen2.5-VL-3B-Instruct", "Qwen2.5-VL 3B", "Qwen Research License"
    ),
    "qwen2.5-vl-7b": Model("Qwen/Qwen2.5-VL-7B-Instruct", "Qwen2.5-VL 7B", "Apache-2.0"),
    "qwen3-vl-4b": Model("Qwen/Qwen3-VL-4B-Instruct", "Qwen3-VL 4B", "Apache-2.0"),
    "qwen3-vl-8b": Model("Qwen/Qwen3-VL-8B-Instruct", "Qwen3-VL 8B", "Apache-2.0"),
    "internvl3.5-8b": Model(
        "OpenGVLab/InternVL3_5-8B-HF", "InternVL3.5 8B", "Apache-2.0",
        query_frames=8, target_frames=32,
    ),
    "llava-onevision-7b": Model(
        "llava-hf/llava-onevision-qwen2-7b-ov-hf", "LLaVA-OneVision 7B", "Apache-2.0",
        query_frames=8, target_frames=24, seen={"activitynet-vrl": ("yes", _ACTIVITYNET_QA)},
    ),
    "smolvlm2-2.2b": Model(
        "HuggingFaceTB/SmolVLM2-2.2B-Instruct", "SmolVLM2 2.2B", "Apache-2.0",
        query_frames=10, target_frames=40, seen={"activitynet-vrl": ("yes", _ACTIVITYNET_QA)},
    ),
    "video-llava-7b": Model(
        "LanguageBind/Video-LLaVA-7B-hf", "Video-LLaVA 7B", "Apache-2.0",
        query_frames=8, target_frames=8, native_only=True,
        seen={"activitynet-vrl": ("yes", _ACTIVITYNET_QA)},
    ),
}  # fmt: skip
