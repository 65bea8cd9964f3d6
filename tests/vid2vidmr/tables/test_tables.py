"""Tables: what is bold, what stands apart, what fits a terminal, and that files agree with runs."""

import csv
import io
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mini_dataset import mini_dataset
from rich.console import Console
from toy import toy_pairs

from vid2vidmr.data.pairs import PairSet
from vid2vidmr.data.protocols import Protocol
from vid2vidmr.evaluation import evaluate
from vid2vidmr.evaluation.predictions import PredictionHeader
from vid2vidmr.evaluation.results import Result, scores_of
from vid2vidmr.experiments.run import Scored
from vid2vidmr.records import Interval, Prediction
from vid2vidmr.tables import (
    Row,
    Table,
    summarise,
    to_csv,
    to_latex,
    to_markdown,
    to_rich,
    write_tables,
)

PAIRS = toy_pairs(60, seed=3, classes=6)


def predictions(pairs: PairSet, spread_s: float, seed: int) -> list[Prediction]:
    """Ground truth moved by noise: the smaller the noise the better the method."""
    rng = np.random.default_rng(seed)
    shift = rng.normal(0, spread_s, len(pairs))
    rows = zip(
        pairs.table["pair_id"], pairs.table["start_s"], pairs.table["end_s"], shift, strict=True
    )
    return [Prediction(pair_id=p, windows=((s + d, e + d, 1.0),)) for p, s, e, d in rows]


def scored(
    method: str, kind: str, spread_s: float, seed: int, protocol: str, *, pairs: PairSet = PAIRS
) -> Scored:
    evaluation = evaluate(predictions(pairs, spread_s, seed), pairs, resamples=200)
    wrong = evaluate(predictions(pairs, 30.0, seed), pairs, resamples=200)
    header = PredictionHeader(
        method=method, preset="small" if kind == "trained" else None, seed=seed,
        dataset="mini", dataset_fingerprint="synthetic-0", split="test",
        protocol=Protocol(protocol), encoder=None if kind == "bias" else "toy",
    )  # fmt: skip
    result = Result(
        header=header, kind=kind, **scores_of(evaluation),
        predictions="predictions.jsonl", predictions_sha256="0",
    )  # fmt: skip
    return Scored(result, evaluation, None if kind == "bias" else wrong)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Table:
    dataset = mini_dataset(tmp_path_factory.mktemp("mini"), {"a": None, "b": None})
    runs = [
        scored(method, kind, spread_s, seed, protocol)
        for method, kind, spread_s, seeds in [
            ("matr", "trained", 6.0, (0, 1)),
            ("dtw-match", "untrained", 3.0, (0,)),
            ("random", "bias", 20.0, (0,)),
            ("prior", "bias", 1.0, (0,)),
        ]
        for seed in seeds
        for protocol in ("official", "recropped")
    ]
    return summarise(dataset, runs)


def test_rows_come_best_first_whatever_they_are(table: Table) -> None:
    assert [row.method for row in table.rows] == ["prior", "dtw-match", "matr", "random"]


@pytest.fixture(scope="module")
def lined(tmp_path_factory: pytest.TempPathFactory) -> Table:
    """A row above the best bias row, one with a higher number than it and one with a lower."""
    dataset = mini_dataset(tmp_path_factory.mktemp("mini"), {"a": None, "b": None})
    rows = [("good", "untrained", 1.0, 0), ("near", "untrained", 5.0, 3), ("prior", "bias", 6.0, 0)]
    rows += [("far", "untrained", 9.0, 0), ("random", "bias", 20.0, 0)]
    return summarise(dataset, [scored(*row, "official") for row in rows])


def test_what_no_test_puts_above_bias_is_below_a_line(lined: Table) -> None:
    values = {row.name: row.metrics["official"]["mIoU"].mean.value for row in lined.rows}
    assert values["near"] > values["prior"] > values["far"]
    assert [row.name for row in lined.rows] == ["good", "near", "prior", "far", "random"]
    assert [row.name for row in lined.over_bias] == ["good"]
    assert [row.name for row in lined.not_over_bias] == ["near", "far"]
    (verdict,) = lined.verdicts
    assert verdict.startswith("official: best row good (untrained), +")
    assert any("Below the line: what a test against the best bias row" in n for n in lined.notes)


