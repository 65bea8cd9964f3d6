"""The leaderboard's commands: found by entry points, imported when they are asked for."""

import json
import subprocess
import sys

import yaml


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "vid2vidmr", *map(str, arguments)], capture_output=True, text=True
    )


def test_help_lists_them_with_a_line_each():
    shown = run("--help").stdout
    assert "Build, serve and verify the leaderboard." in shown
    assert "Check predictions and add them to the leaderboard." in shown


def test_other_commands_do_not_import_them():
    code = (
        "import sys; from vid2vidmr.cli.app import app; import typer;"
        "group = typer.main.get_command(app); group.get_command(None, 'evaluate');"
        "assert 'leaderboard' not in sys.modules and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_template_refusals_and_reported_rows(tmp_path):
    template = run("submit", "--template")
    assert yaml.safe_load(template.stdout)["name"] == "my-method"
    card = tmp_path / "card.yaml"
    card.write_text(template.stdout.replace("One line", "<b>One"))
    (tmp_path / "p.jsonl").write_text("{}\n")
    ran = run("submit", tmp_path / "p.jsonl", "--card", card, "--submissions", tmp_path / "root")
    assert ran.returncode == 2
    assert ran.stderr.startswith("error: ") and ran.stderr.count("\n") == 1
    assert not (tmp_path / "root").exists()
    assert run("submit").returncode == 2
    rows = json.loads(run("leaderboard", "reported", "--json").stdout)
    assert len(rows["rows"]) == 70
    flagged = {row["method"] for row in rows["rows"] if row["flags"]}
    assert flagged == {"random", "video_match", "sst", "cgbm", "gdp", "vslnet"}
    assert "56.8 and 57.1" in rows["contradictions"][0]["text"]


def test_verify_fails_with_a_line_a_difference(tmp_path):
    empty = run("leaderboard", "verify", "--submissions", tmp_path)
    assert (empty.returncode, empty.stdout) == (
        0,
        "0 predictions files scored, 0 differences.\n",
    )
    folder = tmp_path / "minimatch" / "mine"
    folder.mkdir(parents=True)
    (folder / "submission.json").write_text("[" * 100_000)
    ran = run("leaderboard", "verify", "--submissions", tmp_path)
    assert ran.returncode == 1
    assert "minimatch/mine: " in ran.stderr and "nested too deeply" in ran.stderr
