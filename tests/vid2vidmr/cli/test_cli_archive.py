"""Two commands from video files to what was found, and on into files."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from coded_video import constant_rate, numbered_frame, write_video
from conftest import ENCODER, Ran

Cli = Callable[..., Ran]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two matches and their archive; b shows from 24 s of a on."""
    home = tmp_path_factory.mktemp("home")
    (home / "matches").mkdir()
    for name, first in (("a", 0), ("b", 24)):
        frames = map(numbered_frame, (977 * (i // 4) for i in range(4 * first, 4 * (first + 60))))
        file = home / "matches" / f"{name}.mp4"
        write_video(file, constant_rate(4, 60), rate=4, frames=frames)
    program = Path(sys.executable).with_name("vid2vidmr")
    ran = subprocess.run(
        [program, "index", "matches", "--out", "archive", "--encoder", ENCODER],
        cwd=home, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "archive holds 0.0 hours of 2 videos.\n"
    assert "2 videos: 2 new." in ran.stderr
    return home


@pytest.fixture
def archive(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty working folder with links to both."""
    monkeypatch.chdir(tmp_path)
    for name in ("matches", "archive"):
        Path(name).symlink_to(made / name)
    return "archive"


def test_index_search_and_out(archive: str, cli: Cli) -> None:
    query = "matches/a.mp4@0:30-0:42"
    asked = ("search", query, "--archive", archive, "--min-score", 0)
    ran = cli(*asked, "--top", 3, "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    best = found["windows"][0]
    assert best.keys() == {"video", "start_s", "end_s", "score"}
    assert best["video"] == "matches/b.mp4" and abs(best["start_s"] - 6) <= 2
    scores = [window["score"] for window in found["windows"]]
    assert len(scores) <= 3 and scores == sorted(scores, reverse=True)
    assert found["method"] == "align_refine" and found["encoder"] == ENCODER
    ran = cli(
        *asked, "--method", "scan", "--top", 1, "--clips", "clips", "--lead", 1,
        "--export", "a.csv", "--export", "a.vtt",
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "matches/b.mp4" in ran.out and "0:06" in ran.out and query in ran.out
    assert [path.name for path in Path("clips").iterdir()] == ["001-b-0.06.mp4"]
    assert Path("a.csv").read_text().count("\n") == 2 and Path("a.vtt").exists()


def test_nothing_found_is_said_and_no_error(archive: str, cli: Cli) -> None:
    ran = cli("search", "matches/a.mp4@0:02-0:08", "--archive", archive, "--min-score", 1)
    assert ran.code == 0 and ran.out.startswith("Nothing in 0.0 hours of 2 videos is like")
    out = ("--clips", "none", "--export", "none.csv", "--export", "none.edl")
    ran = cli("search", "matches/a.mp4@2-8", "--archive", archive, "--min-score", 1, "--json", *out)
    found = json.loads(ran.out)
    assert found["windows"] == [] and 0 <= found["best"] < 1
    assert Path("none.csv").exists() and not Path("none.edl").exists()
    assert "none.edl is not written: it would have no window." in ran.err
    assert not Path("none").exists() and "clips" not in ran.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("search", "a.mp4", "--archive", "no"), "There is no archive in no: run `vid2vidmr index"),
        (("search", "no.mp4", "--archive", "archive"), "no.mp4 does not exist"),
        (("search", "matches/a.mp4@9-3", "--archive", "archive"), "ends before it begins"),
        (
            ("search", "matches/a.mp4@2-8", "--archive", "archive", "--method", "prior"),
            "does not co",
        ),
        (
            ("search", "matches/a.mp4@2-8", "--archive", "archive", "--export", "a.doc"),
            "ending of no",
        ),
        (
            ("search", "matches/a.mp4@2-8", "--archive", "archive", "--page", "matches"),
            "matches holds something",
        ),
        (
            ("search", "matches/a.mp4@2-8", "--archive", "archive", "--clips", "matches/a.mp4"),
            "a part of this one is a file",
        ),
        (
            ("search", "a.mp4@2-8", "--archive", "archive", "--engine", "ray", "--approximate"),
            "leave --engine ray away",
        ),
        (
            ("index", "matches", "--out", "matches/a.mp4"),
            "a.mp4: Not a directory: choose another path",
        ),
        (("index", "no", "--out", "archive"), "There is no no: expected video files"),
        (("index", "matches", "--out", "archive", "--shard", "3/2"), "The shard '3/2'"),
        (("index", "matches", "--out", "archive", "--encoder", "clip-vit-b32"), "an archive of"),
    ],
)
def test_what_a_user_can_mend(archive: str, cli: Cli, arguments, message: str) -> None:
    ran = cli(*arguments)
    assert ran.code == 2 and message in " ".join(ran.err.split()), ran.err
    assert "Traceback" not in ran.err and not ran.out  # nothing was searched in vain


def test_what_can_be_no_file_is_refused_before_the_search(archive: str, cli: Cli) -> None:
    Path("folder.csv").mkdir()
    for file in ("folder.csv", f"{300 * 'a'}.edl"):
        ran = cli("search", "matches/a.mp4@2-8", "--archive", "archive", "--export", file)
        assert ran.code == 2 and not ran.out and "Traceback" not in ran.err, ran.err


def test_without_ray_one_line_says_what_to_do(
    archive: str, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    asked = ("search", "a.mp4@0:30-0:42", "--archive", archive, "--method", "scan")
    ran = cli(*asked, "--engine", "ray")
    assert ran.code == 2 and 'pip install "vid2vidmr[ray]"' in ran.err
    assert "matches/b.mp4" in cli(*asked, "--top", 1).out  # a.mp4 is the end of one name


def test_retrieve_in_a_folder(archive: str, cli: Cli) -> None:
    frames = map(numbered_frame, (977 * (i // 4) for i in range(4 * 30, 4 * 42)))
    write_video(Path("goal.mp4"), constant_rate(4, 12), rate=4, frames=frames)
    Path("notes.mp4").write_text("no video")
    asked = ("retrieve", "goal.mp4", "notes.mp4", "--encoder", ENCODER, "--top", 2, "--json")
    assert cli(*asked).code == 2
    ran = cli(*asked, "matches")
    assert ran.code == 0 and "left out: notes.mp4 cannot be read as video" in ran.err, ran.err
    windows = json.loads(ran.out)["windows"]
    assert {(w["video"], round(w["start_s"])) for w in windows} == {
        ("matches/a.mp4", 30), ("matches/b.mp4", 6),
    }  # fmt: skip
