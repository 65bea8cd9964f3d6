"""Commands about this machine."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import typer

from vid2vidmr.cli.options import AsJson
from vid2vidmr.cli.output import print_json, print_table


def info(as_json: AsJson = False) -> None:
    """Print versions, device and paths, for bug reports."""
    import os

    import torch

    from vid2vidmr.data.dataset import data_home
    from vid2vidmr.evaluation.environment import commit, hardware, versions

    facts = {
        "versions": versions(),
        "commit": commit(),
        "hardware": hardware(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "data": str(data_home().resolve()),
        "hub_cache": os.environ.get("HF_HOME", str(Path.home() / ".cache" / "huggingface")),
    }
    if as_json:
        print_json(facts)
        return
    text = {**facts, "versions": ", ".join(f"{n} {v}" for n, v in versions().items())}
    print_table("vid2vidmr", ["what", "value"], [[k, str(v)] for k, v in text.items()])


def doctor(as_json: AsJson = False) -> None:
    """Check a GPU against the CPU, method by method.

    Takes about a minute. Without a GPU the CPU's kernels are checked against their plain form.
    Exits with 1 if something is wrong.
    """
    from dataclasses import asdict

    import torch

    from vid2vidmr.devices import pick_device
    from vid2vidmr.experiments.doctor import examine, missing

    device = pick_device()
    findings = list(examine(device))
    problems = [*missing(device), *(f"{f.what}: {f.problem}." for f in findings if f.problem)]
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    if as_json:
        rows = [
            {key: None if x != x else x for key, x in asdict(found).items()} for found in findings
        ]
        print_json({"device": name, "findings": rows, "problems": problems})
    else:
        columns = ["", "CPU, ms", "device, ms", "difference"]
        cells = [[f.what, *_cells(f)] for f in findings]
        print_table(f"{name}: a step, without dropout", columns, cells)
        alone = "There is no GPU here: the CPU was checked. " if device.type == "cpu" else ""
        typer.echo(f"\n{alone}{chr(10).join(problems) or 'Nothing is wrong.'}")
    if problems:
        raise typer.Exit(1)


def _cells(found: Any) -> list[str]:
    numbers = (found.cpu_ms, found.device_ms)
    shown = ["" if math.isnan(ms) else f"{ms:.1f}" for ms in numbers]
    return [*shown, "" if math.isnan(found.difference) else f"{found.difference:.0e}"]
