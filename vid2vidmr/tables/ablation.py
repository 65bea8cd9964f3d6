"""An ablation table: ours on the left, the paper's numbers, on its data, on the right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vid2vidmr.data.protocols import PROTOCOLS
from vid2vidmr.experiments.ablate import AblationResult, AblationRow
from vid2vidmr.methods.variants import Ablation
from vid2vidmr.tables.escape import csv_text, markdown_text
from vid2vidmr.tables.files import markdown_table, write_all
from vid2vidmr.text import counted, plain

if TYPE_CHECKING:
    from rich.console import Group

METRICS = ("mIoU", "R1@0.5")


def heading(result: AblationResult) -> str:
    """Name of the table, and what ours was measured on."""
    made = "synthetic" if result.fingerprint.startswith("synthetic-") else "real annotations"
    features = "simulated features" if result.contract.simulated else result.contract.name
    return (
        f"{result.ablation.title}. Ours: {result.dataset} ({made}, {features}), preset "
        f"{result.preset}, test split, {counted(result.pairs, 'pair')}, "
        f"{counted(len(result.seeds), 'seed')}"
    )


def notes(result: AblationResult) -> str:
    """Say what a reader must know to read the numbers."""
    theirs = " and ".join(f"{name} ({name[0]})" for name in result.ablation.reported.values())
    left_out = "".join(f"Left out: {name} ({why}) " for name, why in result.left_out.items())
    return (
        f"{left_out}Mean over seeds; in brackets 95 % intervals, bootstrap over query and target "
        "videos; sd between seeds; diff.: mIoU less that of the first row, pair by pair. The "
        f"paper's numbers (mIoU first) are of {theirs} with its features: compare their order, not "
        f"their values. Fingerprint {result.fingerprint}."
    )


def _header(ablation: Ablation) -> list[str]:
    ours = [
        f"{protocol} {name}"
        for protocol in PROTOCOLS
        for name in (METRICS[0], "sd", METRICS[1], "diff.")
    ]
    return ["variant", *ours, *(f"paper: {name}" for name in ablation.reported.values())]


def _cells(result: AblationResult, row: AblationRow, *, short: bool = False) -> list[str]:
    cells = [row.variant.name]
    for protocol in PROTOCOLS:
        first, second = (row.metrics[protocol][name] for name in METRICS)
        difference = row.difference.get(protocol)
        sd = first.seed_sd
        cells += [
            first.mean.text(short=short),
            "" if sd is None else f"{sd:.1f}",
            f"{second.mean.value:.1f}",
            "" if difference is None else difference.text(short=short),
        ]
    for name in result.ablation.reported:
        cells.append(" / ".join(f"{value:.1f}" for value in row.paper.get(name, [])))
    return cells


def to_markdown(result: AblationResult) -> str:
    """Heading, table, notes."""
    rows = []
    for row in result.rows:
        name, *cells = _cells(result, row)
        rows.append([markdown_text(name), *cells])
    table = markdown_table(_header(result.ablation), rows, texts=1)
    above, below = markdown_text(heading(result)), markdown_text(notes(result))
    return "\n".join([f"**{above}**", "", *table, "", below, ""])


def to_csv(result: AblationResult) -> str:
    """One line a variant, protocol and metric."""
    lines: list[Iterable[object]] = [
        ["variant", "protocol", "metric", "value", "low", "high", "seed_sd", "seeds",
         *(f"paper_{name}" for name in result.ablation.reported)]
    ]  # fmt: skip
    for row in result.rows:
        for protocol in PROTOCOLS:
            for name, summary in row.metrics[protocol].items():
                mean = summary.mean
                paper = [
                    row.paper[key][METRICS.index(name)]
                    if name in METRICS and key in row.paper
                    else ""
                    for key in result.ablation.reported
                ]
                lines.append(
                    [row.variant.name, protocol, name, mean.value, mean.low, mean.high,
                     summary.seed_sd, summary.seeds, *paper]
                )  # fmt: skip
    return csv_text(lines)


def to_json(result: AblationResult) -> dict[str, Any]:
    """Everything, for programs."""
    rows = [
        {
            "variant": asdict(row.variant),
            "metrics": {
                protocol: {name: summary.model_dump() for name, summary in found.items()}
                for protocol, found in row.metrics.items()
            },
            "difference": {p: i.model_dump() for p, i in row.difference.items()},
            "paper": row.paper,
        }
        for row in result.rows
    ]
    return {
        "title": heading(result),
        "left_out": result.left_out,
        "method": result.method,
        "preset": result.preset,
        "fingerprint": result.fingerprint,
        "simulated": result.contract.simulated,
        "seeds": list(result.seeds),
        "rows": rows,
    }


def to_rich(result: AblationResult) -> Group:
    """Render for a terminal of 80 columns: two lines a variant, one a protocol."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    grid.add_column("variant", overflow="fold", min_width=16)
    grid.add_column("protocol", no_wrap=True)
    for name in ("mIoU", "sd", METRICS[1], "diff."):
        grid.add_column(name, justify="right", no_wrap=True)
    grid.add_column("paper", justify="right", no_wrap=True)
    for row in result.rows:
        name, *cells = _cells(result, row, short=True)
        both = ["\n".join(lines) for lines in zip(cells[:4], cells[4:8], strict=True)]
        paper = [f"{name[0]} {row.paper[key][0]:.1f}" for key, name in
                 result.ablation.reported.items() if key in row.paper]  # fmt: skip
        grid.add_row(name, "\n".join(PROTOCOLS), *both, "\n".join(paper))
    above, below = plain(heading(result)), plain(notes(result))
    return Group(Text(above, style="bold"), grid, Text(below, style="dim"))


def write_ablation(result: AblationResult, folder: Path) -> list[Path]:
    """Write ``ablation-METHOD-TABLE-PRESET.md`` and ``.csv`` into `folder`."""
    preset = Path(result.preset).stem  # it may be a file
    name = f"ablation-{result.method}-{result.table}-{preset}"
    return write_all(folder / name, md=to_markdown(result), csv=to_csv(result))
