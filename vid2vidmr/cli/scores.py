"""Commands that score: bench and evaluate."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vid2vidmr.cli.options import (
    AsJson,
    DatasetOption,
    DeviceOption,
    EncoderOption,
    FuseOption,
    Fusion,
    PresetOption,
    StepOption,
    TrainOnVal,
    complete_datasets,
    complete_methods,
    complete_protocols,
)
from vid2vidmr.cli.output import print_json, print_table
from vid2vidmr.errors import UserError
from vid2vidmr.text import counted

if TYPE_CHECKING:
    from vid2vidmr.data.dataset import Dataset
    from vid2vidmr.experiments.bench import Failure
    from vid2vidmr.experiments.run import Scored
    from vid2vidmr.tables import Table


class Protocols(StrEnum):
    """Which protocols a table shows."""

    both = "both"
    official = "official"
    recropped = "recropped"
    balanced = "balanced"
    open = "open"
    archive = "archive"


OnlyOption = Annotated[
    Path | None,
    typer.Option(help="Only pairs whose videos are in this availability.json."),
]


def parsed_seeds(text: str) -> Sequence[int]:
    """``"3"`` is three seeds (0, 1, 2), ``"0,7"`` and ``"7,"`` are lists."""
    from vid2vidmr.experiments.rows import checked_seeds

    try:
        seeds = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        seeds = []
    if not seeds:
        raise UserError(f"--seeds {text!r} is neither a count (2) nor a list of seeds (0,1).")
    return checked_seeds(seeds if "," in text else seeds[0])


def bench(
    dataset: Annotated[
        str,
        typer.Option(
            help="A built data set; with commas, several for one table.",
            autocompletion=complete_datasets,
        ),
    ],
    methods: Annotated[
        str,
        typer.Option(
            help="With commas, or all; also NAME@PRESET, ./FILE.py:CLASS.",
            autocompletion=complete_methods,
        ),
    ] = "all",
    seeds: Annotated[
        str, typer.Option(help="Of trained methods: a count (2) or a list (0,1).")
    ] = "2",
    protocol: Annotated[
        Protocols,
        typer.Option(
            metavar="<name>", help="both, official, recropped, balanced, open or archive."
        ),
    ] = Protocols.both,
    shots: Annotated[
        str | None,
        typer.Option(
            metavar="<list>",
            help="Of --protocol archive: ask with so many examples each, such as 1,2,3,5.",
        ),
    ] = None,
    fuse: FuseOption = Fusion.mean,
    preset: PresetOption = "small",
    encoder: EncoderOption = None,
    step: StepOption = None,
    split: Annotated[str, typer.Option(help="val is for choices, test for reports.")] = "test",
    init: Annotated[
        list[str] | None,
        typer.Option(help="Checkpoint that a method starts from; repeatable."),
    ] = None,
    only_available: OnlyOption = None,
    train_on_val: TrainOnVal = False,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder of runs and tables (default: runs/DATASET)."),
    ] = None,
    device: DeviceOption = None,
    as_json: AsJson = False,
) -> None:
    """Run methods over seeds and print one table.

    Computes features, trains, predicts, evaluates; bias rows always run. NAME@tuned is what `tune`
    found, tuned alone is all of that. --protocol both is official and recropped. What is complete
    is used again; a bench that was stopped continues. A checkpoint of --init is for the presets
    that need one (finetuned+V), or for all rows of its method if none does. Of several data sets,
    each has a folder in --out. Writes every result with its predictions, and table.md, table.csv,
    table.tex, which keep the rows of earlier benches with the same code, encoder, split and
    protocols. Exit status 1 if a method failed; the others are shown all the same, if there are.
    """
    from rich.console import Console

    from vid2vidmr.contract import features_at
    from vid2vidmr.experiments.bench import bench as run_bench
    from vid2vidmr.experiments.bench import load_worlds
    from vid2vidmr.methods.load import require_methods
    from vid2vidmr.progress import logged
    from vid2vidmr.tables import to_rich

    numbers, protocols = parsed_seeds(seeds), _parsed_protocols(protocol, shots, fuse)
    require_methods(_listed(methods))
    built = load_worlds(_listed(dataset))
    with logged(out or _home(built)):
        scored, failures = run_bench(
            built,
            _listed(methods),
            runs=out,
            seeds=numbers,
            protocols=protocols,
            preset=preset,
            encoder=features_at(encoder, step),
            split=split,
            init=init or (),
            only=only_available,
            train_on_val=train_on_val,
            earlier=True,
            on_failure=_report,
        )
    lost = bool(failures) and all(run.result.kind == "bias" for run in scored)
    name = "shots" if shots else "table"
    table, written = (None, []) if lost else _tables(built, scored, out, name, split)
    if as_json:
        print_json(
            {
                "results": [run.result.model_dump(mode="json") for run in scored],
                "rows": [row.to_json() for row in (table.rows if table else ())],
                "query_sensitivity": {
                    row.name: {p: i.model_dump() for p, i in row.sensitivity.items()}
                    for row in (table.rows if table else ())
                },
                "failures": [
                    {
                        "dataset": f.dataset,
                        "method": f.method,
                        "seed": f.seed,
                        "error": str(f.error),
                    }
                    for f in failures
                ],
                "tables": [str(path) for path in written],
            }
        )
    elif table:
        console = Console()
        console.print(to_rich(table, console.width))
        typer.echo(f"Tables: {', '.join(str(path) for path in written)}")
    if failures:
        raise typer.Exit(1)


def _parsed_protocols(protocol: Protocols, shots: str | None, fuse: Fusion) -> tuple[str, ...]:
    """Names of the protocols that are asked for."""
    from vid2vidmr.data.protocols import PROTOCOLS
    from vid2vidmr.data.shots import shot_protocols

    if shots is None:
        if fuse is not Fusion.mean:
            raise typer.BadParameter(
                f"--fuse {fuse.value} is of several queries: say how many with --shots 1,2."
            )
        return PROTOCOLS if protocol is Protocols.both else (protocol.value,)
    if protocol is not Protocols.archive:
        raise typer.BadParameter(f"--shots is of --protocol archive, not of {protocol.value}.")
    counts = [int(part) if part.strip().isdecimal() else 0 for part in shots.split(",")]
    if counts != sorted({*counts}) or not 0 < counts[0] < counts[-1] < 100:
        raise typer.BadParameter(
            f"{shots!r} is no list of numbers of examples: expected two or more that rise, from 1 "
            "to 99, such as 1,2,3,5."
        )
    return shot_protocols(counts, fuse.value)


def _listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _tables(
    built: list[Dataset], scored: list[Scored], out: Path | None, name: str, split: str
) -> tuple[Table, list[Path]]:
    """Write the table of every data set, and of several the one over them; give the last."""
    from vid2vidmr.experiments.run import runs_home
    from vid2vidmr.tables import summarise, write_tables

    name = name if split == "test" else f"{name}-{split}"
    for world in built if built[1:] else ():
        runs = [run for run in scored if run.result.header.dataset == world.name]
        if runs:
            folder = runs_home(world) if out is None else out / world.name
            write_tables(summarise(world, runs), folder / name)
    table = summarise(built, scored)
    return table, write_tables(table, (out or _home(built)) / name)


def _home(built: list[Dataset]) -> Path:
    from vid2vidmr.experiments.run import runs_home
    from vid2vidmr.tables import worlds_name

    return runs_home(built[0]).with_name(worlds_name([world.name for world in built]))


def _report(failure: Failure) -> None:
    """Say why a run failed; errors that are not the user's come with their traceback."""
    import traceback

    from vid2vidmr.progress import tell

    if not isinstance(failure.error, UserError):
        tell("".join(traceback.format_exception(failure.error)))
    tell(f"failed: {failure.method}, seed {failure.seed}: {failure.error}")


