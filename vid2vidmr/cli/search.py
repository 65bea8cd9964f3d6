"""The command that searches a config on val."""

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
        print_json(
            {
                "trials": [
                    {"number": t.number, "changes": t.changes, "val_mIoU": t.val_miou,
                     "error": t.error} for t in found
                ],
                "preset": str(path),
            }
        )  # fmt: skip
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
