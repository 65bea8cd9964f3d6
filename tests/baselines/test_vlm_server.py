"""`transformers serve`, a real server of the interface that the runner speaks."""

import base64
import io
from collections.abc import Callable
from typing import Any

import pytest

openai = pytest.importorskip("openai")


@pytest.fixture
def ask() -> Callable[..., Any]:
    """Ask a server with the real client."""

    def ask(url: str, content: Any = "Where?", model: str = "m", **more: Any) -> Any:
        client = openai.OpenAI(base_url=url, api_key="none", max_retries=0, timeout=60)
        messages = [{"role": "user", "content": content}]
        return client.with_options(timeout=more.pop("timeout", 60)).chat.completions.create(
            model=model, messages=messages, **more
        )

    return ask


def picture(colour: tuple[int, int, int]) -> dict[str, Any]:
    from PIL import Image

    jpeg = io.BytesIO()
    Image.new("RGB", (64, 48), colour).save(jpeg, "JPEG")
    data = base64.b64encode(jpeg.getvalue()).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}}


def test_transformers_serve_sees_images_and_stops_at_max_tokens(served: Any, ask: Any) -> None:
    text = {"type": "text", "text": "[12.5s]"}
    one = ask(served.url, [text, picture((200, 10, 10))], served.model, max_tokens=64)
    assert one.choices[0].message.content == served.answer
    assert one.choices[0].finish_reason == "stop"
    two = ask(served.url, [text, picture((200, 10, 10))] * 2, served.model, max_tokens=4)
    assert (two.choices[0].message.content, two.choices[0].finish_reason) == ("12.0", "length")
    assert two.usage.completion_tokens == 4
    # a frame of 56 x 56 has 4 tokens between its two marks
    assert two.usage.prompt_tokens - one.usage.prompt_tokens == len("[12.5s]") + 6


def test_transformers_serve_refuses_another_model(served: Any, ask: Any) -> None:
    with pytest.raises(openai.BadRequestError):
        ask(served.url, model="another")
