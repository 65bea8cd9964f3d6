"""The site as files: complete, derived from predictions, safe, whatever the submissions hold."""

from __future__ import annotations

import csv
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from coded_video import constant_rate, write_video
from made_submissions import add_submission, made_dataset
from mini_dataset import mini_dataset

from leaderboard.results import with_boards
from leaderboard.site import build_site
from leaderboard.site.build import MARK
from leaderboard.site.data import CHUNK, script_json
from leaderboard.site.videos import on_youtube
from leaderboard.store import SNAPSHOTS, SUBMISSIONS, read_submission, submission_folders
from vid2vidmr.data.dataset import load_dataset
from vid2vidmr.errors import DataError

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def ours(tmp_path_factory) -> Path:
    """The site of the submissions of this repository."""
    out = tmp_path_factory.mktemp("ours") / "site"
    assert build_site(SUBMISSIONS, out).not_shown == {}
    return out


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("VID2VIDMR_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


class Addresses(HTMLParser):
    """Collects what a page loads, what it links to, and its ids."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.tags: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            elif name == "src" or (tag == "link" and name == "href"):
                self.loads.append(value)
            elif name == "href":
                self.links.append(value)


def parsed(path: Path) -> Addresses:
    found = Addresses()
    found.feed(path.read_text())
    return found


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_outside(ours):
    pages = list(ours.rglob("*.html"))
    submissions = [read_submission(folder) for folder in submission_folders(SUBMISSIONS)]
    assert len(pages) == 3 + len({s.card.name for s in submissions}) + len(submissions) >= 37
    for page in pages:
        found = parsed(page)
        assert len(set(found.ids)) == len(found.ids), page
        for address in found.loads + found.links:
            parts = urlsplit(address)
            if parts.scheme == "data" or (
                parts.scheme in ("http", "https") and address in found.links
            ):
                continue
            assert not parts.scheme and not parts.netloc, address
            target = (page.parent / unquote(parts.path)) if parts.path else page
            assert target.is_file(), f"{page}: {address}"
            if parts.fragment and target.name != "pairs.html":
                assert parts.fragment in parsed(target).ids, f"{page}: {address}"
    style = (ours / "assets/style.css").read_text()
    assert "url(" not in style and "@import" not in style


def test_numbers_are_those_of_the_predictions(ours):
    submissions = [read_submission(folder) for folder in submission_folders(SUBMISSIONS)]
    found = {
        (dataset, row["method"]): [float(row[part]) for part in ("value", "low", "high")]
        for dataset in {submission.dataset for submission in submissions}
        for row in csv.DictReader((ours / f"boards/{dataset}/official.csv").open())
        if row["metric"] == "mIoU"
    }
    stored = {
        (submission.dataset, submission.card.name): run.metrics["mIoU"]
        for submission in submissions
        for run in submission.runs
        if (str(run.header.protocol), run.header.seed) == ("official", 0)
    }
    assert found.keys() == stored.keys() and len(found) >= 21
    alone = [s for s in submissions if {run.header.seed for run in s.runs} == {0}]
    assert len(alone) >= 15
    for submission in alone:  # of several seeds the board has the mean
        name = submission.dataset, submission.card.name
        if name not in stored:  # open alone
            continue
        of = stored[name]
        assert found[name] == pytest.approx([of.value, of.low, of.high], abs=1e-4)
    page = (ours / "index.html").read_text()
    assert "</a> <span" not in page  # nothing that is to be doubted
    assert page.count(">dtw-match</a>") >= 3 and ">39.5<" in page.replace("\n", "")


def test_documents_show_the_boards_that_the_build_writes(ours):
    text = (REPOSITORY / "docs/results.md").read_text()
    assert text.count("<!-- board ") >= 3
    assert with_boards(text, ours) == text, "docs/results.md has other boards: run `make results`."


def test_a_document_that_asks_for_no_board_there_is(ours):
    with pytest.raises(DataError, match=r"nothing/official\.md is not there"):
        with_boards("<!-- board nothing/official -->\n<!-- end -->", ours)


def test_a_folder_is_a_space_and_is_replaced_but_for_what_is_not_ours(home, tmp_path):
    dataset = made_dataset(home)
    root, out = tmp_path / "root", tmp_path / "out"
    add_submission(root, dataset, "one")
    (out / ".git").mkdir(parents=True)
    (out / ".git/config").write_text("keep")
    (out / "README.md").write_text("of a fresh Space")
    build_site(root, out)
    _, front, _ = (out / "README.md").read_text().split("---\n", 2)
    assert yaml.safe_load(front)["sdk"] == "static"
    before = {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    build_site(root, out)
    after = {p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()}
    assert after == before
    shutil.rmtree(root / "made" / "one")
    add_submission(root, dataset, "two")
    build_site(root, out)
    assert [p.name for p in (out / "methods").iterdir()] == ["two.html"]
    assert (out / ".git/config").read_text() == "keep"
    assert not list(tmp_path.glob(".tmp-*"))


def test_a_folder_that_is_no_site_is_left_alone(home, tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.tex").write_text("years of work")
    with pytest.raises(DataError, match="not written by"):
        build_site(tmp_path / "root", tmp_path / "mine")
    with pytest.raises(DataError, match="is a file"):
        build_site(tmp_path / "root", tmp_path / "mine/thesis.tex")
    with pytest.raises(DataError, match="not a folder"):
        build_site(tmp_path / "nothing", tmp_path / "out")
    assert [p.name for p in (tmp_path / "mine").iterdir()] == ["thesis.tex"]
    build_site(tmp_path / "root", tmp_path / "out")
    assert "no submission yet" in (tmp_path / "out/index.html").read_text()


@pytest.mark.parametrize(
    "entries",
    [
        [".."],
        ["."],
        ["../precious"],
        ["/etc"],
        ["thesis.tex"],
        [".git"],
        [1],
        "data",
        None,
        [["x"]],
    ],
)
def test_a_strangers_mark_deletes_nothing(home, tmp_path, entries):
    (tmp_path / "root").mkdir()
    out = tmp_path / "parent" / "site"
    out.mkdir(parents=True)
    (tmp_path / "parent" / "precious").write_text("years of work")
    (out / "thesis.tex").write_text("years of work")
    (out / MARK).write_text(json.dumps({"vid2vidmr": "0.1.0", "entries": entries}))
    with pytest.raises(DataError, match="lists") as caught:
        build_site(tmp_path / "root", out)
    assert "\n" not in str(caught.value)
    assert {p.name for p in out.iterdir()} == {"thesis.tex", MARK}
    assert (tmp_path / "parent" / "precious").read_text() == "years of work"


@pytest.mark.parametrize("name", ["data", MARK, "README.md", ".lock"])
def test_links_out_of_a_strangers_folder_are_not_followed(home, tmp_path, name):
    (tmp_path / "root").mkdir()
    out, precious = tmp_path / "site", tmp_path / "precious"
    build_site(tmp_path / "root", out)
    precious.write_text(json.dumps({"entries": []}))
    if (out / name).is_dir():
        shutil.rmtree(out / name)
    (out / name).unlink(missing_ok=True)
    (out / name).symlink_to(precious)
    with pytest.raises(DataError, match="is a link, which no build writes"):
        build_site(tmp_path / "root", out)
    assert precious.read_text() == '{"entries": []}'


def test_what_no_build_wrote_is_not_replaced(home, tmp_path):
    (tmp_path / "root").mkdir()
    out = tmp_path / "site"
    out.mkdir()
    (out / MARK).write_text(json.dumps({"entries": []}))
    (out / "data").mkdir()
    (out / "data" / "mine").write_text("years of work")
    with pytest.raises(DataError, match="data is in the way"):
        build_site(tmp_path / "root", out)
    assert (out / "data" / "mine").exists()
    inside = tmp_path / "other" / "submissions"
    inside.mkdir(parents=True)
    with pytest.raises(DataError, match="lies where a build into"):
        build_site(inside, tmp_path / "other")


def test_what_cannot_be_scored_is_listed_and_stops_nothing(home, tmp_path, cli):
    dataset, root = made_dataset(home), tmp_path / "root"
    add_submission(root, dataset, "good", protocols=("official",))
    other = add_submission(root, made_dataset(home, name="gone"), "away")
    cut = add_submission(root, dataset, "cut")
    (cut / "official-seed0.jsonl.gz").write_bytes(b"no gzip")
    lying = add_submission(root, dataset, "lying")
    record = json.loads((lying / "submission.json").read_text())
    record["runs"][0]["header"]["seed"] = 7
    (lying / "submission.json").write_text(json.dumps(record))
    shutil.rmtree(home / "gone")
    ran = cli("leaderboard", "build", "--submissions", root, "--out", tmp_path / "out")
    assert ran.code == 0
    assert "made: 1 submission, official, 40 pairs." in ran.out
    page = (tmp_path / "out/index.html").read_text()
    for name, reason in {
        "gone/away": "is needed (it is not built here)",
        "made/cut": "not a gzip file",
        "made/lying": "seed is 0 in the predictions",
    }.items():
        assert f"Not shown: {name}" in ran.err and reason in ran.err
        assert name in page and reason in page
    assert "no bias row to compare with" in page  # and no protocol that nobody submitted
    assert not (tmp_path / "out/boards/made/recropped.md").exists()
    assert other.exists()


def test_texts_of_strangers_stay_texts(home, tmp_path):
    label = "</script><img src=x onerror=alert(1)>"
    dataset = made_dataset(home, label=label)
    title = '" onmouseover="alert(1)" {{ 7 * 7 }} {% if %} &lt;script&gt;'
    add_submission(tmp_path / "root", dataset, "hostile", title=title, notes="'); alert(1)//")
    build_site(tmp_path / "root", tmp_path / "out")
    for path in (tmp_path / "out").rglob("*.html"):
        found = parsed(path)
        assert "img" not in found.tags and "onmouseover" not in found.attributes
        assert " 49 " not in path.read_text()
    data = (tmp_path / "out/data/made/official/pairs.js").read_text()
    assert "<" not in data and "alert(1)" in data
    assert json.loads(script_json(label)) == label


def test_pairs_lie_in_pieces_that_add_up(home, tmp_path):
    pairs = 2 * CHUNK + 7
    dataset, root = made_dataset(home, pairs), tmp_path / "root"
    for i in range(3):
        add_submission(root, dataset, f"m{i}", shift=i / 4, protocols=("official",))
    build_site(root, tmp_path / "out")
    folder = tmp_path / "out/data/made/official"
    names = ["0.js", "1.js", "2.js"]
    assert sorted(p.name for p in (folder / "m1/0").iterdir()) == names

    def value(path: Path):
        key, text = re.fullmatch(r"vmr\.put\((\"[^\"]*\"),(.*)\);\n", path.read_text()).groups()
        assert json.loads(key) == path.relative_to(tmp_path / "out/data").with_suffix("").as_posix()
        return json.loads(text)

    columns, iou = value(folder / "pairs.js"), value(folder / "m1/score.js")
    windows = [w for part in range(3) for w in value(folder / f"m1/0/{part}.js")]
    assert len(iou) == len(windows) == len(columns["id"]) == pairs
    for i in (0, CHUNK, pairs - 1):
        [(start, end)], (s, e) = columns["truth"][i], windows[i][0]
        inter = max(0, min(e, end) - max(s, start))
        assert iou[i] == pytest.approx(100 * inter / (e - s + end - start - inter), abs=0.2)
    assert len((tmp_path / "out/index.html").read_bytes()) < 100_000


def test_videos_are_placed_once_and_those_without_a_file_left_out(tiny, tmp_path):
    from vid2vidmr.data.dataset import load_dataset

    add_submission(tmp_path / "root", load_dataset("minimatch"), "one")
    built = build_site(tmp_path / "root", tmp_path / "out", videos=True)
    files = list((tmp_path / "out/videos/minimatch").iterdir())
    assert built.videos == len(files) > 0
    strips = list((tmp_path / "out/pictures/minimatch").glob("*.jpg"))
    assert len(strips) == len(files)
    assert all(file.suffix == ".mp4" and file.stat().st_size > 1000 for file in files)
    assert (tmp_path / "out" / MARK).exists()
    without = build_site(tmp_path / "root", tmp_path / "out")
    assert without.videos == 0 and not (tmp_path / "out/videos").exists()
    pictures = [file.read_bytes() for file in (tmp_path / "out/pictures/minimatch").iterdir()]
    assert len(pictures) == len(strips)  # rendered: nobody else has a right to them


def test_pictures_of_real_videos_are_for_a_build_that_asks_for_them(home, tmp_path):
    (home / "mini").mkdir(parents=True)
    write_video(home / "mini/a.mp4", constant_rate(5, 20.0), rate=5)
    real = mini_dataset(home / "mini", dict.fromkeys("abc", "a.mp4"), synthetic=False)
    add_submission(tmp_path / "root", real, "one")
    build_site(tmp_path / "root", tmp_path / "out")
    assert not (tmp_path / "out/pictures").exists()
    build_site(tmp_path / "root", tmp_path / "out", videos=True)
    assert list((tmp_path / "out/pictures/mini").glob("*.jpg"))


def test_a_page_that_is_called_a_video_is_not_given_on(home, tmp_path):
    (home / "mini").mkdir(parents=True)
    (home / "mini" / "page.html").write_text("<script>alert(1)</script>")
    names: dict[str, str | None] = {f"v{i}": "page.html" for i in range(4)}
    add_submission(tmp_path / "root", mini_dataset(home / "mini", names), "one")
    built = build_site(tmp_path / "root", tmp_path / "out", videos=True)
    assert (built.videos, built.not_shown) == (0, {})
    assert not list((tmp_path / "out/videos").rglob("*.html"))


def test_the_workflow_runs_commands_that_exist():
    text = (REPOSITORY / ".github/workflows/leaderboard.yml").read_text()
    flow = yaml.safe_load(text)
    assert flow[True]["pull_request"]["paths"] == ["leaderboard/submissions/**"]  # YAML 1.1: on
    steps = flow["jobs"]["verify"]["steps"]
    typed = [step["run"] for step in steps if step.get("run", "").startswith("vid2vidmr ")]
    assert typed == ["vid2vidmr leaderboard verify", "vid2vidmr leaderboard build --out site"]
    import typer

    from leaderboard.cli import app

    group = typer.main.get_command(app)
    for line in typed:
        command = group.get_command(None, line.split()[2])
        command.make_context(line, line.split()[3:])
    assert steps[-1]["with"]["path"] == "site"


def test_ids_of_youtube_are_those_that_a_builder_vouches_for() -> None:
    whole = on_youtube(load_dataset(SNAPSHOTS / "activitynet-vrl"))
    assert whole["JDg--pjY5gg"] == "JDg--pjY5gg"
    assert on_youtube(load_dataset(SNAPSHOTS / "sportsmoments")) == {}  # clips of matches
    assert on_youtube(load_dataset(SNAPSHOTS / "minimatch")) == {}
