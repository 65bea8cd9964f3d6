"""Servers that fail in every way: nothing is lost, and the road is told from the answer."""

import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from chat_server import after, chat_server, completion, cut, failing, ok, sent, value

from baselines.vlm.bounded import MAX_BYTES
from baselines.vlm.config import VlmConfig
from baselines.vlm.prompts import caption_request, retrieval_request
from baselines.vlm.records import FINAL, Frames, Reply, Video
from baselines.vlm.remote import RemoteRunner
from vid2vidmr.errors import UserError


def endless(handler: BaseHTTPRequestHandler) -> None:
    """A body that trickles on for ever."""
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.end_headers()
    while not handler.wfile.closed:
        handler.wfile.write(b" ")
        handler.wfile.flush()
        time.sleep(0.05)


CONFIG = VlmConfig(model="served", max_tokens=33)


@pytest.fixture
def frames(tmp_path) -> Frames:
    found = Frames(tmp_path)
    for name in ("q0", "t0", "t1"):
        found.path(name).parent.mkdir(parents=True, exist_ok=True)
        found.path(name).write_bytes(b"\xff\xd8" + name.encode())
    return found


def request(i: int = 0):
    target = Video(sha256=("t0", "t1"), times_s=(0.0, 0.5 + i), duration_s=10.0 + i)
    return retrieval_request(Video(sha256=("q0",), times_s=(0.0,), duration_s=1.0), target, CONFIG)


def asked(
    frames: Frames, answer: Callable[[dict[str, Any], int], Any], n: int = 1, **settings: Any
) -> tuple[list[Reply], list[dict[str, Any]]]:
    with chat_server(answer) as server:
        settings = {"retries": 0, "timeout_s": 60.0, "concurrency": 4} | settings
        runner = RemoteRunner(server.url, "served", frames, **settings)
        replies = list(runner.generate((f"key-{i}", request(i)) for i in range(n)))
        return replies, server.bodies


def test_a_request_is_text_and_images_in_order(frames):
    (reply,), (body,) = asked(frames, lambda body, n: "12 - 20")
    assert (reply.text, reply.finish, reply.error) == ("12 - 20", "stop", None)
    assert (reply.input_tokens, reply.output_tokens, reply.model) == (90, 10, "served")
    assert reply.engine.keys() == {"server", "openai", "response_format"}
    schema = body["response_format"]["json_schema"]["schema"]
    assert schema["required"] == ["start_s", "end_s"]
    assert (body["model"], body["max_tokens"], body["temperature"]) == ("served", 33, 0)
    content = body["messages"][0]["content"]
    assert [part["type"] for part in content] == [
        "text", "image_url", "text", "image_url", "text", "image_url", "text",
    ]  # fmt: skip
    assert content[2]["text"].endswith("[0.0s]")
    assert content[4]["text"] == "[0.5s]"
    assert content[5]["image_url"]["url"].startswith("data:image/jpeg;base64,")


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (failing(500), "status 500"),
        (failing(503), "status 503"),
        (failing(429), "status 429"),
        (failing(400), "status 400"),
        (sent(b"<html>Welcome</html>", "text/html"), "not json"),
        (sent(b"<html>Welcome</html>"), "not json"),
        (sent(b"{", "application/json"), "not json"),
        (value({}), "no choices"),
        (value([]), "not json"),
        (value(completion("x", choices=[])), "no choices"),
        (value(completion("x", choices=None)), "no choices"),
        (value(completion("x", choices=[{"index": 0, "message": None}])), "no choices"),
        (value(completion("x", choices={"a": 1})), "no choices"),
        (value(completion("x", choices=["a"])), "no choices"),
        (value(completion("x", choices=[{"message": "a"}])), "no choices"),
        (sent(b"[" * 100_000), "not json"),
        (sent(b'{"choices": ' + b"9" * 5000 + b"}"), "not json"),
        (sent(b"\xff\xfe{}"), "not json"),
        (sent(b" " * (MAX_BYTES + 1)), "too much"),
        (sent(b"x", Content_Encoding="gzip"), "too much"),
        (endless, "too much"),
        (cut, "connection"),
        (after(2.0, ok("late")), "timeout"),
    ],
)
def test_what_is_no_answer_is_an_error_of_its_own(frames, behaviour, error):
    timeout_s = 0.5 if error == "timeout" or behaviour is endless else 60.0
    (reply,), _ = asked(frames, lambda body, n: behaviour, timeout_s=timeout_s)
    assert reply.text is None
    assert reply.error == error
    assert (error in FINAL) == (error == "status 400")