def evaluate(
    predictions: Annotated[Path, typer.Argument(help="Predictions file, JSON Lines.")],
    dataset: DatasetOption,
    split: Annotated[
        str | None, typer.Option(help="Of a file without a header (default: test).")
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            help="Of a file without a header (default: official).",
            autocompletion=complete_protocols,
        ),
    ] = None,
    only_available: OnlyOption = None,
    as_json: AsJson = False,
) -> None:
    """Score a predictions file, with 95 % intervals.

    Prints coverage and invalid windows too, and writes PREDICTIONS with the ending .result.json
    beside, where the file has a header.
    """
    from vid2vidmr.data.availability import read_manifest
    from vid2vidmr.data.dataset import load_dataset
    from vid2vidmr.evaluation.open_retrieval import asked
    from vid2vidmr.evaluation.results import evaluate_file, write_result

    built = load_dataset(dataset)
    only = None if only_available is None else read_manifest(only_available, built)
    header, pairs, evaluation = evaluate_file(predictions, built, split, protocol, only)
    written = None
    if header is not None:
        subset = "" if only is None else f".{only.subset}"
        plain = predictions.with_suffix("") if predictions.suffix == ".gz" else predictions
        written = plain.with_suffix(f"{subset}.result.json")
        write_result(header, evaluation, predictions, written)
    if as_json:
        value: dict[str, Any] = {
            "header": header and header.model_dump(mode="json"),
            "pairs": len(evaluation.per_pair),
            "coverage": evaluation.coverage,
            "invalid": evaluation.invalid,
            "metrics": {n: i.model_dump() for n, i in evaluation.metrics.items()},
            "result": written and str(written),
        }
        print_json(value)
        return
    rows = [
        [
            name,
            f"{found.value:.2f}",
            "" if found.low is None else f"{found.low:.2f} to {found.high:.2f}",
        ]
        for name, found in asked(evaluation.metrics, pairs.truth).items()
    ]
    who = header.method if header else predictions
    title = f"{who}, {pairs.protocol}: {counted(len(pairs), 'pair')}"
    print_table(title, ["metric", "%", "95 %"], rows)
    faults = ", ".join(f"{n} {what}" for what, n in evaluation.invalid.items() if n) or "none"
    typer.echo(f"coverage {100 * evaluation.coverage:.1f} %; invalid: {faults}")
    if written:
        typer.echo(f"Result: {written}")
