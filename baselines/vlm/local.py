"""Asking a model that is loaded here, with transformers: any image-text-to-text checkpoint."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from importlib import metadata
from itertools import islice
from typing import Any

from baselines.vlm.checkpoint import commit_of, load_checkpoint
from baselines.vlm.config import VlmConfig
from baselines.vlm.inputs import fit_together, model_inputs
from baselines.vlm.records import Frames, Reply, Request, short
from vid2vidmr.errors import UserError


class TransformersRunner:
    """Answers of a checkpoint, decoded greedily; loaded when the first request is there.

    What else its generation config says stays, such as Qwen2.5-VL's repetition penalty of 1.05.
    """

    def __init__(self, config: VlmConfig, frames: Frames) -> None:
        self.config, self.frames = config, frames

    def generate(self, requests: Iterable[tuple[str, Request]]) -> Iterator[Reply]:
        """Answer requests in order, see `Runner`.

        Raises
        ------
        UserError
            If there is no such model, or none that takes images, or its chat template does not
            render the request.
        """
        waiting = iter(requests)
        while batch := list(islice(waiting, self.config.batch_size)):
            yield from self._answer(batch)

    def _answer(self, batch: Sequence[tuple[str, Request]]) -> list[Reply]:
        """Answer a batch; one that fails is asked one by one, for those that can be answered."""
        started = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        if not fit_together(self._loaded[0], [request for _, request in batch]):
            return [reply for one in batch for reply in self._answer([one])]
        try:
            return self._ask(batch, started)
        except UserError:
            raise
        except Exception as error:  # the libraries below fail in many ways; all are told
            kind, text = _kind(error), f"{type(error).__name__}: {short(error)}"
        _free_memory()  # here the traceback no longer holds the tensors
        if len(batch) > 1:
            return [reply for one in batch for reply in self._answer([one])]
        return [
            Reply(key=batch[0][0], error=kind, error_text=text, started=started, **self._provenance)
        ]

    def _ask(self, batch: Sequence[tuple[str, Request]], started: str) -> list[Reply]:
        import torch

        processor, model = self._loaded
        clock = time.monotonic()
        inputs = self.inputs([request for _, request in batch]).to(model.device)
        for name in [name for name in inputs if name.startswith("pixel_values")]:
            inputs[name] = inputs[name].to(model.dtype)  # seconds keep their precision
        with torch.inference_mode():
            output = model.generate(
                **inputs,
                do_sample=False,
                max_new_tokens=max(request.max_tokens for _, request in batch),
            )
        answers = output[:, inputs["input_ids"].shape[1] :].tolist()
        read = inputs["attention_mask"].sum(1).tolist()
        latency_s = round((time.monotonic() - clock) / len(batch), 3)
        replies = []
        for (key, request), answer, input_tokens in zip(batch, answers, read, strict=True):
            tokens, finish = self._until_end(answer, request.max_tokens)
            replies.append(
                Reply(
                    key=key,
                    text=processor.tokenizer.decode(tokens, skip_special_tokens=True),
                    finish=finish,
                    input_tokens=input_tokens,
                    output_tokens=len(tokens) + (finish == "stop"),
                    latency_s=latency_s,
                    started=started,
                    **self._provenance,
                )
            )
        return replies

    def inputs(self, requests: Sequence[Request]) -> Any:
        """Give what the model gets for requests, see `model_inputs`."""
        return model_inputs(self._loaded[0], requests, self.frames, self.config.model)

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
        return load_checkpoint(self.config)

    @cached_property
    def _provenance(self) -> dict[str, Any]:
        model = self._loaded[1]
        engine = {name: metadata.version(name) for name in ("transformers", "torch")}
        engine["device"] = str(model.device)
        if method := getattr(getattr(model, "hf_quantizer", None), "quantization_config", None):
            engine["quantization"] = str(getattr(method, "quant_method", method))
        return {
            "model": self.config.model,
            "revision": commit_of(self.config.model, self.config.revision),
            "dtype": str(model.dtype).removeprefix("torch."),
            "engine": engine,
        }


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
