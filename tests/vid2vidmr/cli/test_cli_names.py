"""Names on the command line: completed by the shell, suggested where wrong, taken in old forms."""

import itertools
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import ENCODER, Ran

Cli = Callable[..., Ran]


@pytest.fixture
def completed(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """What bash would offer behind the words of a command."""

    def complete(words: str) -> list[str]:
        monkeypatch.setenv("_VID2VIDMR_COMPLETE", "complete_bash")
        monkeypatch.setenv("COMP_WORDS", words)
        monkeypatch.setenv("COMP_CWORD", str(len(words.split(" ")) - 1))
        ran = cli()
        assert ran.code == 0 and ran.err == ""
        return ran.out.split()

    return complete


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("vid2vidmr be", ["bench"]),
        ("vid2vidmr lea", ["leaderboard"]),
        ("vid2vidmr build mini", ["minimatch"]),
        ("vid2vidmr features --dataset sportsm", ["sportsmoments"]),
        ("vid2vidmr features --encoder efficient", [ENCODER]),
        ("vid2vidmr train moment", ["moment_detr"]),
        ("vid2vidmr train matr --preset paper", ["paper", "paper-sportsmoments"]),
        ("vid2vidmr bench --methods matr,dtw", ["matr,dtw-match"]),
        ("vid2vidmr bench --methods dtw-match,univtg@trained", None),
        ("vid2vidmr predict random --protocol re", ["recropped"]),
        ("vid2vidmr methods show uni", ["univtg"]),
    ],
)
def test_the_shell_completes_names(
    completed: Callable[[str], list[str]], words: str, offered: list[str] | None
) -> None:
    if offered is None:
        offered = [f"dtw-match,univtg@trained+{way}" for way in "VT"]
    assert completed(words) == offered


def test_the_shell_completes_what_is_built(
    completed: Callable[[str], list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VID2VIDMR_DATA", str(tmp_path))
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/dataset.json").touch()
    assert completed(f"vid2vidmr bench --dataset {tmp_path}") == [str(tmp_path / "mine")]


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("bench --dataset nowhere --methods mart", "Unknown method 'mart': did you mean 'matr'?"),
        ("bench --dataset nowhere --methods matr@papr", "did you mean 'paper'?"),
        ("tune mart --dataset nowhere", "did you mean 'matr'?"),
        ("train matr --dataset nowhere --preset smal", "did you mean 'small'?"),
        ("predict dtw-mach --dataset nowhere --out p", "did you mean 'dtw-match'?"),
        ("ablate mart --table 2 --dataset nowhere", "did you mean 'matr'?"),
        ("methods show unvitg", "did you mean 'univtg'?"),
        ("bench --dataset nowhere --protocol recroped", "did you mean 'recropped'?"),
        ("predict random --dataset minimatch --protocol ofical --out p", "mean 'official'?"),
        ("predict dtw-match --dataset minimatch --encoder efficientnet --out p", ENCODER),
        ("train matr --dataset minimatch --encoder eficientnet-lite0", ENCODER),
        ("features --datset minimatch", "--dataset"),
        ("benhc", "bench"),
        ("train matr --dataset minimatch --device gpu", "expected cpu, cuda or mps"),
        ("train matr --dataset minimatch --seed -1", "expected 0 to 4294967295"),
        ("bench --dataset minimatch --step -2", "greater than or equal to 0, not '-2'"),
        ("search a.mp4 --archive x --top a", "unable to parse string as an integer, not 'a'"),
        ("bench --dataset minimatch --seeds inf", "--seeds 'inf' is neither a count (2)"),
        ("bench --dataset minimatch --seeds 1000000000", "of at most 1,000"),
        ("bench --dataset matr --methods minimatch", "minimatch is a data set, where"),
        ("bench --dataset minimatch --encoder tiny", "Unknown encoder 'tiny': known: clip-vit"),
        ("index x --out y --encoder eficientnet-lite0", ENCODER),
        ("train matr", "--dataset"),
    ],
)
def test_what_was_meant_is_said_in_one_line(cli: Cli, tiny: Path, command: str, says: str) -> None:
    ran = cli(*command.split())
    (line,) = ran.err.splitlines()
    assert line.startswith("error: ") and says in line
    assert (ran.code, ran.out) == (2, "")


@pytest.mark.parametrize("command", ["bench", "leaderboard build", "build minimatch"])
def test_help_is_broken_by_the_terminal_alone(cli: Cli, command: str) -> None:
    text = cli(*command.split(), "--help").out.partition("╭")[0]
    lines = [line.strip() for line in text.splitlines()]
    for line, after in itertools.pairwise(lines):
        assert not (line and after) or len(f"{line} {after.split()[0]}") > 76, line


