"""Asking a model that is loaded here, with transformers: any image-text-to-text checkpoint.

Source: the interfaces AutoProcessor and AutoModelForImageTextToText of transformers 5.
"""

from __future__ import annotations

import datetime as dt
import io
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from importlib import metadata
from itertools import islice
from typing import Any

from baselines.vlm.chat import render
from baselines.vlm.records import Frames, Image, Part, Reply, Request, Video
from vid2vidmr.errors import HubError, UserError

CLOCK_HZ = 1000
"""Frame rate that videos are said to have: frames are numbered by their milliseconds."""
UNTILED = ("crop_to_patches", "do_image_splitting")
"""Settings of image processors that cut an image into tiles, which models do not do to frames."""


class TransformersRunner:
    """Answers of a checkpoint, decoded greedily; loaded when the first request is there.

    What else its generation config says stays, such as Qwen2.5-VL's repetition penalty of 1.05.

    Parameters
    ----------
    model : str
        Repository of the Hub, or folder.
    revision : str, optional
        Branch, tag or commit of the repository.
    frames : Frames
    batch_size : int
        Requests at a time.
    dtype : str
        Such as ``bfloat16``; ``auto`` is the checkpoint's.
    device_map : str or dict, optional
        Where it goes; by default CUDA if there is any, else Apple's MPS, else the CPU.
    model_kwargs : dict, optional
        Further arguments of ``from_pretrained``, such as ``quantization_config``.
    processor_kwargs : dict, optional
        Further arguments of the processor's call, such as ``crop_to_patches``.
    """

    def __init__(
        self,
        model: str,
        revision: str | None = None,
        *,
        frames: Frames,
        batch_size: int = 1,
        dtype: str = "auto",
        device_map: str | dict[str, Any] | None = None,
        model_kwargs: dict[str, Any] | None = None,
        processor_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.name, self.revision, self.frames = model, revision, frames
        self.batch_size, self.dtype, self.device_map = batch_size, dtype, device_map
        self.model_kwargs = model_kwargs or {}
        self.processor_kwargs = processor_kwargs or {}

    def generate(self, requests: Iterable[tuple[str, Request]]) -> Iterator[Reply]:
        """Answer requests in order, see `Runner`.

        Raises
        ------
        UserError
            If there is no such model, or none that takes images, or its chat template does not
            render the request.
        """
        waiting = iter(requests)
        while batch := list(islice(waiting, self.batch_size)):
            yield from self._answer(batch)

    def _answer(self, batch: Sequence[tuple[str, Request]]) -> list[Reply]:
        """Answer a batch; one that fails is asked one by one, for those that can be answered."""
        started = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        if len(batch) > 1 and self._must_part([request for _, request in batch]):
            return [reply for one in batch for reply in self._answer([one])]
        try:
            return self._ask(batch, started)
        except UserError:
            raise
        except Exception as error:  # the libraries below fail in many ways; all are told
            kind, text = _kind(error), f"{type(error).__name__}: {_short(error)}"
        _free_memory()  # here the traceback no longer holds the tensors
        if len(batch) > 1:
            return [reply for one in batch for reply in self._answer([one])]
        model, revision = self.name, self.revision
        return [
            Reply(
                key=batch[0][0], error=kind, error_text=text, started=started, model=model,
                revision=revision,
            )
        ]  # fmt: skip

    def _ask(self, batch: Sequence[tuple[str, Request]], started: str) -> list[Reply]:
        import torch

        processor, model = self._loaded
        clock = time.monotonic()
        inputs = self.inputs([request for _, request in batch]).to(model.device, model.dtype)
        with torch.inference_mode():
            output = model.generate(
                **inputs,
                do_sample=False,
                max_new_tokens=max(request.max_tokens for _, request in batch),
            )
        answers = output[:, inputs["input_ids"].shape[1] :].tolist()
        read = inputs["attention_mask"].sum(1).tolist()
        texts, finishes, written = [], [], []
        for (_, request), answer in zip(batch, answers, strict=True):
            tokens, finish = self._until_end(answer, request.max_tokens)
            texts.append(processor.tokenizer.decode(tokens, skip_special_tokens=True))
            finishes.append(finish)
            written.append(len(tokens) + (finish == "stop"))
        latency_s = round((time.monotonic() - clock) / len(batch), 3)
        return [
            Reply(
                key=key,
                text=text,
                finish=finish,
                input_tokens=input_tokens,
                output_tokens=output_tokens,
                latency_s=latency_s,
                started=started,
                **self._provenance,
            )
            for (key, _), text, finish, input_tokens, output_tokens in zip(
                batch, texts, finishes, read, written, strict=True
            )
        ]

    def _must_part(self, requests: Sequence[Request]) -> bool:
        """Whether requests have videos of several lengths, which only Qwen's processors take.

        Others fail, or say of all videos (SmolVLM) that they are as long as the longest.
        """
        lengths = {
            tuple(len(part.sha256) for part in request.content if isinstance(part, Video))
            for request in requests
        }
        return len(lengths) > 1 and not self._grids

    @property
    def _grids(self) -> bool:
        return hasattr(getattr(self._loaded[0], "video_processor", None), "merge_size")

    def inputs(self, requests: Sequence[Request]) -> Any:
        """Give what the model gets for requests, padded on the left: a ``BatchFeature``.

        InternVL, LLaVA-OneVision and Video-LLaVA take videos of one length only, and are told no
        times: to them the frames of the shorter clip are repeated evenly.
        """
        try:
            return self._inputs(requests)
        except ValueError as error:
            if "pixel_values_videos" not in str(error):
                raise
        return self._inputs([_evened(request) for request in requests])

    def _inputs(self, requests: Sequence[Request]) -> Any:
        import numpy as np

        processor, _ = self._loaded
        images, videos, facts = [], [], []
        for request in requests:
            shown = [part for part in request.content if isinstance(part, Video)]
            images.append(
                [self._image(part.sha256) for part in request.content if isinstance(part, Image)]
            )
            videos.append(
                [np.stack([np.asarray(self._image(sha)) for sha in v.sha256]) for v in shown]
            )
            facts.append([_video_metadata(video) for video in shown])
        prompts = [render(processor, request, self.name) for request in requests]
        more: dict[str, Any] = {
            name: False for name in UNTILED if hasattr(processor.image_processor, name)
        }
        if any(videos):
            more |= {"videos": videos, "video_metadata": facts, "do_sample_frames": False}
            if hasattr(processor.video_processor, "cap_pixels_per_frame"):
                more["cap_pixels_per_frame"] = True  # as in Qwen's own code
        if any(images):
            more["images"] = images
        bos = processor.tokenizer.bos_token
        if bos is not None and prompts[0].startswith(bos):
            more["add_special_tokens"] = False
        more |= self.processor_kwargs
        return processor(text=prompts, padding=True, return_tensors="pt", **more)

    def _image(self, sha256: str) -> Any:
        import PIL.Image

        return PIL.Image.open(io.BytesIO(self.frames.jpeg(sha256))).convert("RGB")

    def _until_end(self, tokens: list[int], limit: int) -> tuple[list[int], str]:
        """Cut an answer at its end token; without one the limit was hit."""
        ends = self._loaded[1].generation_config.eos_token_id
        ends = {ends} if isinstance(ends, int) else set(ends or ())
        for n, token in enumerate(tokens[:limit]):
            if token in ends:
                return tokens[:n], "stop"
        return tokens[:limit], "length"

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        """Processor and model."""
        try:
            import transformers
        except ImportError:
            raise UserError('transformers is missing: pip install "vid2vidmr[vlm]".') from None
        from vid2vidmr.encoders import pick_device

        where = self.device_map if self.device_map is not None else str(pick_device())
        code = {k: v for k, v in self.model_kwargs.items() if k == "trust_remote_code"}
        try:
            config = transformers.AutoConfig.from_pretrained(
                self.name, revision=self.revision, **code
            )
            if not _takes_images(config):
                raise UserError(
                    f"The model {self.name} ({config.model_type}) takes no images: name one that "
                    "transformers loads with AutoModelForImageTextToText, such as "
                    "Qwen/Qwen3-VL-8B-Instruct."
                )
            processor = transformers.AutoProcessor.from_pretrained(
                self.name, revision=self.revision, **code
            )
            model = transformers.AutoModelForImageTextToText.from_pretrained(
                self.name,
                revision=self.revision,
                **{"dtype": self.dtype, "device_map": where, **self.model_kwargs},
            )
        except OSError as error:
            raise HubError(
                f"The model {self.name} cannot be loaded ({_short(error)}): check the name, the "
                "network and `hf auth whoami`, or give its folder."
            ) from None
        except (ImportError, KeyError, TypeError, ValueError) as error:
            raise UserError(f"The model {self.name} cannot be loaded: {_short(error)}") from None
        processor.tokenizer.padding_side = "left"
        settings = model.generation_config
        for name in ("temperature", "top_p", "top_k", "min_p", "typical_p"):
            setattr(settings, name, None)  # they are for sampling, and warn
        if settings.eos_token_id is None:
            settings.eos_token_id = processor.tokenizer.eos_token_id
        if settings.pad_token_id is None:
            settings.pad_token_id = processor.tokenizer.pad_token_id
        return processor, model.eval()

    @cached_property
    def _provenance(self) -> dict[str, Any]:
        model = self._loaded[1]
        engine = {name: metadata.version(name) for name in ("transformers", "torch")}
        engine["device"] = str(model.device)
        if method := getattr(getattr(model, "hf_quantizer", None), "quantization_config", None):
            engine["quantization"] = str(getattr(method, "quant_method", method))
        return {
            "model": self.name,
            "revision": getattr(model.config, "_commit_hash", None) or self.revision,
            "dtype": str(model.dtype).removeprefix("torch."),
            "engine": engine,
        }


def _video_metadata(video: Video) -> dict[str, Any]:
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
    longest = max(len(part.sha256) for part in request.content if isinstance(part, Video))
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


def _takes_images(config: Any) -> bool:
    from transformers import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING as KNOWN

    own_code = getattr(config, "auto_map", None) or {}
    return type(config) in KNOWN or "AutoModelForImageTextToText" in own_code


def _kind(error: Exception) -> str:
    """Name a failure; PyTorch has a class for CUDA's only."""
    words = str(error).lower()
    full = isinstance(error, MemoryError) or "out of memory" in words or "can't allocate" in words
    return "out of memory" if full else "model failed"


def _free_memory() -> None:
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def _short(value: object) -> str:
    return " ".join(str(value).split())[:300]
