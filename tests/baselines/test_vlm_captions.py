"""Captions in three tracks that are never mixed, and the protocol that asks by them."""

import json
from pathlib import Path

import pytest
from chat_server import chat_server, failing, numbered_dataset

METHOD = "vlm:user/model"


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    numbered_dataset(tmp_path / "data", pairs=12, videos=6)
    return tmp_path / "data"


def captions(data: Path, name: str) -> dict[str, str]:
    lines = (data / "captions" / f"{name}.jsonl").read_text().splitlines()
    return {row["moment_id"]: row["caption"] for row in map(json.loads, lines)}


def caption(cli, data, url, *more, method=METHOD):
    return cli("vlm", "caption", "--dataset", data, "--method", method, "--url", url, *more)


def test_every_query_gets_a_caption_once_and_methods_ask_by_it(cli, data, monkeypatch):
    def answer(body, n):
        parts = body["messages"][0]["content"]
        if "Describe in one sentence" in parts[-1]["text"]:
            return f"<think>hm</think>A player\nkicks, number {n}."
        assert sum(part["type"] == "image_url" for part in parts) == 64  # of the target alone
        assert "Query: A player kicks, number " in parts[0]["text"]
        return "10 - 20 seconds"

    with chat_server(answer) as server:
        ran = caption(cli, data, server.url, "--track", "common")
        assert ran.code == 0, ran.err
        found = captions(data, "common")
        assert set(found) == {f"moment-cup-final_{i}" for i in range(6)}
        assert found["moment-cup-final_0"].startswith("A player kicks, number ")
        asked = len(server.bodies)
        assert asked == 6
        caption(cli, data, server.url, "--track", "common")
        assert len(server.bodies) == asked
        monkeypatch.setenv("VID2VIDMR_VLM_URL", server.url)
        ran = cli("bench", "--dataset", data, "--methods", f"{METHOD}@caption-common",
                  "--protocol", "official", "--seeds", "1", "--out", "runs")  # fmt: skip
        assert ran.code == 0, ran.err
        ran = cli("bench", "--dataset", data, "--methods", f"{METHOD}@caption-own", "--seeds", "1")
        assert ran.code == 1
        assert "own-user-model.jsonl is missing: write them with" in ran.err
        ran = cli("bench", "--dataset", data, "--methods", f"{METHOD}@caption-released")
        assert "released.jsonl is missing: put the published captions there" in ran.err


def test_tracks_are_not_mixed(cli, data):
    with chat_server(lambda body, n: "A player kicks.") as server:
        assert caption(cli, data, server.url, "--track", "common").code == 0
        ran = caption(cli, data, server.url, "--track", "common", method="vlm:user/other")
        assert ran.code == 2
        assert "common.jsonl holds captions made otherwise" in ran.err
        assert caption(cli, data, server.url, "--track", "own", method="vlm:user/other").code == 0
        assert (data / "captions" / "own-user-other.jsonl").exists()
        (data / "captions" / "own-user-model.jsonl").write_text("")
        ran = caption(cli, data, server.url, "--track", "own")
        assert "was not written by `vlm caption`" in ran.err


def test_what_failed_is_asked_again(cli, data, monkeypatch):
    from baselines.vlm.remote import RemoteRunner

    monkeypatch.setitem(RemoteRunner.__init__.__kwdefaults__, "retries", 0)
    broken = True

    def answer(body, n):
        return failing(500) if broken and n == 2 else "A player kicks."

    with chat_server(answer) as server:
        ran = caption(cli, data, server.url, "--track", "common")
        assert ran.code == 1
        assert "No caption yet of 1 query: run it again" in ran.err
        assert len(captions(data, "common")) == 5
        broken = False
        assert caption(cli, data, server.url, "--track", "common").code == 0
        assert len(captions(data, "common")) == 6
        assert len(server.bodies) == 7