def test_a_protocol_in_a_file_that_nobody_knows(cli: Cli, tiny: Path) -> None:
    assert cli("predict", "random", "--dataset", "minimatch", "--out", "p.jsonl").code == 0
    Path("p.jsonl").write_text(Path("p.jsonl").read_text().replace('"official"', '"offical"'))
    ran = cli("evaluate", "p.jsonl", "--dataset", "minimatch")
    assert "Unknown protocol 'offical': did you mean 'official'?" in ran.err
    assert "Value error" not in ran.err


def test_earlier_forms_are_taken_without_a_word(cli: Cli, tiny: Path, tmp_path: Path) -> None:
    old = cli("export", "minimatch", "--out", tmp_path / "old.jsonl")
    new = cli("export", "--dataset", "minimatch", "--out", tmp_path / "new.jsonl")
    assert (old.code, old.err) == (new.code, new.err) == (0, "")
    assert (tmp_path / "old.jsonl").read_bytes() == (tmp_path / "new.jsonl").read_bytes()
    old = cli("push", "minimatch", "--features", ENCODER, "--out", tmp_path / "a", "--json")
    new = cli("push", "--dataset=minimatch", f"--encoder={ENCODER}", "--out", "a", "--json")
    assert json.loads(old.out)["files"] == json.loads(new.out)["files"]
    assert f"features/{ENCODER}/features.bin" in json.loads(old.out)["files"]
    assert "got unexpected" in cli("features", "minimatch", "minimatch").err.lower()


def test_a_refused_build_leaves_nothing(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli("build", "custom", "none.csv", "--videos", ".").code == 2
    assert cli("build", "custom").code == 2
    assert list(tmp_path.iterdir()) == []


def test_runs_are_listed_in_words(cli: Cli, tiny: Path) -> None:
    assert "There are no runs in runs" in cli("runs").err
    cli("bench", "--dataset", "minimatch", "--methods", "dtw-match")
    cli("train", "random", "--dataset", "minimatch", "--seed", 3)
    listed = json.loads(cli("runs", "--json").out)
    rows = {(each["method"], each["protocol"]): each for each in listed}
    row = rows["dtw-match", "recropped"]
    result = json.loads(Path(row["paths"][0], "result.json").read_text())
    assert row["score"] == result["metrics"]["mIoU"]["value"]
    assert (row["dataset"], row["split"], row["seeds"]) == ("minimatch", "test", [0])
    assert rows["random", None]["seeds"] == [3]
    assert not any("wrong" in str(each["protocol"]) for each in listed)
    shown = cli("runs").out
    assert f"mIoU {row['score']:.1f}" in shown and "only trained" in shown
    assert max(map(len, shown.splitlines())) <= 80
    long = Path(row["paths"][0], "result.json")
    result["header"]["protocol"] = "archive, 12 of 12 examples by barycentre"
    result["metrics"]["mAP"] = {**result["metrics"]["mIoU"], "value": 12.3}
    long.write_text(json.dumps(result))
    shown = cli("runs").out
    assert "mAP 12.3 " in shown and "seeds  when" in shown
    assert max(map(len, shown.splitlines())) <= 80
    ran = cli("analyze", long.parents[1])
    assert ran.code == 2 and "is a folder: expected the result.json" in ran.err
    assert f"{long.parent}" in " ".join(ran.err.split())
    next(Path("runs").rglob("result.json")).write_text("{}")
    ran = cli("runs")
    assert ran.code == 0 and "is no result" in ran.err


@pytest.mark.parametrize("command", ["features --dataset minimatch", "index x --out y"])
def test_a_typo_of_an_encoder_is_told_before_torch_is_imported(tiny: Path, command: str) -> None:
    code = (
        "import sys; from vid2vidmr.cli.app import app; from vid2vidmr.errors import UserError\n"
        "try: app(sys.argv[1:], standalone_mode=False)\n"
        "except UserError as error: print(error, 'torch' in sys.modules)"
    )
    words = [sys.executable, "-c", code, *command.split(), "--encoder", "motoin"]
    ran = subprocess.run(words, capture_output=True, text=True, check=True)
    assert ran.stdout == "Unknown encoder 'motoin': did you mean 'motion'? False\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("--encoder efficientnet-lite0@0.5 --step 1", "has a step of 0.5 s, --step says 1: leave"),
        ("--protocol open --fuse best", "--fuse best is of several queries: say how many with"),
        ("--protocol archive --shots 3", "'3' is no list of numbers of examples: expected two or"),
    ],
)
def test_options_that_do_not_go_together(cli: Cli, tiny: Path, arguments: str, said: str) -> None:
    ran = cli("bench", "--dataset", "minimatch", "--methods", "random", *arguments.split())
    assert ran.code == 2 and said in " ".join(ran.err.split()), ran.err
