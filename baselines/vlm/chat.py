"""A request as the prompt of a model, by its chat template, with everything in its place."""

from __future__ import annotations

from typing import Any

from baselines.vlm.records import Image, Part, Request, Text
from vid2vidmr.errors import UserError


def render(processor: Any, request: Request, model: str) -> str:
    """Render a request with the chat template of a processor.

    Some templates (LLaVA-OneVision, Video-LLaVA) put all images before all text, which would take
    the timestamps from their frames; others take only strings. They get the message as one text
    with the image placeholders in it.

    Raises
    ------
    UserError
        If there is no template, or none of the forms comes out in order.
    """
    template = processor.chat_template or processor.tokenizer.chat_template
    if template is None:
        raise UserError(
            f"The model {model} has no chat template: take its instruction-tuned checkpoint, or "
            "add chat_template.jinja to a copy of it."
        )
    needles = [_needle(processor, part, model) for part in request.content]
    one_text = "".join(needles)
    parts = [
        {"type": "text", "text": part.text} if isinstance(part, Text) else {"type": part.type}
        for part in request.content
    ]
    for content in (parts, one_text, [{"type": "text", "text": one_text}]):
        try:
            prompt: str = processor.apply_chat_template(
                [{"role": "user", "content": content}],
                # a processor's own may be one of several: it knows which
                chat_template=None if processor.chat_template else template,
                add_generation_prompt=True,
                tokenize=False,
            )
        except Exception:  # a template may fail in any way on a form that it was not written for
            continue
        if _in_order(prompt, needles):
            return _single_marks(processor, prompt)
    raise UserError(
        f"The chat template of the model {model} does not keep text and images in their order, in "
        "any form: take another checkpoint, or put a mended chat_template.jinja into a copy of it."
    )


def _needle(processor: Any, part: Part, model: str) -> str:
    """Give what stands for a part in a prompt."""
    if isinstance(part, Text):
        return part.text
    kind = "image" if isinstance(part, Image) else "video"
    token = getattr(processor, f"{kind}_token", None)
    if token is None:
        raise UserError(
            f"The model {model} takes no {kind}s in a message: use the other layout "
            "(interleaved images, or native video)."
        )
    return str(token)


def _single_marks(processor: Any, prompt: str) -> str:
    """Leave the marks around a video away for Qwen3-VL, whose processor sets them a frame.

    It was trained on ``<1.0 seconds>``, mark, frame, mark; transformers 5.24 lets the template's
    stay around the whole video.
    """
    if type(processor).__name__ != "Qwen3VLProcessor":
        return prompt
    video = processor.video_token
    return prompt.replace(processor.vision_start_token + video + processor.vision_end_token, video)


def _in_order(prompt: str, needles: list[str]) -> bool:
    """Whether all parts are in a prompt, one after the other (templates may strip white space)."""
    position = 0
    for needle in map(str.strip, needles):
        found = prompt.find(needle, position)
        if found < 0:
            return False
        position = found + len(needle)
    return True
