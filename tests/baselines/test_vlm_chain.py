"""Tiny models of the real families, loaded here: from the files of minimatch to its windows."""

import json
import shutil
from pathlib import Path

import pytest
from vlm_models import FAMILIES, VIDEO_LLAVA, make_model

ANSWER = "The moment happens in 12.0 - 20.5 seconds."


# Video-LLaVA was not trained on images among text: its presets are native only.
CASES = [
    (family, layout)
    for family in FAMILIES
    for layout in ("interleaved", "native")
    if (family, layout) != (VIDEO_LLAVA, "interleaved")
]


@pytest.mark.parametrize(("family", "layout"), CASES)
def test_a_forced_answer_is_the_window_of_every_pair(family, layout, cli, tiny, tmp_path):
    data = shutil.copytree(tiny, tmp_path / "data")  # frames go into it
    model = make_model(family, tmp_path / "model", ANSWER)
    name = f"vlm:{model}"
    config = {"model": str(model), "layout": layout, "query_frames": 2, "target_frames": 3,
              "size": 56, "batch_size": 2}  # fmt: skip
    Path("tiny.json").write_text(json.dumps({"method": name, "config": config}))
    asked = ("bench", "--dataset", data, "--methods", f"{name}@tiny.json", "--seeds", "1")
    ran = cli(*asked, "--protocol", "official", "--out", "runs")
    assert ran.code == 0, ran.err
    (folder,) = (path.parent for path in Path("runs").glob("vlm*/*/official/result.json"))
    details = json.loads((folder / "result.json").read_text())["details"]
    assert details["answered"] == "4/4"
    assert details["strict"] == 100
    assert (details["query frames"], details["target frames"]) == (2, 3)
    assert "transformers " in details["engine"]
    assert details["contamination"] == "no"
    lines = (folder / "predictions.jsonl").read_text().splitlines()[1:]
    assert {tuple(json.loads(line)["windows"][0]) for line in lines} == {(12.0, 20.5, 1.0)}
    replies = (folder / "predictions.work" / "raw_answers.jsonl").read_text().splitlines()
    assert {json.loads(line)["text"] for line in replies} == {ANSWER}
