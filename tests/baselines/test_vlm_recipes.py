"""The scripts in docs/vlm-recipes.md: what they share is run, the models' parts are compiled."""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from baselines.vlm.config import VlmConfig
from baselines.vlm.prompts import retrieval_request
from baselines.vlm.records import Video

DOC = Path(__file__).parents[2] / "docs/vlm-recipes.md"
SCRIPTS = {
    script.split("\n")[0].removeprefix("# ").split(",")[0]: script
    for script in re.findall(r"```python\n(.*?)```", DOC.read_text("utf-8"), re.DOTALL)
}
GREYS = [40, 120, 200]


@pytest.fixture
def asked():
    module = {}
    exec(SCRIPTS["asked.py"], module)
    return module


def write_requests(folder, query="someone jumps", layout="interleaved"):
    """Three frames of a target of 6 s, shown at 0, 2 and 4 s; then a pair that is done."""
    names = ["ab" + c * 62 for c in "012"]
    (folder / "frames/ab").mkdir(parents=True)
    for name, grey in zip(names, GREYS, strict=True):
        cv2.imwrite(str(folder / f"frames/ab/{name}.jpg"), np.full((32, 64, 3), grey, np.uint8))
    target = Video(sha256=tuple(names), times_s=(0.0, 2.0, 4.0), duration_s=6.0)
    request = retrieval_request(query, target, VlmConfig(model="m", layout=layout))
    row = {"duration_s": 6.0, "frame_times_s": [0, 2, 4], "request": request.model_dump()}
    rows = [{"header": {}}] + [{"pair_id": pair_id, **row} for pair_id in ("p0", "p1")]
    (folder / "requests.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows))
    return target


@pytest.mark.parametrize("layout", ["interleaved", "native"])
def test_requests_become_questions_about_a_video(asked, tmp_path, layout):
    write_requests(tmp_path, layout=layout)
    out = tmp_path / "answers.jsonl"
    asked["append"](out, "p0", "12 - 20", finish="stop")
    questions = asked["unanswered"](tmp_path, out)
    pair_id, question, path = next(questions)
    assert pair_id == "p1"
    assert "Query: someone jumps\n" in question
    assert "START" in question
    assert "[2.0s]" not in question
    video = cv2.VideoCapture(path)
    frames = []
    while (read := video.read())[0]:
        frames.append(read[1].mean())
    assert video.get(cv2.CAP_PROP_FPS) == 10
    expected = [GREYS[min(round(i / 20 - 1e-6), 2)] for i in range(60)]
    assert frames == pytest.approx(expected, abs=8)  # the clock is that of the target
    asked["append"](out, "p1", "3 - 4")
    assert list(questions) == []
    assert [json.loads(line) for line in out.read_text().splitlines()] == [
        {"pair_id": "p0", "text": "12 - 20", "finish": "stop"},
        {"pair_id": "p1", "text": "3 - 4"},
    ]


def test_two_videos_are_refused(asked, tmp_path):
    target = write_requests(
        tmp_path, query=Video(sha256=("ab" + "0" * 62,), times_s=(0.0,), duration_s=1.0)
    )
    assert len(target.sha256) == 3
    with pytest.raises(SystemExit, match="caption"):
        next(asked["unanswered"](tmp_path, tmp_path / "answers.jsonl"))


@pytest.mark.parametrize("name", ["ask_timechat.py", "ask_video_llama.py", "ask_videollama2.py"])
def test_scripts_compile(name):
    compile(SCRIPTS[name], name, "exec")
