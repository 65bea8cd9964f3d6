"""`analyze` and `compare`, end to end, on what a bench of a tiny minimatch left."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Ran

from vid2vidmr.data.dataset import load_dataset
from vid2vidmr.experiments.bench import bench

Cli = Callable[..., Ran]


@pytest.fixture(scope="module")
def benched(data_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a bench left; not to be changed."""
    runs = tmp_path_factory.mktemp("runs")
    dataset = load_dataset(data_home / "minimatch")
    bench(dataset, ["video-match"], runs=runs, protocols=["official"])
    return runs


@pytest.fixture
def runs(benched: Path, tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(benched, tmp_path / "runs"))


def _run(runs: Path, method: str, protocol: str = "official") -> Path:
    (found,) = runs.glob(f"{method}/*/{protocol}")
    return found


def test_analyze_a_result_with_its_wrong_queries(cli: Cli, runs: Path) -> None:
    folder = _run(runs, "video-match")
    result = json.loads((folder / "result.json").read_text())
    ran = cli("analyze", folder / "result.json", "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert found["metrics"] == result["metrics"]
    assert found["pairs"] == 4 and found["protocol"] == "official" and found["synthetic"]
    assert sum(share["value"] for share in found["errors"].values()) == pytest.approx(100)
    wrong = json.loads(
        (_run(runs, "video-match", "official-wrong-queries") / "result.json").read_text()
    )
    assert found["sensitivity"]["drop"]["mIoU"]["value"] == pytest.approx(
        result["metrics"]["mIoU"]["value"] - wrong["metrics"]["mIoU"]["value"]
    )
    page = folder / "analysis.html"
    assert found["page"] == str(page)
    assert "<title>video-match@" in page.read_text()

    shown = cli("analyze", folder / "predictions.jsonl", "--out", runs / "page.html").out
    assert max(map(len, shown.splitlines()[:-1])) <= 80  # the last names the page
    for text in ("wrong moment", "What a query of another class costs", "minimatch (synthetic)"):
        assert text in shown
    assert (runs / "page.html").read_text() == page.read_text()


def test_analyze_without_wrong_queries_says_so_on_the_page(cli: Cli, runs: Path) -> None:
    result = _run(runs, "centre") / "result.json"
    assert json.loads(cli("analyze", result, "--json").out)["sensitivity"] is None
    assert "No run with wrong queries" in (result.parent / "analysis.html").read_text()


def test_analyze_refuses_what_it_cannot_trust(cli: Cli, runs: Path, tmp_path: Path) -> None:
    folder = _run(runs, "video-match")
    bare = tmp_path / "bare.jsonl"
    lines = (folder / "predictions.jsonl").read_text().splitlines(keepends=True)
    bare.write_text("".join(lines[1:]))
    ran = cli("analyze", bare)
    assert ran.code == 2 and "has no header" in ran.err

    # The folder beside is of another run.
    other = _run(runs, "centre")
    shutil.rmtree(_run(runs, "video-match", "official-wrong-queries"))
    shutil.copytree(other, folder.with_name("official-wrong-queries"))
    ran = cli("analyze", folder / "result.json")
    assert ran.code == 2 and "is not of the same run" in ran.err
    assert not (folder / "analysis.html").exists()

    (folder / "predictions.jsonl").write_text("".join(lines[:-1]))
    ran = cli("analyze", folder / "result.json")
    assert ran.code == 2 and "does not belong to" in ran.err
    assert ran.err.count("\n") == 1


def test_compare_two_runs(cli: Cli, runs: Path, tmp_path: Path) -> None:
    a, b = _run(runs, "video-match") / "result.json", _run(runs, "centre") / "predictions.jsonl"
    page = tmp_path / "compared.html"
    ran = cli("compare", a, b, "--top", 2, "--out", page, "--json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    assert found["wins"] + found["ties"] + found["losses"] == found["pairs"] == 4
    assert max(len(found["better"]), len(found["worse"])) <= 2
    assert found["difference"]["mIoU"]["value"] == pytest.approx(
        found["metrics"][0]["mIoU"]["value"] - found["metrics"][1]["mIoU"]["value"]
    )
    named = [*found["better"], *found["worse"]]
    assert named and all(pair["pair_id"] in page.read_text() for pair in named)

    shown = cli("compare", a, b, "--top", 2).out
    assert max(map(len, shown.splitlines())) <= 80
    assert named[0]["pair_id"] in shown and "A: video-match" in shown
    assert 0 < found["p"] <= 1 and f"p = {found['p']:.3f}" in shown
    assert f"p = {found['p']:.3f}" in page.read_text()
    assert found["detectable"] is None  # four pairs of two videos

    same = json.loads(cli("compare", a, a, "--json").out)
    assert same["p"] == 1
    assert same["ties"] == 4 and not same["better"] and same["difference"]["mAP"]["value"] == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [("split", "val"), ("protocol", "recropped"), ("dataset_fingerprint", "0"), ("dataset", "x")],
)
def test_compare_refuses_runs_on_other_pairs(
    cli: Cli, runs: Path, tmp_path: Path, field: str, value: str
) -> None:
    a, other = _run(runs, "centre") / "predictions.jsonl", tmp_path / "other.jsonl"
    first, *rest = a.read_text().splitlines(keepends=True)
    header = json.loads(first)
    header["header"][field] = value
    other.write_text(json.dumps(header) + "\n" + "".join(rest))
    ran = cli("compare", a, other)
    assert ran.code == 2 and "cannot be compared" in ran.err and value in ran.err
    assert ran.err.count("\n") == 1