def test_the_line_is_in_every_form(lined: Table) -> None:
    names = [line.split(" | ")[0].strip("| ") for line in to_markdown(lined).splitlines()[4:10]]
    assert names == ["good", "*below: not above bias*", "near", "prior", "far", "random"]
    body = to_latex(lined).split("\\midrule\n", 1)[1].split("\\bottomrule")[0]
    parts = [re.findall(r"^([a-z]+) &", part, re.MULTILINE) for part in body.split("\\midrule")]
    assert parts == [["good"], ["near", "far"], ["prior", "random"]]
    console = Console(width=80, file=io.StringIO())
    console.print(to_rich(lined, 80))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    order = ["good ", "not above bias:", "near ", "far ", "bias rows:", "prior ", "random "]
    assert [found.strip() for found in re.findall("|".join(order), text)][:7] == [
        part.strip() for part in order
    ]


def test_long_names_stay_whole_in_a_narrow_terminal(table: Table) -> None:
    rows = [replace(row, name=f"{row.name}-of-a-long-name") for row in table.rows]
    console = Console(width=80, file=io.StringIO())
    console.print(to_rich(replace(table, rows=tuple(rows)), 80))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(row.name in text for row in rows)
    assert "R1@0.5" not in text and "sens." in text  # what is less needed makes room


def test_bias_rows_are_never_best(table: Table) -> None:
    by_name = {row.method: row for row in table.rows}
    assert table.is_best(by_name["dtw-match"], "recropped", "mIoU")
    for name in ("matr", "prior"):  # prior has the highest number of all
        assert not table.is_best(by_name[name], "recropped", "mIoU")


def test_verdict_says_that_no_row_is_above_bias(table: Table) -> None:
    official, recropped = table.verdicts
    assert official.startswith("official: no row is above the best bias row (prior, ")
    assert "nearest dtw-match (untrained), -" in recropped


def test_seeds_are_averaged_and_their_spread_is_apart(table: Table) -> None:
    runs = [scored("matr", "trained", 6.0, seed, "official") for seed in (0, 1)]
    values = [run.evaluation.metrics["mIoU"].value for run in runs]
    (row,) = [row for row in table.rows if row.method == "matr"]
    summary = row.metrics["official"]["mIoU"]
    assert row.seeds == (0, 1)
    assert summary.mean.value == pytest.approx(np.mean(values))
    assert summary.seed_sd == pytest.approx(np.std(values, ddof=1))


def test_sensitivity_is_the_loss_with_wrong_queries(table: Table) -> None:
    run = scored("dtw-match", "untrained", 3.0, 0, "official")
    assert run.wrong is not None
    lost = run.evaluation.metrics["mIoU"].value - run.wrong.metrics["mIoU"].value
    rows = {row.method: row for row in table.rows}
    assert rows["dtw-match"].sensitivity["official"].value == pytest.approx(lost)
    assert rows["prior"].sensitivity == {}


def test_ranks_are_bands_of_all_rows(table: Table) -> None:
    bands = {row.method: row.rank("official") for row in table.rows}
    assert bands == {"prior": "1", "dtw-match": "2", "matr": "3", "random": "4"}
    wide = replace(table.rows[0], ranks={"official": (2, 4)})
    assert wide.rank("official") == "2-4"
    assert 0 < table.detectable["official"] < 20
    assert any("mostly not seen on this split" in note for note in table.notes)


@pytest.mark.parametrize("width", [80, 120])
def test_terminal_table_fits_and_shows_everything(table: Table, width: int) -> None:
    console = Console(width=width, file=io.StringIO(), force_terminal=True)
    console.print(to_rich(table, width))
    raw = console.file.getvalue()  # type: ignore[attr-defined]
    text = re.sub(r"\x1b\[[0-9;]*m", "", raw)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert "synthetic" in text
    for row in table.rows:
        (line,) = [x for x in text.splitlines() if x.strip().startswith(row.method + " ")]
        for protocol in table.protocols:
            mean = row.metrics[protocol]["mIoU"].mean
            assert f"{mean.value:4.1f} [" in line
        assert line.rstrip().endswith(f" {row.rank(table.protocols[-1])}")
    best = table.method_rows[0].metrics["official"]["mIoU"].mean.value
    assert re.search(rf"\x1b\[1;32m{best:.1f}", raw)
    assert ("R1@0.7" in text) == (width == 120)