@pytest.mark.parametrize(
    ("behaviour", "text", "finish", "tokens"),
    [
        (ok(None), "", "stop", 10),
        (ok("cut off at", finish="length"), "cut off at", "length", 10),
        (ok("12 - 20", usage=None), "12 - 20", "stop", None),
        (value(completion("12 - 20") | {"usage": {"prompt_tokens": 3}}), "12 - 20", "stop", None),
        (after(0.3, ok("slow")), "slow", "stop", 10),
        (ok("\ud800 12 - 20"), "? 12 - 20", "stop", 10),
        (ok(5), "5", "stop", 10),  # type: ignore[arg-type]
        (
            ok([{"type": "text", "text": "1 - 2"}]),
            '[{"type": "text", "text": "1 - 2"}]',
            "stop",
            10,
        ),
        (ok("x", finish=3, model=["a"]), "x", None, 10),  # type: ignore[arg-type]
        (ok("x", usage={"prompt_tokens": "9", "completion_tokens": -1}), "x", "stop", None),
        (ok("x", usage=[1]), "x", "stop", None),
        (
            value(
                completion(
                    "",
                    choices=[
                        {
                            "index": 0,
                            "finish_reason": "stop",
                            "message": {"role": "assistant", "refusal": "I cannot."},
                        }
                    ],
                )
            ),
            "I cannot.",
            "stop",
            10,
        ),
    ],
)
def test_what_a_model_leaves_out_is_an_answer(frames, behaviour, text, finish, tokens):
    (reply,), _ = asked(frames, lambda body, n: behaviour)
    assert (reply.text, reply.finish, reply.output_tokens) == (text, finish, tokens)
    assert reply.error is None


@pytest.mark.parametrize("status", [400, 404, 422])
def test_a_server_that_knows_no_json_schema_is_asked_without_from_then_on(frames, status):
    def answer(body: dict[str, Any], n: int) -> Any:
        return failing(status) if "response_format" in body else "12 - 20"

    replies, bodies = asked(frames, answer, 3, concurrency=1)
    assert [reply.text for reply in replies] == ["12 - 20"] * 3
    assert ["response_format" in body for body in bodies] == [True, False, False, False]
    assert all("response_format" not in reply.engine for reply in replies)


def test_a_caption_is_not_asked_for_as_json(frames):
    with chat_server(lambda body, n: "A goal.") as server:
        runner = RemoteRunner(server.url, "served", frames)
        clip = Video(sha256=("t0",), times_s=(0.0,), duration_s=10.0)
        list(runner.generate([("k", caption_request(clip, CONFIG))]))
    assert "response_format" not in server.bodies[0]


def test_no_key_and_no_password_is_kept(frames, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-verysecret")

    def answer(body: dict[str, Any], n: int) -> Any:
        return sent(b'{"error": {"message": "bad sk-verysecret"}}', status=400 if n < 2 else 404)

    with chat_server(answer) as server:
        url = server.url.replace("http://", "http://me:pass@")
        runner = RemoteRunner(url, "served", frames, retries=0, concurrency=1)
        (reply,) = runner.generate([("k", request())])
        assert reply.error == "status 400"
        assert "***" in (reply.error_text or "")
        with pytest.raises(UserError, match="answers 404") as told:
            list(runner.generate([("k", request())]))
    for text in (reply.model_dump_json(), str(told.value)):
        assert "verysecret" not in text
        assert "pass" not in text


@pytest.mark.parametrize("first", [failing(429, Retry_After="0"), failing(500), cut])
def test_what_may_pass_is_tried_again_and_what_cannot_is_not(frames, first):
    (reply,), bodies = asked(frames, lambda body, n: first if n < 2 else "12 - 20", retries=3)
    assert reply.text == "12 - 20"
    assert len(bodies) == 3
    _, bodies = asked(frames, lambda body, n: failing(400), retries=3)
    assert ["response_format" in body for body in bodies] == [True, False]


@pytest.mark.parametrize(
    ("status", "says"),
    [(401, "refuses the key"), (403, "refuses the key"), (404, "answers 404 to .*'served'")],
)
def test_what_no_request_could_do_stops_all(frames, status, says):
    with pytest.raises(UserError, match=says):
        asked(frames, lambda body, n: failing(status), 20)


def test_what_was_answered_before_a_stop_is_given(frames):
    with chat_server(lambda body, n: failing(401) if n == 3 else "12 - 20") as server:
        runner = RemoteRunner(server.url, "served", frames, concurrency=1, retries=0)
        answers = runner.generate((f"key-{i}", request(i)) for i in range(9))
        assert [next(answers).text for _ in range(3)] == ["12 - 20"] * 3
        with pytest.raises(UserError):
            next(answers)


def test_not_more_than_so_many_requests_run_at_a_time(frames):
    import threading

    running, most, lock = 0, 0, threading.Lock()

    def answer(body: dict[str, Any], n: int) -> str:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        threading.Event().wait(0.05)
        with lock:
            running -= 1
        return "12 - 20"

    replies, _ = asked(frames, answer, 20, concurrency=3)
    assert {reply.key for reply in replies} == {f"key-{i}" for i in range(20)}
    assert most == 3


def test_the_native_layout_is_not_for_servers(frames):
    from dataclasses import replace

    config = replace(CONFIG, layout="native")
    clip = Video(sha256=("t0",), times_s=(0.0,), duration_s=10.0)
    with chat_server(lambda body, n: "x") as server:
        runner = RemoteRunner(server.url, "served", frames)
        with pytest.raises(UserError, match="native layout runs only where"):
            list(runner.generate([("k", retrieval_request(clip, clip, config))]))


def test_every_request_may_meet_another_fault_and_none_is_lost(frames):
    faults = [failing(500), cut, sent(b"<html>", "text/html"), ok(None), value({}), ok("12 - 20")]
    replies, _ = asked(frames, lambda body, n: faults[n % len(faults)], 30)
    assert len(replies) == len({reply.key for reply in replies}) == 30
    assert sum(reply.error is None for reply in replies) == 10
