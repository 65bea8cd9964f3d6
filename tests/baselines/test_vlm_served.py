"""A bench of 50 pairs that a real server answers: `transformers serve` with a tiny model."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from chat_server import numbered_dataset


def test_transformers_serve_answers_a_bench_that_is_killed(
    served: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    data = numbered_dataset(tmp_path / "data").path
    # A tiny model has little room: few small frames.
    config = {"model": served.model, "query_frames": 2, "target_frames": 4, "size": 56}
    name = f"vlm:{served.model}"
    Path("tiny.json").write_text(json.dumps({"method": name, "config": config}))
    command = [
        sys.executable, "-m", "vid2vidmr", "bench", "--dataset", str(data), "--methods",
        f"{name}@tiny.json", "--seeds", "1", "--protocol", "official", "--out", "runs",
    ]  # fmt: skip

    def start() -> "subprocess.Popen[str]":
        return subprocess.Popen(
            command, env=os.environ | {"VID2VIDMR_VLM_URL": served.url}, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def replies() -> list[dict[str, Any]]:
        texts = [p.read_text() for p in Path("runs").rglob("raw_answers.jsonl")]
        whole = [line for text in texts for line in text.splitlines(keepends=True) if "\n" in line]
        return [json.loads(line) for line in whole]

    running, deadline = start(), time.monotonic() + 240
    while len(replies()) < 5:
        assert running.poll() is None, running.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    kept = {reply["key"] for reply in replies()}
    again = start()
    said = again.communicate(timeout=400)[0]
    assert again.returncode == 0, said
    found = replies()
    assert len({reply["key"] for reply in found}) == len(found)  # nothing was asked twice
    assert kept < {reply["key"] for reply in found}
    (path,) = Path("runs").glob("vlm*/*/official/result.json")
    result = json.loads(path.read_text())
    assert result["details"]["answered"] == "50/50"
    assert result["details"]["failed"] == 0
    assert result["details"]["input tokens"] > 0
    answers = (path.parent / "predictions.work" / "answers.jsonl").read_text().splitlines()
    assert all(json.loads(line)["text"] == served.answer for line in answers)
    assert {json.loads(line)["start_s"] for line in answers} == {12.0}
