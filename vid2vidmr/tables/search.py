"""What was tried on val to choose configs, method by method: a budget that can be added up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vid2vidmr.data.dataset import Dataset
from vid2vidmr.experiments.tune import read_tuned
from vid2vidmr.files import write_json
from vid2vidmr.tables.files import markdown_table, write_all

HEADER = [
    "method", "from", "what the best changes", "trials", "failed", "pairs seen", "val of preset",
    "val of best", "pairs at paper",
]  # fmt: skip


def search_rows(folder: Path, dataset: Dataset) -> list[dict[str, Any]]:
    """Give one row for each preset file that `tune` left in a folder of runs on a data set."""
    rows = []
    for path, record in read_tuned(folder):
        if record.dataset_fingerprint != dataset.fingerprint:
            continue
        trials = record.trials  # best first
        rows.append(
            {
                "method": record.method, "preset": Path(record.preset).stem,
                "seed": record.seed, "encoder": record.encoder, "commit": record.commit,
                "trials": len(trials), "failed": sum(t.val_mIoU is None for t in trials),
                "pairs": sum(trial.pairs for trial in trials),
                "val_preset": next((t.val_mIoU for t in trials if t.number == 0), None),
                "val_best": trials[0].val_mIoU, "changes": trials[0].changes,
                "pairs_of_presets": record.pairs_of_presets, "file": path.name,
            }
        )  # fmt: skip
    return rows


def to_markdown(rows: list[dict[str, Any]], dataset: Dataset) -> str:
    """Give the table with its sums and what it means."""
    cells = []
    for row in rows:
        changed = ", ".join(f"`{name}` {value}" for name, value in row["changes"].items())
        paper = row["pairs_of_presets"].get("paper")
        cells.append(
            [
                row["method"], f"`{row['preset']}`", changed or "nothing", str(row["trials"]),
                str(row["failed"]), f"{row['pairs']:,}", _percent(row["val_preset"]),
                _percent(row["val_best"]), "" if paper is None else f"{paper:,}",
            ]
        )  # fmt: skip
    trials, pairs = sum(row["trials"] for row in rows), sum(row["pairs"] for row in rows)
    cells.append(["**sum**", "", "", str(trials), str(sum(r["failed"] for r in rows)),
                  f"{pairs:,}", "", "", ""])  # fmt: skip
    said = [
        f"Val of {dataset.name} (fingerprint {dataset.fingerprint}): mIoU in percent, mean of the "
        "official and the recropped protocol. Test pairs were not looked at.",
        "pairs seen: by all trials of a row, a pair counted each time it was seen; 0 where nothing "
        "is trained by gradient. failed: trials that ended in an error; they count.",
        *_paper_note(rows),
    ]
    title = f"**Search on {dataset.name}**"
    table = markdown_table(HEADER, cells, texts=3)
    return "\n".join([title, "", *table, "", *(f"- {text}" for text in said), ""])


def _paper_note(rows: list[dict[str, Any]]) -> list[str]:
    """Say how much trainings at `paper` differ in length."""
    pairs = {row["method"]: row["pairs_of_presets"].get("paper") for row in rows}
    by_length = sorted((count, method) for method, count in pairs.items() if count)
    if not by_length:
        return []
    (least, shortest), (most, longest) = by_length[0], by_length[-1]
    return [
        "pairs at paper: what one training with the published settings sees on this data; that of "
        f"{longest} sees {most / least:.3g} times as many as that of {shortest}."
    ]


def _percent(value: float | None) -> str:
    return "failed" if value is None else f"{value:.1f}"


def write_search(folder: Path, dataset: Dataset) -> list[Path]:
    """Write ``search.json`` and ``search.md`` from the preset files of a folder of runs."""
    rows = search_rows(folder, dataset)
    write_json(folder / "search.json", rows)
    return [folder / "search.json", *write_all(folder / "search", md=to_markdown(rows, dataset))]
