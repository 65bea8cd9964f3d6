"""Requests as the tensors of a model: prompts, images, and videos with their true times."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from baselines.vlm.chat import render
from baselines.vlm.records import Frames, Image, Part, Request, Video

CLOCK_HZ = 1000
"""Frame rate that videos are said to have: frames are numbered by their milliseconds."""
UNTILED = ("crop_to_patches", "do_image_splitting")
"""Settings of image processors that cut an image into tiles, which models do not do to frames."""


def model_inputs(processor: Any, requests: Sequence[Request], frames: Frames, model: str) -> Any:
    """Give what the model gets for requests, padded on the left: a ``BatchFeature``.

    InternVL, LLaVA-OneVision and Video-LLaVA take videos of one length only, and are told no
    times: to them the frames of the shorter clip are repeated evenly. `model` is named in errors.
    """
    try:
        return _processed(processor, requests, frames, model)
    except ValueError as error:
        if "pixel_values_videos" not in str(error):
            raise
    return _processed(processor, [_evened(request) for request in requests], frames, model)


def fit_together(processor: Any, requests: Sequence[Request]) -> bool:
    """Whether requests can be a batch.

    Videos of several lengths only Qwen's processors take. Others fail, or say of all (SmolVLM) that
    they are as long as the longest.
    """
    lengths = {tuple(len(video.sha256) for video in _videos(request)) for request in requests}
    takes_all = hasattr(getattr(processor, "video_processor", None), "merge_size")
    return takes_all or len(lengths) == 1


def _processed(processor: Any, requests: Sequence[Request], frames: Frames, model: str) -> Any:
    import numpy as np
    import PIL.Image

    def picture(sha256: str) -> PIL.Image.Image:
        return PIL.Image.open(io.BytesIO(frames.jpeg(sha256))).convert("RGB")

    def pictures(video: Video) -> np.ndarray:  # frames x height x width x 3
        return np.stack([np.asarray(picture(sha256)) for sha256 in video.sha256])

    prompts = [render(processor, request, model) for request in requests]
    images = [
        [picture(part.sha256) for part in request.content if isinstance(part, Image)]
        for request in requests
    ]
    videos = [[pictures(video) for video in _videos(request)] for request in requests]
    arguments: dict[str, Any] = {
        name: False for name in UNTILED if hasattr(processor.image_processor, name)
    }
    if any(images):
        arguments["images"] = images
    if any(videos):
        arguments["videos"] = videos
        arguments["video_metadata"] = [
            [_metadata(video) for video in _videos(request)] for request in requests
        ]
        arguments["do_sample_frames"] = False
        if hasattr(processor.video_processor, "cap_pixels_per_frame"):
            arguments["cap_pixels_per_frame"] = True  # as in Qwen's own code
    bos = processor.tokenizer.bos_token
    if bos is not None and prompts[0].startswith(bos):
        arguments["add_special_tokens"] = False
    return processor(text=prompts, padding=True, return_tensors="pt", **arguments)


def _videos(request: Request) -> list[Video]:
    return [part for part in request.content if isinstance(part, Video)]


def _metadata(video: Video) -> dict[str, Any]:
    """Say when the frames of a video are, as transformers wants to know it.

    Frame n of a video of `CLOCK_HZ` frames a second is at n milliseconds. The number of frames is
    such that the mean distance of ours follows from it, which Qwen2.5-VL places them by.
    """
    times = video.times_s
    step_s = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else video.duration_s
    return {
        "fps": float(CLOCK_HZ),
        "frames_indices": [round(time_s * CLOCK_HZ) for time_s in times],
        "total_num_frames": round(len(times) * step_s * CLOCK_HZ),
        "duration": video.duration_s,
    }


def _evened(request: Request) -> Request:
    """Repeat the frames of the shorter videos of a request, evenly."""
    longest = max(len(video.sha256) for video in _videos(request))
    parts: list[Part] = []
    for part in request.content:
        if isinstance(part, Video):
            n = len(part.sha256)
            chosen = [i * n // longest for i in range(longest)]
            part = part.model_copy(
                update={
                    "sha256": tuple(part.sha256[i] for i in chosen),
                    "times_s": tuple(part.times_s[i] for i in chosen),
                }
            )
        parts.append(part)
    return request.model_copy(update={"content": tuple(parts)})
