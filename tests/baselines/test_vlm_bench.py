"""The whole chain through the command line, with stand-ins that know, guess or refuse."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from chat_server import chat_server, cut, failing, numbered_dataset, sent, sent_images

from baselines.vlm.remote import RemoteRunner
from vid2vidmr.data.dataset import load_dataset

METHOD = "vlm:user/model"


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    numbered_dataset(folder)
    return folder


@pytest.fixture
def home(data, tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def truth(data: Path):
    """Answer with the ground truth, told from the images alone: that is all a request has."""
    windows = {
        protocol: {
            p.pair_id: p.windows[0] for p in load_dataset(data).pairs("test").under(protocol)
        }
        for protocol in ("official", "recropped")
    }

    def answer(body, n):
        images = sent_images(body)
        for path in Path.cwd().rglob("requests.jsonl"):
            header, *rows = map(json.loads, path.read_text().splitlines())
            protocol = header["header"]["protocol"].partition(",")[0]
            for row in rows:
                shown = [p["sha256"] for p in row["request"]["content"] if p["type"] == "image"]
                if tuple(shown) == images:
                    start, end = windows[protocol][row["pair_id"]]
                    return f"The moment happens in {start:.3f} - {end:.3f} seconds."
        raise AssertionError("no such request")

    return answer


def bench(cli, data, server, monkeypatch, *more):
    monkeypatch.setenv("VID2VIDMR_VLM_URL", server.url)
    asked = ["bench", "--dataset", data, "--methods", METHOD, "--seeds", "1", "--out", "runs"]
    return cli(*asked, *more)


def results(name="vlm-user-model") -> dict[str, dict]:
    found = {}
    for path in Path("runs", name).glob("*/*/result.json"):
        result = json.loads(path.read_text())
        found[result["header"]["protocol"]] = result
    return found


def read_lines(path: str) -> list[dict]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_the_truth_scores_100(cli, data, home, monkeypatch):
    with chat_server(truth(data)) as server:
        ran = bench(cli, data, server, monkeypatch)
    assert ran.code == 0, ran.err
    assert re.search(r"vlm:user/model\s+100\.0", ran.out)
    found = results()
    for protocol in ("official", "recropped"):
        result = found[protocol]
        assert result["metrics"]["mIoU"]["value"] > 99.9
        assert result["metrics"]["R1@0.7"]["value"] == 100
        assert result["kind"] == "untrained"
        details = result["details"]
        assert details["answered"] == "50/50"
        assert (details["failed"], details["unanswered"], details["strict"]) == (0, 0, 100)
        assert details["strict mIoU"] > 99.9
        assert details["contamination"] == "unknown"
    # A model that needs no query loses nothing when it is another one.
    assert found["official, wrong queries"]["metrics"]["mIoU"]["value"] > 99.9


def test_noise_scores_as_random_does(cli, data, home, monkeypatch):
    def noise(body, n):
        seed = zlib.crc32(json.dumps(body, sort_keys=True).encode())  # not by order of arrival
        start, end = sorted(np.random.default_rng(seed).uniform(0, 60, 2))
        return f"{start:.1f} - {end:.1f} seconds"

    with chat_server(noise) as server:
        ran = bench(cli, data, server, monkeypatch, "--protocol", "official", "--json")
    assert ran.code == 0, ran.err
    rows = {r["header"]["method"]: r["metrics"]["mIoU"] for r in json.loads(ran.out)["results"]}
    # Both are noise, on 50 pairs of 12 videos: their intervals overlap.
    assert rows["random"]["low"] < rows[METHOD]["high"]
    assert rows[METHOD]["low"] < rows["random"]["high"] < 50


def test_a_refusal_scores_0_and_shows_why(cli, data, home, monkeypatch):
    with chat_server(lambda body, n: "I'm sorry, but I cannot determine the timestamps.") as server:
        ran = bench(cli, data, server, monkeypatch, "--protocol", "official")
    assert ran.code == 0, ran.err
    assert re.search(r"vlm:user/model\s+0\.0", ran.out)
    result = results()["official"]
    assert result["coverage"] == 0
    assert result["details"]["failed"] == result["details"]["failed, refusal"] == 100


def test_leniency_is_told_from_strictness(cli, data, home, monkeypatch):
    def lenient(body, n):
        return ["40.0 - 20.0 seconds", "10 - 20 seconds, 30 - 40 seconds", "50 - 90 s"][n % 3]

    with chat_server(lenient) as server:
        bench(cli, data, server, monkeypatch, "--protocol", "official")
    details = results()["official"]["details"]
    assert details["failed"] == details["strict"] == details["strict mIoU"] == 0
    shares = [details[f"lenient, {flag}"] for flag in ("swapped", "first", "clipped")]
    assert sum(shares) == pytest.approx(100, abs=0.1)
    assert results()["official"]["metrics"]["mIoU"]["value"] > 0


def test_seeds_ask_in_other_words(cli, data, home, monkeypatch):
    said = set()

    def answer(body, n):
        said.add(body["messages"][0]["content"][-1]["text"])
        return f"{10 + len(said)} - 30 seconds"

    with chat_server(answer) as server:
        monkeypatch.setenv("VID2VIDMR_VLM_URL", server.url)
        ran = cli("bench", "--dataset", data, "--methods", METHOD, "--seeds", "0,1,6",
                  "--protocol", "official", "--out", "runs")  # fmt: skip
    assert ran.code == 0, ran.err
    # Seeds 1 and 6 ask in the same words, but the target comes first.
    assert len({text.partition("]")[2] or text for text in said}) == 2
    read = [json.loads(p.read_text()) for p in Path("runs").glob("vlm*/*/official/result.json")]
    seeds = {result["header"]["seed"]: result["details"]["order"] for result in read}
    assert seeds == {0: "query-first", 1: "query-first", 6: "target-first"}
    assert " sd" in ran.out


def test_faults_are_asked_again_and_only_they(cli, data, home, monkeypatch):
    faults = [failing(500), cut, sent(b"<html>", "text/html")]
    broken = True

    def answer(body, n):
        return faults[n % 3] if broken and n % 2 else "10 - 20 seconds"

    monkeypatch.setitem(RemoteRunner.__init__.__kwdefaults__, "retries", 0)
    with chat_server(answer) as server:
        bench(cli, data, server, monkeypatch, "--protocol", "official")
        first = len(server.bodies)
        result = results()["official"]
        assert 0 < result["details"]["unanswered"] < 50
        assert result["details"]["failed"] == 0  # the road failed, not the model
        broken = False
        ran = bench(cli, data, server, monkeypatch, "--protocol", "official")
        assert ran.code == 0
        assert results()["official"]["details"]["unanswered"] == 0
        assert len(server.bodies) - first < first
        bench(cli, data, server, monkeypatch, "--protocol", "official")
        total = len(server.bodies)
        bench(cli, data, server, monkeypatch, "--protocol", "official")
        assert len(server.bodies) == total


def test_a_server_that_is_not_there_ends_the_run(cli, data, home, monkeypatch):
    monkeypatch.setitem(RemoteRunner.__init__.__kwdefaults__, "retries", 0)
    with chat_server(lambda body, n: "10 - 20") as server:
        pass
    ran = bench(cli, data, server, monkeypatch, "--protocol", "official")
    assert ran.code == 1
    assert "None of 16 requests reached the server" in ran.err
    with chat_server(lambda body, n: "10 - 20") as server:
        assert bench(cli, data, server, monkeypatch, "--protocol", "official").code == 0


def test_killed_in_the_middle_it_continues_without_asking_twice(data, home, monkeypatch):
    def answer(body, n):
        time.sleep(0.05)
        return "10 - 20 seconds"

    with chat_server(answer) as server:
        command = [sys.executable, "-m", "vid2vidmr", "bench", "--dataset", str(data), "--methods",
                   METHOD, "--seeds", "1", "--protocol", "official", "--out", "runs"]  # fmt: skip
        environment = os.environ | {"VID2VIDMR_VLM_URL": server.url}

        def start():
            return subprocess.Popen(
                command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )  # fmt: skip

        def kept() -> int:
            return sum(p.read_text().count("\n") for p in Path("runs").rglob("raw_answers.jsonl"))

        kills = 3
        for _ in range(kills):
            running = start()
            deadline = time.monotonic() + 120
            before = kept()
            while kept() < before + 5:
                assert running.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.01)
            os.killpg(running.pid, signal.SIGKILL)
            running.wait()
        assert start().wait(timeout=300) == 0
        answered = {p: results()[p]["details"]["answered"] for p in results()}
        assert set(answered.values()) == {"50/50"}
        different = {json.dumps(body, sort_keys=True) for body in server.bodies}
        # Everything was asked once, but for what was under way at a kill: 8 requests at most.
        assert len(different) <= len(server.bodies) <= len(different) + 8 * kills
        for path in Path("runs").rglob("raw_answers.jsonl"):
            keys = [row["key"] for row in read_lines(path)]
            assert len(set(keys)) == len(keys)


def test_the_steps_one_by_one_and_answers_of_another_program(cli, data, home, monkeypatch):
    ran = cli("vlm", "prepare", "--dataset", data, "--method", METHOD, "--out", "asked")
    assert "50 requests are in asked" in ran.out
    with chat_server(truth(data)) as server:
        ran = cli("vlm", "generate", "asked", "--url", server.url)
        assert ran.code == 0
        assert "requests have an answer" in ran.out
        before = len(server.bodies)
        cli("vlm", "generate", "asked", "--url", server.url)
        assert len(server.bodies) == before
    ran = cli("vlm", "parse", "asked")
    assert re.search(r"answered\s+50/50", ran.out)
    ran = cli("evaluate", "asked/predictions.jsonl", "--dataset", data)
    assert re.search(r"R1@0.7\s+100\.00", ran.out)

    pairs = [row["pair_id"] for row in read_lines("asked/requests.jsonl")[1:]]
    rows = [{"pair_id": p, "text": "between 10 and 20 seconds", "finish": "stop"} for p in pairs]
    Path("theirs.jsonl").write_text("\n".join(map(json.dumps, rows[:-1])))
    ran = cli("vlm", "parse", "asked", "--answers", "theirs.jsonl", "--out", "theirs/p.jsonl",
              "--json")  # fmt: skip
    assert json.loads(ran.out)["details"]["answered"] == "49/50"
    assert json.loads(ran.out)["details"]["unanswered"] == 1
    outcomes = read_lines("theirs/answers.jsonl")
    assert outcomes[0]["start_s"] == 10
    assert outcomes[-1] == {"pair_id": pairs[-1], "status": "unanswered", "reason": "not asked"}


def test_tokens_have_a_price_where_there_is_a_table(cli, data, home, monkeypatch):
    cli("vlm", "prepare", "--dataset", data, "--method", METHOD, "--out", "asked")
    with chat_server(lambda body, n: "10 - 20 seconds") as server:
        cli("vlm", "generate", "asked", "--url", server.url)
        n = len(server.bodies)
    Path("prices.json").write_text('{"user/model": {"input": 1.0, "output": 10.0}}')
    monkeypatch.setenv("VID2VIDMR_PRICES", "prices.json")
    details = json.loads(cli("vlm", "parse", "asked", "--json").out)["details"]
    assert details["input tokens"] == 90 * n
    assert details["cost"] == pytest.approx((90 * n + 10 * 10 * n) / 1e6)
    Path("prices.json").write_text('{"user/model": 3}')
    ran = cli("vlm", "parse", "asked")
    assert ran.code == 2
    assert "prices.json is no table of prices" in ran.err


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (['{"pair_id": "nobody", "text": "1 - 2"}'], "line 1 is an answer of the unknown pair"),
        (['{"pair_id": "pair-000", "text": "1 - 2"}'] * 2, "line 2 is a second answer of pair"),
        (['{"pair_id": "pair-000", "text": 3}'], "line 1 is no raw answer"),
        (['{"text": "1 - 2"}'], "no answer to these requests"),
        (["[]"], "line 1 is no raw answer"),
        ([], "no answer to these requests"),
    ],
)
def test_wrong_raw_answers_are_refused_in_a_line(cli, data, home, lines, says):
    cli("vlm", "prepare", "--dataset", data, "--method", METHOD, "--out", "asked")
    Path("theirs.jsonl").write_text("\n".join(lines))
    ran = cli("vlm", "parse", "asked", "--answers", "theirs.jsonl")
    assert ran.code == 2
    assert says in ran.err
    assert "Traceback" not in ran.err


def test_wrong_names_are_answered_with_the_right_ones(cli, data, home):
    ran = cli("bench", "--dataset", data, "--methods", "vlm:qwen3-vl-9b")
    assert "did you mean 'vlm:qwen3-vl-8b'?" in ran.err
    ran = cli("bench", "--dataset", data, "--methods", "vlm:qwen3-vl-8b@two-videos")
    assert "did you mean 'two-video'?" in ran.err
    ran = cli("bench", "--dataset", data, "--methods", "vml:qwen3-vl-8b")
    assert "Unknown group of methods 'vml': did you mean 'vlm'?" in ran.err
    assert "vlm:qwen3-vl-8b" in cli("methods").out
    shown = cli("methods", "show", "vlm:qwen3-vl-8b").out
    assert "two-video-native" in shown and "baselines/vlm/README.md" in shown.replace("\n", "")