def test_csv_has_every_metric_with_interval_and_seeds(table: Table) -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(table))))
    for row in table.rows:
        for protocol in table.protocols:
            mine = [r for r in rows if (r["method"], r["protocol"]) == (row.method, protocol)]
            named = {r["metric"]: r for r in mine}
            assert named.keys() >= row.metrics[protocol].keys() | {"coverage"}
            for metric, summary in row.metrics[protocol].items():
                line = named[metric]
                assert float(line["value"]) == pytest.approx(summary.mean.value, abs=1e-4)
                assert float(line["low"]) <= float(line["value"]) <= float(line["high"])
            best, worst = row.ranks[protocol]
            assert (named["rank"]["low"], named["rank"]["high"]) == (str(best), str(worst))
            assert named["mIoU"]["seeds"] == " ".join(map(str, row.seeds))
            assert ("query_sensitivity" in named) == (row.kind != "bias")


def test_markdown_is_one_table_with_equal_columns(table: Table) -> None:
    text = to_markdown(table)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + len(table.rows) + 1  # the line
    assert len({line.count("|") for line in lines}) == 1
    assert "**" in lines[4] and "**" not in lines[-1]
    assert "Rendered data" in text


def test_latex_columns_match_and_signs_are_escaped(table: Table) -> None:
    text = to_latex(table)
    columns = re.search(r"\\begin\{tabular\}\{(l r*|lr+)\}", text)
    assert columns is not None
    wanted = len(columns.group(1))
    body = text.split("\\midrule", 1)[1].split("\\bottomrule")[0]
    rows = [line for line in body.splitlines() if line.endswith("\\\\")]
    assert {line.count("&") + 1 for line in rows} == {wanted}
    assert not re.search(r"(?<!\\)[%_#]", text)
    assert "\\textbf" in rows[0]


def test_low_coverage_is_said(tmp_path: Path) -> None:
    dataset = mini_dataset(tmp_path, {"a": None, "b": None})
    run = scored("random", "bias", 5.0, 0, "official")
    half = evaluate(predictions(PAIRS, 5.0, 0)[:30], PAIRS, resamples=0)
    result = run.result.model_copy(update={"coverage": half.coverage})
    table = summarise(dataset, [Scored(result, half, None)])
    assert any("random 50.0 %" in note for note in table.notes)


def test_a_table_of_bias_rows_alone_is_written(tmp_path: Path) -> None:
    dataset = mini_dataset(tmp_path / "mini", {"a": None, "b": None})
    table = summarise(dataset, [scored("random", "bias", 5.0, 0, "official")])
    assert table.verdicts[0].startswith("official: best bias row random")
    for path in write_tables(table, tmp_path / "table"):
        assert path.stat().st_size > 0
    Console(file=io.StringIO(), width=80).print(to_rich(table, 80))


def test_short_intervals_do_not_widen_the_narrow_table(table: Table) -> None:
    def shortened(row: Row) -> Row:
        metrics = {
            protocol: {
                name: summary.model_copy(update={"mean": Interval(value=50.0, low=49.0, high=51.0)})
                for name, summary in named.items()
            }
            for protocol, named in row.metrics.items()
        }
        return replace(row, metrics=metrics)

    short = replace(table, rows=tuple(map(shortened, table.rows)))
    console = Console(width=80, file=io.StringIO())
    console.print(to_rich(short, 80))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "50.0 ±1.0" in text
    assert re.search(r"^ ?dtw-match ", text, re.MULTILINE)  # the name is not folded


def test_a_table_without_bias_rows_says_so(tmp_path: Path) -> None:
    dataset = mini_dataset(tmp_path, {"a": None, "b": None})
    runs = [scored("matr", "trained", 6.0, 0, "official")]
    (verdict,) = summarise(dataset, runs).verdicts
    assert verdict.startswith("official: best row matr (trained, mIoU ")
    assert verdict.endswith("no bias row to compare with.")
