"""The servers that the tests of the OpenAI runner use do what they are for."""

import base64
import io
from collections.abc import Callable
from typing import Any

import pytest
from conftest import Served
from vlm_server import (
    Behaviour,
    content_none,
    cut,
    empty_choices,
    faulty,
    html,
    no_usage,
    ok,
    slow,
    stall,
    status,
)

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


def test_transformers_serve_sees_images_and_stops_at_max_tokens(served: Served, ask: Any) -> None:
    text = {"type": "text", "text": "[12.5s]"}
    one = ask(served.url, [text, picture((200, 10, 10))], served.model, max_tokens=64)
    assert one.choices[0].message.content == served.answer
    assert one.choices[0].finish_reason == "stop"
    two = ask(served.url, [text, picture((200, 10, 10))] * 2, served.model, max_tokens=4)
    assert (two.choices[0].message.content, two.choices[0].finish_reason) == ("12.0", "length")
    assert two.usage.completion_tokens == 4
    # a frame of 56 x 56 has 4 tokens between its two marks
    assert two.usage.prompt_tokens - one.usage.prompt_tokens == len("[12.5s]") + 6


def test_transformers_serve_refuses_another_model(served: Served, ask: Any) -> None:
    with pytest.raises(openai.BadRequestError):
        ask(served.url, model="another")


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (status(429, Retry_After="0"), openai.RateLimitError),
        (status(500), openai.InternalServerError),
        (status(400), openai.BadRequestError),
        (cut, openai.APIConnectionError),
        (stall(20, ok("late")), openai.APITimeoutError),
    ],
)
def test_a_faulty_server_fails_as_told(
    behaviour: Behaviour, error: type[Exception], ask: Any
) -> None:
    with faulty(lambda body, n: behaviour) as server, pytest.raises(error):
        ask(server.url, timeout=0.5)


def test_a_faulty_server_answers_in_turn_and_keeps_the_requests(ask: Any) -> None:
    answers = [ok("1 - 2"), empty_choices, content_none, no_usage("3 - 4"), slow("5 - 6"), html]
    with faulty(lambda body, n: answers[n]) as server:
        got = [ask(server.url, f"Question {n}") for n in range(len(answers))]
    assert got[0].choices[0].message.content == "1 - 2"
    assert got[0].usage.completion_tokens == 10
    assert got[1].choices == []
    assert got[2].choices[0].message.content is None
    assert got[3].choices[0].message.content == "3 - 4"
    assert got[3].usage is None
    assert got[4].choices[0].message.content == "5 - 6"
    assert isinstance(got[5], str)
    assert [body["messages"][0]["content"] for body in server.bodies] == [
        f"Question {n}" for n in range(len(answers))
    ]
