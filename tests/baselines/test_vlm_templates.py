"""Chat templates that put text and images together in a way of their own, or not at all."""

from pathlib import Path
from typing import Any

import pytest
from test_vlm_local import answers, frames, interleaved, qwen  # noqa: F401 (fixtures)
from vlm_models import ONEVISION_TEMPLATE

from baselines.vlm.chat import render
from baselines.vlm.local import TransformersRunner
from baselines.vlm.records import Frames
from vid2vidmr.errors import UserError


@pytest.mark.parametrize(
    ("template", "says"),
    [
        (None, "has no chat template"),
        ("{% for m in messages %}{{ m['role'] }}{% endfor %}", "does not keep text and images"),
    ],
)
def test_a_template_that_cannot_be_used(
    template: str | None,
    says: str,
    qwen: TransformersRunner,  # noqa: F811
    frames: Frames,  # noqa: F811
) -> None:
    path = Path(qwen.config.model) / "chat_template.jinja"
    path.unlink() if template is None else path.write_text(template)
    with pytest.raises(UserError, match=says):
        answers(qwen, interleaved(frames, (0.0,)))


@pytest.mark.parametrize(
    "template",
    [
        ONEVISION_TEMPLATE,  # only texts that are parts
        "{% for m in messages %}{{ m['role'] + ': ' + m['content'] }}{% endfor %}",  # only strings
    ],
)
def test_other_templates_get_one_text(template: str, frames: Frames) -> None:  # noqa: F811
    class Processor:
        """The real rendering, without a checkpoint."""

        chat_template = template
        image_token = "<image>"

        def apply_chat_template(self, messages: Any, **more: Any) -> str:
            from transformers.utils.chat_template_utils import render_jinja_template

            texts, _ = render_jinja_template([messages], chat_template=template)
            return str(texts[0])

    text = render(Processor(), interleaved(frames, (0.0, 2.0), (12.5,)), "m")
    assert "Query:\n[0.0s]<image>[2.0s]<image>Target:\n[12.5s]<image>\nWhen?" in text
