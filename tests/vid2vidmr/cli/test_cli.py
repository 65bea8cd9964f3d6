"""Every command, end to end, on a tiny minimatch."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from coded_video import constant_rate, write_video
from conftest import ENCODER, Ran

from vid2vidmr.data.dataset import load_dataset

Cli = Callable[..., Ran]
COMMANDS = (
    "build", "features", "datasets", "export", "push", "methods", "train", "predict", "retrieve",
    "import-checkpoint", "index", "search", "app", "bench", "ablate", "tune", "pretrain",
    "evaluate", "analyze", "runs", "compare", "info",
)  # fmt: skip


def test_help_names_every_command_in_groups(cli: Cli) -> None:
    ran = cli("--help")
    assert ran.code == 0
    for command in COMMANDS:
        assert re.search(rf"^│ {command} +[A-Z].*\.", ran.out, re.MULTILINE), command
    for panel in ("Data", "Methods", "Archive", "Scores"):
        assert f"─ {panel} ─" in ran.out
    assert "vid2vidmr build minimatch" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_help_lists_panels_in_the_order_of_work(cli: Cli) -> None:
    found = re.findall(r"^(?:╭─ (\w[\w ]*) ─|│ ([\w-]+)  )", cli("--help").out, re.MULTILINE)
    names = [panel or command for panel, command in found]
    assert names[names.index("Data") :][:9] == [
        "Data", "build", "features", "datasets", "export", "push", "Methods", "methods", "pretrain"
    ]  # fmt: skip


@pytest.mark.parametrize("command", [*COMMANDS, "methods show"])
def test_help_of_a_command_has_an_example(cli: Cli, command: str) -> None:
    ran = cli(*command.split(), "--help")
    assert ran.code == 0
    assert f"Example: vid2vidmr {command}" in ran.out


def test_version(cli: Cli) -> None:
    from vid2vidmr import __version__

    assert cli("--version").out.strip() == __version__


def test_a_wrong_option_is_a_usage_error(cli: Cli) -> None:
    assert cli("bench", "--dataset", "minimatch", "--protocol", "wrong").code == 2
    assert cli("bench", "--dataset", "minimatch", "--seeds", "two").code == 2
    assert cli("no-such-command").code == 2


def test_methods_lists_kinds_and_sources(cli: Cli) -> None:
    listed = {method["name"]: method for method in json.loads(cli("methods", "--json").out)}
    assert listed["matr"]["kind"] == "trained"
    assert listed["dtw-match"]["kind"] == "untrained"
    assert listed["random"]["kind"] == "bias"
    assert all(method["source"] for method in listed.values())
    assert "whole-video" in cli("methods").out


def test_methods_show_tells_all_of_one(cli: Cli) -> None:
    card = json.loads(cli("methods", "show", "univtg", "--json").out)
    assert card["info"]["licence"] == "own code; original MIT"
    assert card["trained_on"].startswith("the train pairs")
    assert card["imports_published"]
    assert Path(card["readme"]).parts[-3:] == ("baselines", "univtg", "README.md")
    presets = card["presets"]
    assert presets["paper"]["base"] is None
    assert presets["trained+V"] == {**presets["paper"], "base": "paper", "fields": {}}
    assert presets["middle-frame"]["fields"] == {"query": "middle-frame"}
    assert presets["small-middle-frame"]["base"] == "small"
    assert presets["finetuned+T"]["needs_init"] and presets["finetuned+T"]["parameters"] is None
    assert card["search"]["d"] == [64, 128]
    wider = json.loads(cli("methods", "show", "univtg", "--dim", 1280, "--json").out)
    assert wider["presets"]["paper"]["parameters"] > presets["paper"]["parameters"]
    assert wider["presets"]["small"] == presets["small"]  # it sees 128 components of either

    shown = cli("methods", "show", "univtg").out
    assert max(map(len, shown.splitlines())) <= 80
    assert f"{presets['paper']['parameters']:,}" in shown
    for text in ("Lin et al.", "original MIT", "as paper but query text", "of --init", "README.md"):
        assert text in shown


def test_methods_show_of_what_learns_nothing_and_of_what_is_not_there(cli: Cli) -> None:
    shown = cli("methods", "show", "video-match").out
    assert "as default but level video" in shown
    assert "published checkpoints" not in shown and "What tune draws from" in shown
    assert "tune" not in cli("methods", "show", "whole-video").out
    assert json.loads(cli("methods", "show", "whole-video", "--json").out)["trained_on"] == (
        "nothing"
    )
    ran = cli("methods", "show", "unvitg")
    assert ran.code == 2
    assert "did you mean 'univtg'?" in ran.err


def test_datasets_says_what_is_built(cli: Cli, tiny: Path) -> None:
    listed = {row["name"]: row for row in json.loads(cli("datasets", "--json").out)}
    assert listed["minimatch"]["counts"]["videos"] == 6
    assert listed["minimatch"]["synthetic"]
    assert listed["sportsmoments"]["counts"] is None
    shown = cli("datasets").out
    assert "vid2vidmr build sportsmoments" in shown
    assert "6 videos" in shown


def test_info(cli: Cli, tiny: Path) -> None:
    facts = json.loads(cli("info", "--json").out)
    assert facts["versions"]["torch"]
    assert facts["data"] == str(tiny.parent)
    assert "versions" in cli("info").out


def test_build_again_changes_nothing(cli: Cli, tiny: Path) -> None:
    before = (tiny / "dataset.json").read_bytes()
    ran = cli("build", "minimatch", "--videos", 6, "--seed", 0)
    assert ran.code == 0, ran.err
    assert (tiny / "dataset.json").read_bytes() == before
    assert load_dataset(tiny).fingerprint in ran.out.replace("\n", "")


def test_features_again_changes_nothing(cli: Cli, tiny: Path) -> None:
    store = tiny / "features" / ENCODER
    before = {path.name: path.read_bytes() for path in store.iterdir()}
    assert cli("features", "--dataset", "minimatch").code == 0
    assert {path.name: path.read_bytes() for path in store.iterdir()} == before


def test_export_gives_qvhighlights(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    out = tmp_path / "test.jsonl"
    ran = cli("export", "--dataset", "minimatch", "--out", out, "--json")
    assert json.loads(ran.out)["pairs"] == 4
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    truth = load_dataset(tiny).pairs("test").table
    assert [row["qid"] for row in rows] == truth["pair_id"].tolist()
    assert [row["relevant_windows"][0][0] for row in rows] == truth["start_s"].tolist()


@pytest.mark.parametrize("protocol", ["official", "recropped"])
def test_predict_then_evaluate(cli: Cli, tiny: Path, tmp_path: Path, protocol: str) -> None:
    out = tmp_path / "dtw.jsonl"
    ran = cli(
        "predict", "dtw-match", "--dataset", "minimatch", "--protocol", protocol, "--out", out
    )
    assert ran.code == 0, ran.err
    scored = json.loads(cli("evaluate", out, "--dataset", "minimatch", "--json").out)
    assert scored["header"]["protocol"] == protocol
    assert scored["pairs"] == 4
    assert scored["coverage"] == 1.0
    assert 0 <= scored["metrics"]["mIoU"]["low"] <= scored["metrics"]["mIoU"]["value"]
    result = json.loads((tmp_path / "dtw.result.json").read_text())
    assert result["metrics"] == scored["metrics"]
    assert result["kind"] == "untrained"
    shown = cli("evaluate", out, "--dataset", "minimatch").out
    assert f"{scored['metrics']['mIoU']['value']:.2f}" in shown
    assert "coverage 100.0 %" in shown


def test_evaluate_reads_predictions_of_other_projects(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    truth = load_dataset(tiny).pairs("test").table
    lines = [
        json.dumps({"qid": r.pair_id, "pred_relevant_windows": [[r.start_s, r.end_s, 1.0]]})
        for r in truth.itertuples()
    ]
    out = tmp_path / "theirs.jsonl"
    out.write_text("\n".join(lines) + "\n")
    scored = json.loads(cli("evaluate", out, "--dataset", "minimatch", "--json").out)
    assert scored["metrics"]["mIoU"]["value"] == 100.0
    assert scored["header"] is None and scored["result"] is None


def test_train_predict_and_retrieve_with_a_fitted_method(
    cli: Cli, tiny: Path, tmp_path: Path
) -> None:
    ran = cli("train", "prior", "--dataset", "minimatch", "--out", tmp_path / "prior")
    assert ran.code == 0, ran.err
    out = tmp_path / "prior.jsonl"
    ran = cli(
        "predict", "prior", "--dataset", "minimatch", "--checkpoint", tmp_path / "prior",
        "--out", out,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert len(out.read_text().splitlines()) == 5


def test_retrieve_prints_ranked_windows_in_seconds(cli: Cli, tmp_path: Path) -> None:
    query = write_video(tmp_path / "query.mp4", constant_rate(8, 8), rate=8)
    target = write_video(tmp_path / "target.mp4", constant_rate(8, 30), rate=8)
    ran = cli(
        "retrieve", query, target, "--encoder", ENCODER, "--top", 3, "--json",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    windows = json.loads(ran.out)["windows"]
    assert 1 <= len(windows) <= 3
    for window in windows:
        assert window.keys() == {"start_s", "end_s", "score"}
        assert 0 <= window["start_s"] < window["end_s"] <= 30
    scores = [window["score"] for window in windows]
    assert scores == sorted(scores, reverse=True)
    shown = cli("retrieve", query, target, "--encoder", ENCODER).out
    assert f"{windows[0]['start_s']:.1f}" in shown


def test_bench_prints_and_writes_the_table(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    ran = cli("bench", "--dataset", "minimatch", "--methods", "dtw-match", "--out", tmp_path / "r")
    assert ran.code == 0, ran.err
    for name in ("dtw-match", "random", "whole-video", "centre", "prior"):
        assert re.search(rf"^ ?{name} ", ran.out, re.MULTILINE), name
    assert "minimatch (synthetic), test split, 4 pairs" in ran.out
    assert max(map(len, ran.out.splitlines()[:20])) <= 80
    again = json.loads(
        cli(
            "bench",
            "--dataset",
            "minimatch",
            "--methods",
            "dtw-match",
            "--out",
            tmp_path / "r",
            "--json",
        ).out
    )
    assert len(again["results"]) == 5 * 2
    assert again["query_sensitivity"]["dtw-match"].keys() == {"official", "recropped"}
    assert again["failures"] == []
    for path in again["tables"]:
        assert Path(path).exists()
