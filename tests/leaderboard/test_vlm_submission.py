"""A vision-language model on the board: what failed and what it cost stand on its page."""

import json
from pathlib import Path

import yaml
from chat_server import chat_server, numbered_dataset

CARD = {
    "name": "my-model@two-video",
    "title": "A stand-in that refuses every third pair",
    "kind": "untrained",
    "contamination": "unknown",
}


def test_failures_stand_on_the_page_of_a_submission(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VID2VIDMR_DATA", str(tmp_path / "data"))
    numbered_dataset(tmp_path / "data" / "mini")

    def answer(body, n):
        return "I'm sorry, but I cannot." if n % 3 == 0 else "10 - 20 seconds"

    with chat_server(answer) as server:
        monkeypatch.setenv("VID2VIDMR_VLM_URL", server.url)
        ran = cli("bench", "--dataset", "mini", "--methods", "vlm:user/model", "--seeds", "1",
                  "--protocol", "official", "--out", "runs")  # fmt: skip
    assert ran.code == 0, ran.err
    (run,) = Path("runs").glob("vlm*/*")
    result = json.loads((run / "official" / "result.json").read_text())
    Path("card.yaml").write_text(yaml.safe_dump(CARD))
    ran = cli("submit", run, "--card", "card.yaml", "--submissions", "board")
    assert ran.code == 0, ran.err
    assert cli("leaderboard", "verify", "--submissions", "board").code == 0
    ran = cli("leaderboard", "build", "--out", "site", "--submissions", "board")
    assert ran.code == 0, ran.err
    page = Path("site/submissions/mini/my-model-two-video.html").read_text()
    failed = result["details"]["failed, refusal"]
    assert 0 < failed < 100
    for key in ("failed, refusal", "strict mIoU", "target frames", "input tokens", "contamination"):
        assert f"<dt>{key}</dt><dd>{result['details'][key]}</dd>" in page
