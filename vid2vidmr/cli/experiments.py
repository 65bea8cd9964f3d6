"""Commands that train variants of a config: tune, ablate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vid2vidmr.cli.methods import (
    DatasetOption,
    EncoderOption,
    MethodName,
    PresetOption,
    SeedOption,
)
from vid2vidmr.cli.output import AsJson, print_json, print_table
from vid2vidmr.cli.scores import parsed_seeds


def tune(
    method: MethodName,
    dataset: DatasetOption,
    trials: Annotated[
        int, typer.Option(min=1, help="Configs to train, that of the preset among them.")
    ] = 16,
    preset: PresetOption = "small",
    seed: SeedOption = 0,
    encoder: EncoderOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of runs (default: runs/DATASET).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Search a method's config on val.

    Trains random changes of a preset and keeps the best; test pairs are not looked at. Compare
    methods with the same number of trials each. More trials continue fewer. The file it writes is
    a preset: bench --methods METHOD@FILE.
    """
    from vid2vidmr.experiments.tune import tune as search

    found, path = search(
        dataset, method, trials=trials, preset=preset, seed=seed, runs=out, encoder=encoder
    )
    if as_json:
        print_json({"trials": [trial.to_json() for trial in found], "preset": str(path)})
        return
    rows = []
    for trial in found:
        score = "failed" if trial.val_miou is None else f"{trial.val_miou:.1f}"
        changed = ", ".join(f"{name} {value}" for name, value in trial.changes.items())
        reason = f" ({trial.error})" if trial.error else ""
        rows.append([str(trial.number), score, (changed or f"preset {preset}") + reason])
    title = f"{method} on {dataset}, val mIoU (mean of both protocols), seed {seed}"
    print_table(title, ["trial", "mIoU", "what it changes"], rows)
    typer.echo(f"Best config: {path}")


def ablate(
    method: MethodName,
    table: Annotated[str, typer.Option(help="Number of the table in the method's paper.")],
    dataset: DatasetOption,
    seeds: Annotated[str, typer.Option(help="A count (3) or a list (0,1).")] = "3",
    preset: Annotated[
        str | None, typer.Option(help="Preset that the variants change (default: the table's own).")
    ] = None,
    encoder: EncoderOption = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder of runs and tables (default: runs/DATASET).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a table of a method's paper, ours beside its numbers.

    The paper's numbers are of its own data: compare differences, not values. What is complete is
    used again. Writes ablation-METHOD-TABLE.md and .csv.
    """
    from rich.console import Console

    from vid2vidmr.data.dataset import load_dataset
    from vid2vidmr.experiments.ablate import ablate as run_ablation
    from vid2vidmr.experiments.run import runs_home
    from vid2vidmr.tables.ablation import to_json, to_rich, write_ablation

    numbers = parsed_seeds(seeds)
    built = load_dataset(dataset)
    folder = runs_home(built) if out is None else out
    done = run_ablation(
        built, method, table, preset=preset, seeds=numbers, runs=folder, encoder=encoder
    )
    written = write_ablation(done, folder)
    if as_json:
        print_json(to_json(done))
        return
    console = Console()
    console.print(to_rich(done))
    typer.echo(f"Tables: {', '.join(str(path) for path in written)}")
