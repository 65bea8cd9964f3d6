"""Settings of a vision-language model: what it is shown, and how it is asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Protocol = Literal["two-video", "caption"]
Track = Literal["released", "common", "own"]
Layout = Literal["interleaved", "native"]
Order = Literal["query-first", "target-first"]


@dataclass(frozen=True)
class VlmConfig:
    """Config of `Vlm`.

    Attributes
    ----------
    model : str
        Repository of the Hub, folder, or the name that a server knows the model by.
    revision : str or None
        Commit of the repository.
    protocol : {"two-video", "caption"}
        The query is shown, or told by a caption.
    captions : {"released", "common", "own"} or None
        Whose captions; three tracks that are never mixed.
    layout : {"interleaved", "native"}
        A timestamp before every image, or each clip as one video.
    query_frames, target_frames : int
        Frames of a clip, at most; they are `baselines.vlm.clips.STEP_S` apart or more.
    size : int
        Longer side of a frame, pixels, at most.
    max_tokens : int
        Of an answer.
    max_images : int or None
        What a request may have; more is an error, frames are never left out silently.
    batch_size : int
        Of the runner that loads the model itself, as is `dtype`.
    loading : dict
        Further arguments of ``from_pretrained``, such as a quantisation.
    """

    model: str
    revision: str | None = None
    protocol: Protocol = "two-video"
    captions: Track | None = None
    layout: Layout = "interleaved"
    query_frames: int = 16
    target_frames: int = 64
    size: int = 448
    order: Order = "query-first"
    max_tokens: int = 256
    max_images: int | None = None
    dtype: str = "auto"
    batch_size: int = 1
    loading: dict[str, Any] = field(default_factory=dict)
