"""Commands about runs: tune and ablate, which make variants of a config, and runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vid2vidmr.cli.options import (
    AsJson,
    DatasetOption,
    DeviceOption,
    EncoderOption,
    MethodName,
    PresetOption,
    SeedOption,
    StepOption,
    complete_methods,
)
from vid2vidmr.cli.output import print_json, print_table
from vid2vidmr.cli.scores import parsed_seeds


def tune(
    methods: Annotated[
        str,
        typer.Argument(
            metavar="METHOD",
            help="Names with commas between, or all; NAME@PRESET.",
            autocompletion=complete_methods,
        ),
    ],
    dataset: DatasetOption,
    trials: Annotated[
        int, typer.Option(metavar="<int>", min=1, help="Configs to try of each method.")
    ] = 16,
    preset: PresetOption = "small",
    seed: SeedOption = 0,
    encoder: EncoderOption = None,
    step: StepOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of runs (default: runs/DATASET).")
    ] = None,
    device: DeviceOption = None,
    as_json: AsJson = False,
) -> None:
    """Search configs on val: equal trials for all methods.

    Tries random changes of a preset and keeps the best; test pairs are not looked at. Rows that do
    not train are searched too. What is complete is used again, and more trials continue fewer.
    bench --methods METHOD@tuned takes the config. Writes search.md and search.json: who was given
    what.
    """
    from vid2vidmr.contract import features_at
    from vid2vidmr.data.dataset import load_dataset
    from vid2vidmr.experiments.run import runs_home
    from vid2vidmr.experiments.tune import tune_all
    from vid2vidmr.methods.load import require_methods
    from vid2vidmr.progress import logged
    from vid2vidmr.tables.search import write_search

    names = [name.strip() for name in methods.split(",") if name.strip()]
    require_methods(names)
    built = load_dataset(dataset)
    folder = runs_home(built) if out is None else out
    with logged(folder):
        done = tune_all(
            built,
            "all" if names == ["all"] else names,
            trials=trials,
            preset=preset,
            seed=seed,
            runs=folder,
            encoder=features_at(encoder, step),
        )
    written = write_search(folder, built)
    if as_json:
        print_json(
            [
                {
                    "method": search.method, "preset": str(search.path),
                    "trials": [trial.to_json() for trial in search.trials],
                }
                for search in done
            ]
        )  # fmt: skip
        return
    rows = []
    for search in done:
        for trial in search.trials:
            score = "failed" if trial.val_miou is None else f"{trial.val_miou:.1f}"
            changed = ", ".join(f"{name} {value}" for name, value in trial.changes.items())
            what = (changed or f"preset {Path(search.preset).stem}") + f" ({trial.error})" * bool(
                trial.error
            )
            rows.append([search.method, str(trial.number), score, f"{trial.pairs:,}", what])
    title = f"Val of {dataset}, mIoU (mean of both protocols), seed {seed}"
    print_table(title, ["method", "trial", "mIoU", "pairs", "what it changes"], rows)
    typer.echo(f"Best configs: {', '.join(str(search.path) for search in done)}")
    typer.echo(f"Tables: {', '.join(str(path) for path in written)}")


def ablate(
    method: MethodName,
    table: Annotated[str, typer.Option(help="Number of a table of its paper.")],
    dataset: DatasetOption,
    seeds: Annotated[str, typer.Option(help="A count (3) or a list (0,1).")] = "3",
    preset: Annotated[
        str | None, typer.Option(help="Preset that the variants change (default: the table's).")
    ] = None,
    encoder: EncoderOption = None,
    step: StepOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of runs and tables (default: runs/DATASET).")
    ] = None,
    device: DeviceOption = None,
    as_json: AsJson = False,
) -> None:
    """Run a table of a method's paper, ours beside its numbers.

    The paper's numbers are of its own data: compare differences, not values. What is complete is
    used again. Writes ablation-METHOD-TABLE.md and .csv.
    """
    from rich.console import Console

    from vid2vidmr.contract import features_at
    from vid2vidmr.data.dataset import load_dataset
    from vid2vidmr.experiments.ablate import ablate as run_ablation
    from vid2vidmr.experiments.run import runs_home
    from vid2vidmr.methods.load import require_methods
    from vid2vidmr.progress import logged
    from vid2vidmr.tables.ablation import to_json, to_rich, write_ablation

    numbers = parsed_seeds(seeds)
    require_methods([method])
    built = load_dataset(dataset)
    folder = runs_home(built) if out is None else out
    with logged(folder):
        done = run_ablation(
            built,
            method,
            table,
            preset=preset,
            seeds=numbers,
            runs=folder,
            encoder=features_at(encoder, step),
        )
    written = write_ablation(done, folder)
    if as_json:
        print_json(to_json(done))
        return
    console = Console()
    console.print(to_rich(done))
    typer.echo(f"Tables: {', '.join(str(path) for path in written)}")


def runs(
    folder: Annotated[Path, typer.Argument(help="Folder of runs.")] = Path("runs"),
    as_json: AsJson = False,
) -> None:
    """List what runs there are, in words.

    Method and preset, data set, split, protocol, seeds, score (mean over seeds), when, and where.
    Seeds of one run stand in one row; runs with wrong queries are left out.
    """
    from textwrap import wrap

    from vid2vidmr.experiments.listing import list_runs

    found, faults = list_runs(folder)
    for fault in faults:
        typer.echo(fault, err=True)
    if as_json:
        print_json([each.model_dump(mode="json") for each in found])
        return
    for dataset in dict.fromkeys(each.dataset for each in found):
        rows: dict[tuple[str, ...], list[str]] = {}
        for each in (each for each in found if each.dataset == dataset):
            place = Path(each.paths[0]).parent
            key = (each.name, str(each.split), str(place))
            short = f"{each.name}\n{place.parent.name}/{place.name}"
            row = rows.setdefault(key, [short, each.split or "", "", "", "", ""])
            score = "" if each.score is None else f"{each.metric} {each.score:.1f}"
            said = wrap(each.protocol or "only trained", 14)
            row[2] += "".join(f"{line}\n" for line in said)
            row[3] += score + "\n" * len(said)
            row[4] = ",".join(map(str, each.seeds))
            row[5] = f"{each.when.astimezone():%d %b\n%H:%M}"
            home = place.parent.parent
        columns = ["method, folder", "split", "protocol", "score", "seeds", "when"]
        title = f"{dataset or 'of an unknown data set'}, in {home}"
        print_table(title, columns, [*rows.values()], folded=0)
        typer.echo()
    if not found:
        typer.echo(f"{folder} holds no runs.")
