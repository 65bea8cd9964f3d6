"""A board over worlds: that of bench for the same runs, of the rows that every world has."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from made_submissions import add_submission, made_dataset
from mini_dataset import halved_targets

from leaderboard.site import build_site
from leaderboard.submit import submit
from leaderboard.verify import verify
from vid2vidmr.data.dataset import Dataset, load_dataset
from vid2vidmr.data.write import write_dataset
from vid2vidmr.experiments.bench import bench
from vid2vidmr.tables import Table, summarise, to_markdown


@pytest.fixture
def rendered(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Dataset]:
    """The tiny data set, and one of which a part of the test pairs is left, as worlds."""
    monkeypatch.setenv("VID2VIDMR_DATA", str(tmp_path / "data"))
    whole = load_dataset(tiny)
    for seed, part in enumerate((1.0, 0.5)):
        folder = tmp_path / "data" / f"world-{seed}"
        shutil.copytree(tiny / "features", folder / "features")
        pairs = {split: whole.pair_ids(split) for split in whole.splits}
        pairs["test"] = pairs["test"].iloc[: round(part * len(pairs["test"]))]
        info = whole.info.model_copy(update={"name": folder.name, "title": f"World {seed}"})
        options = {"families": "unseen", "seed": seed}
        write_dataset(folder, info, whole.moments, pairs, whole.videos, options, whole.exhaustive)
        halved_targets(folder)  # as they are, all targets of val hold their moment
    return [load_dataset(f"world-{seed}") for seed in range(2)]


def _submit_all(runs: Path, root: Path, worlds: Sequence[Dataset]) -> None:
    """Submit all runs of a bench, a command a world and row."""
    for world in worlds:
        for folder in sorted((runs / world.name).iterdir()):
            if not folder.is_dir():
                continue
            results = folder.glob("*/*/result.json")
            kind = json.loads(next(results).read_text())["kind"]
            card = root.parent / "card.json"
            said = {"name": folder.name, "title": "A row of the bench", "kind": kind}
            card.write_text(json.dumps(said))
            submit(sorted(folder.iterdir()), card, root=root)


def _numbers(table: Table, protocol: str) -> dict[str, object]:
    """Give all numbers of a table under a protocol, as they are printed and finer."""
    return {
        row.name: (
            {name: summary.model_dump() for name, summary in row.metrics[protocol].items()},
            row.sensitivity.get(protocol), row.rank(protocol), row.over_bias[protocol],
            row.coverage[protocol], row.seeds, row.kind,
        )
        for row in table.rows
    }  # fmt: skip


@pytest.mark.parametrize("protocols", [("official", "recropped"), ("open",)])
def test_the_board_over_worlds_is_the_table_of_bench(
    rendered: list[Dataset], tmp_path: Path, protocols: tuple[str, ...]
) -> None:
    root, runs, out = tmp_path / "root", tmp_path / "runs", tmp_path / "site"
    scored, failures = bench(rendered, ["local-match", "dtw-match"], runs=runs, protocols=protocols)
    assert not failures
    _submit_all(runs, root, rendered)
    built = build_site(root, out)
    [pool] = built.pools
    assert built.not_shown == {} and pool.slug == "world-0+1"
    expected = summarise(rendered, scored)
    for protocol in protocols:
        table = pool.tables[protocol]
        assert _numbers(table, protocol) == _numbers(expected, protocol)
        assert table.detectable[protocol] == expected.detectable[protocol]
        assert (table.title, table.fingerprint) == (expected.title, expected.fingerprint)
    if len(protocols) == 1:  # bench prints it, to the letter
        text = (out / f"boards/world-0+1/{protocols[0]}.md").read_text()
        assert text == to_markdown(expected)
    checked, differences = verify(root)
    assert checked > 0 and differences == []


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Dataset]:
    """Three worlds of other numbers of pairs, the later seed first."""
    monkeypatch.setenv("VID2VIDMR_DATA", str(tmp_path / "data"))
    return [
        made_dataset(tmp_path / "data", 20 + 2 * seed, name=f"made-{seed}", options={"seed": seed})
        for seed in (10, 2, 3)
    ]


def test_what_is_not_in_every_world_is_left_out_and_said(
    made: list[Dataset], tmp_path: Path
) -> None:
    root, out = tmp_path / "root", tmp_path / "site"
    for number, world in enumerate(made):
        below = tmp_path / world.name / "root"  # files of one name, apart
        add_submission(below, world, "everywhere", seeds=(0, 1), wrong=True)
        add_submission(below, world, "centred", method="whole-video", kind="bias")
        of_one = ("official", "recropped")[: 2 - (number == 0)]
        add_submission(below, world, "not-recropped", shift=0.5, protocols=of_one)
        add_submission(below, world, "other-seed", shift=0.6, seeds=(number,))
        add_submission(below, world, "other-method", header={"method": f"m{number}"})
        if number:
            add_submission(below, world, "two-of-three")
        shutil.copytree(below, root, dirs_exist_ok=True)
    built = build_site(root, out)
    [pool] = built.pools
    assert pool.slug == "made-2+3+10" and built.not_shown == {}
    assert [board.slug for board in pool.boards] == ["made-2", "made-3", "made-10"]
    official, recropped = (pool.tables[name] for name in ("official", "recropped"))
    assert official.pairs == 24 + 26 + 40 and official.worlds == 3
    rows = [row.name for row in official.rows]
    assert sorted(rows) == ["centred", "everywhere", "not-recropped"]
    assert sorted(official.left_out) == ["other-method", "other-seed", "two-of-three"]
    assert sorted(row.name for row in recropped.rows) == ["centred", "everywhere"]
    assert "not-recropped" in recropped.left_out
    text = (out / "boards/made-2+3+10/official.md").read_text()
    assert "preset and encoder in every world: " in text and "Means over 3 worlds" in text
    apart = {board.slug: board.entries["everywhere"].row for board in pool.boards}
    over = next(row for row in official.rows if row.name == "everywhere")
    mean = [row.metrics["official"]["mIoU"].mean.value for row in apart.values()]
    assert over.metrics["official"]["mIoU"].mean.value == pytest.approx(sum(mean) / 3)
    assert over.metrics["official"]["mIoU"].world_sd and over.sensitivity["official"].value > 0
    page = (out / "index.html").read_text()
    places = [page.index(f'<h2 id="{slug}"') for slug in ("made-2+3+10", "made-10", "made-2")]
    assert places == sorted(places)
    for page, link in {
        "index.html": 'href="methods/everywhere.html#numbers"',
        "methods/everywhere.html": 'href="../index.html#made-2+3+10"',
    }.items():
        assert link in (out / page).read_text()


@pytest.mark.parametrize(
    "change",
    [
        {"options": {"seed": 3, "families": "unseen"}},
        {"options": {}},
        {"options": {"seed": 10}},
        {"options": {"seed": 3}, "synthetic": False},
    ],
)
def test_what_is_no_world_of_another_is_not_put_with_it(
    made: list[Dataset], tmp_path: Path, change: dict[str, object]
) -> None:
    others = made[:1], [made_dataset(tmp_path / "data", name="made-3", **change)]
    for [dataset] in others:
        below = tmp_path / dataset.name / "root"
        add_submission(below, dataset, "one")
        shutil.copytree(below, tmp_path / "root", dirs_exist_ok=True)
    assert build_site(tmp_path / "root", tmp_path / "site").pools == []
