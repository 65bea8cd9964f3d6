"""Numbers that papers report: shown beside results, never mixed with them, always with a citation.

Each file of ``reported/`` holds the table of one publication, as printed there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vid2vidmr.evaluation.bounds import broken_bounds
from vid2vidmr.files import read_json
from vid2vidmr.records import Record

FOLDER = Path(__file__).parent / "reported"
DATASETS = {"activitynet_vrl": "activitynet-vrl", "sportsmoments": "sportsmoments"}
"""Key in the files to registered name."""


class ReportedRow(Record):
    """What a publication reports of one method on one data set.

    Attributes
    ----------
    group : str
        Part of the table, such as ``text-vmr``.
    variant : str or None
        Such as ``finetuned+V``.
    dataset : str
        Registered name.
    metrics : dict of str to float
        Percent, by the names of `vid2vidmr.evaluation`.
    citation : str
        Publication and table.
    note : str or None
        What is known about the numbers.
    """

    method: str
    group: str
    variant: str | None
    dataset: str
    metrics: dict[str, float]
    citation: str
    note: str | None


def reported_rows() -> list[ReportedRow]:
    """All reported rows, one a method and data set, in the order of the publications."""
    rows = []
    for path in sorted(FOLDER.glob("*.json")):
        table = read_json(path)
        rows += [
            ReportedRow(
                method=row["method"],
                group=row["group"],
                variant=row["variant"],
                dataset=name,
                metrics=row[key],
                citation=table["source"],
                note=row["note"],
            )
            for row in table["rows"]
            for key, name in DATASETS.items()
            if row[key] is not None
        ]
    return rows


class Contradiction(Record):
    """Numbers that circulate and that their own source contradicts."""

    method: str
    dataset: str
    metrics: dict[str, float]
    text: str


CONTRADICTIONS = (
    Contradiction(
        method="matr",
        dataset="activitynet-vrl",
        metrics={"mIoU": 61.8, "R1@0.5": 53.7},
        text="A summary that circulates gives MATR 61.8 mIoU and 53.7 R1@0.5 on ActivityNet-VRL; "
        "the paper's Table 1 has 56.8 and 57.1, gains of 8.1 and 13.1 over 48.7 and 44.0. The "
        "summary added 13.1 to both 48.7 and 40.6.",
    ),
)


def flags(row: ReportedRow) -> list[str]:
    """Say what is wrong with a row: bounds that it breaks, and metrics mixed under one name."""
    found = [f"{row.method}: {reason}" for reason in broken_bounds(row.metrics)]
    return found + ([f"{row.method}: {row.note}"] if row.note else [])


def iccv2025_matr(table: str) -> list[dict[str, Any]]:
    """Rows of an ablation table of the MATR paper, as printed there.

    Parameters
    ----------
    table : str
        A key of ``ablations`` in ``reported/iccv2025_matr.json``.
    """
    rows: list[dict[str, Any]] = read_json(FOLDER / "iccv2025_matr.json")["ablations"][table]
    return rows
