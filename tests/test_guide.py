"""The guide: its commands are real, its pages are short and do what they say, its site holds."""

import itertools
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from coded_video import constant_rate, write_video
from nbclient import NotebookClient

import vid2vidmr as v

if TYPE_CHECKING:
    from playwright.sync_api import Browser

ROOT = Path(__file__).parents[1]
GUIDE = ROOT / "docs/guide"
PAGES = [
    path
    for place in ("*.md", "docs/*.md", "docs/guide/*.md", "baselines/**/*.md", "leaderboard/*.md")
    for path in sorted(ROOT.glob(place))
]
UNSAID = re.compile("^Missing parameter|requires an argument")
"""Text names commands without all that they need."""
OWN = re.compile(r"^(build (clips|NAME)|COMMAND)\b")
"""The data set that a page makes, and signs for any."""
MOST_WORDS = 600
MARKED = re.compile("# (needs|serves|minutes|ten minutes|after step)")
"""Blocks that no test runs say in their first line why."""


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.M)


def commands(page: Path) -> Iterator[list[str]]:
    """Give the arguments of every ``vid2vidmr`` in the blocks and the text of a page."""
    lines = [
        line for block in blocks(page, "sh") for line in block.replace("\\\n", " ").split("\n")
    ]
    inline = re.findall(r"`(vid2vidmr [^`]+)`", page.read_text("utf-8"))
    for line in (*lines, *inline):
        words = shlex.split(re.sub(r"\[--[^]]*\]", "", line), comments=True)
        if words[:1] == ["vid2vidmr"]:
            yield list(itertools.takewhile(lambda word: word != ">", words[1:]))


def fault(arguments: list[str]) -> str | None:
    """Say what the command line has against arguments, if anything: they are parsed, not run."""
    import typer

    from vid2vidmr.cli.app import app

    command, name, context = typer.main.get_command(app), "vid2vidmr", None
    rest = [word for word in arguments if word not in ("--help", "...")]
    try:
        while rest:
            with command.make_context(name, rest, parent=context) as context:
                rest = [*context._protected_args, *context.args]
                if rest:
                    name, command, rest = command.resolve_command(context, rest)
    except Exception as error:
        return str(error)
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_are_those_of_the_command_line(page: Path) -> None:
    wrong = {shlex.join(each): said for each in commands(page) if (said := fault(each))}
    assert {
        command: said
        for command, said in wrong.items()
        if not (UNSAID.search(said) or OWN.search(command))
    } == {}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("benhc", "No such command"),
        ("bench --datset x", "No such option"),
        ("bench --dataset x --protocol offcial", "not one of"),
        ("leaderboard biuld", "No such command"),
        ("build minimatch --vdeos 3", "did you mean --videos"),
    ],
)
def test_a_wrong_command_is_seen(command: str, said: str) -> None:
    assert said in (fault(command.split()) or "")


@pytest.mark.parametrize("page", sorted(GUIDE.glob("*.md")), ids=lambda page: page.name)
def test_pages_are_short(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.M)
    assert len(text.split()) <= MOST_WORDS


def run(command: list[str], folder: Path, data: Path) -> str:
    """Run a command in a folder, with the environment of these tests."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path, "VID2VIDMR_DATA": str(data), "COLUMNS": "100"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def follow(page: str, folder: Path, data: Path, leave: str = "") -> list[str]:
    """Do what a page says: its Python, then its commands, but for what the first line marks."""
    code = [[sys.executable, "-c", block] for block in blocks(GUIDE / page, "python")]
    shell = [
        ["bash", "-ec", block.replace(leave, "")]
        for block in blocks(GUIDE / page, "sh")
        if not MARKED.match(block)
    ]
    return [run(command, folder, data) for command in (*code, *shell)]


def test_start(data_home: Path, tmp_path: Path) -> None:
    videos = sorted((data_home / "minimatch/videos").glob("*.mp4"))
    shutil.copy(videos[0], tmp_path / "goal.mp4")
    shutil.copy(videos[1], tmp_path / "match.mp4")
    build = "vid2vidmr build minimatch\n"  # the fixture did it, with fewer videos
    said = follow("start.md", tmp_path, data_home, leave=build)
    assert "local-match" in said[0] and "local-match" in said[-2]
    assert said[-1].endswith("12 predictions files scored, 0 differences.\n")


def test_a_data_set(tmp_path: Path) -> None:
    (tmp_path / "my_videos").mkdir()
    for name in ("cup", "league"):
        write_video(tmp_path / f"my_videos/{name}.mp4", constant_rate(8, 60.0), rate=8)
    (moments,) = blocks(GUIDE / "dataset.md", "csv")
    (tmp_path / "moments.csv").write_text(moments)
    assert "local-match" in "".join(follow("dataset.md", tmp_path, tmp_path / "data"))


def test_predictions(tmp_path: Path) -> None:
    (card,) = blocks(GUIDE / "predictions.md", "yaml")
    (tmp_path / "card.yaml").write_text(card)
    said = "".join(follow("predictions.md", tmp_path, ROOT / "leaderboard/datasets"))
    assert "4 predictions files scored, 0 differences." in said
    assert "mine" in (tmp_path / "board/index.html").read_text("utf-8")


def test_the_record_of_papers(tmp_path: Path) -> None:
    assert "matr" in "".join(follow("paper.md", tmp_path, tmp_path))


def test_search(data_home: Path, tmp_path: Path) -> None:
    (tmp_path / "matches").mkdir()
    video = min((data_home / "minimatch/videos").glob("*.mp4"))
    shutil.copy(video, tmp_path / "matches/cup.mp4")
    shutil.copy(video, tmp_path / "goal.mp4")
    follow("search.md", tmp_path, data_home)
    assert list((tmp_path / "clips").glob("*.mp4")) and (tmp_path / "found.csv").exists()
    assert (tmp_path / "found/index.html").exists()


def test_the_notebook_runs_from_top_to_bottom(data_home: Path, tmp_path: Path) -> None:
    notebook = nbformat.read(GUIDE / "minimatch.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in cells)
    shutil.copytree(data_home / "minimatch", tmp_path / "data/small")  # built, as its cells would
    NotebookClient(notebook, resources={"metadata": {"path": str(tmp_path)}}, timeout=600).execute()
    assert "image/png" in str(cells[3].outputs) and "Interval(" in str(cells[-1].outputs)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The guide, built strictly: no broken link."""
    folder = tmp_path_factory.mktemp("guide")
    built = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder / "site")]
    run(built, ROOT, folder)
    return folder / "site"


def test_the_site(site: Path) -> None:
    """It needs nothing from outside, and has every name."""
    loads = re.compile(r"""(?:src=|<link [^>]*href=|@import |url\()["']?(?:https?:)?//[^"')]*""")
    pages = {page.relative_to(site): page.read_text("utf-8") for page in site.rglob("*.html")}
    styles = {page.name: page.read_text("utf-8") for page in site.rglob("*.css")}
    assert {
        name: loads.findall(text) for name, text in (pages | styles).items() if loads.search(text)
    } == {}
    reference = pages[Path("docs/guide/reference.html")]
    assert [name for name in v.__all__ if f'id="vid2vidmr.{name}"' not in reference] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible(
    browser: "Browser", site: Path, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    for name in ("index.html", "docs/guide/method.html"):  # pictures and tables; code
        page.goto((site / name).as_uri())
        page.locator("nav.md-code__nav").first.wait_for(state="attached")
        found = Axe().run(page, options={"preload": False})
        assert found.response["violations"] == [], f"{name}: {found.generate_report()}"
    context.close()
