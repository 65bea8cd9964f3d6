"""Boards as pages: templates, and what they are filled with."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from leaderboard.reported import CONTRADICTIONS, flags, reported_rows
from leaderboard.site import charts
from leaderboard.site.boards import Board, Entry
from leaderboard.site.columns import COLUMNS, METRICS, cells
from leaderboard.site.data import CHUNK, script_json
from vid2vidmr.analysis.page import template as template_of
from vid2vidmr.files import write_text
from vid2vidmr.tables import Table
from vid2vidmr.tables.table import HEADLINE

TITLE = "Video-to-video moment retrieval"


def write_pages(out: Path, boards: Sequence[Board], not_shown: Mapping[str, str]) -> None:
    """Write all pages of a site into `out`."""
    _write(out, "index.html", boards=[_board_view(b) for b in boards], not_shown=not_shown)
    _write(out, "reported.html", reported=_reported(), contradictions=CONTRADICTIONS)
    _write(out, "pairs.html", boards=[_viewer(board) for board in boards], chunk=CHUNK)
    methods: dict[str, list[tuple[Board, Entry]]] = defaultdict(list)
    for board in boards:
        for entry in board.entries.values():
            methods[entry.submission.id].append((board, entry))
            _write_submission(out, board, entry)
    for name, places in methods.items():
        _write(
            out,
            f"methods/{name}.html",
            card=places[0][1].submission.card,
            places=[
                (board, entry, protocol, table, _row(table, entry))
                for board, entry in places
                for protocol, table in board.tables.items()
                if protocol in entry.row.metrics
            ],
            metrics=METRICS,
        )


def _row(table: Any, entry: Entry) -> Any:
    return next(row for row in table.rows if row.name == entry.row.name)


def _write_submission(out: Path, board: Board, entry: Entry) -> None:
    submission = entry.submission
    _write(
        out,
        f"submissions/{submission.dataset}/{submission.id}.html",
        board=board,
        entry=entry,
        submission=submission,
        card=submission.card,
        tables={
            protocol: (table, _row(table, entry))
            for protocol, table in board.tables.items()
            if protocol in entry.row.metrics
        },
        metrics=METRICS,
        config=[
            (key, json.dumps(value, ensure_ascii=False))
            for key, value in submission.header.config.items()
        ],
        environment=_environment_of(entry),
        details=[
            (
                f"{run.header.protocol}, seed {run.header.seed}",
                [(k, v) for k, v in run.details.items() if v != ""],
            )
            for run in submission.runs
            if run.details
        ],
    )


def _environment_of(entry: Entry) -> list[tuple[str, str]]:
    """List what the submitter says of how runs were made; several values stand side by side."""
    facts: dict[str, list[str]] = defaultdict(list)
    for run in entry.runs:
        for of, made in (("", run.predicted_with), ("training: ", run.trained_with)):
            if made is not None:
                said = {"commit": made.commit, "hardware": made.hardware, **made.versions}
                for name, value in said.items():
                    facts[of + name].append(value or "")
    return [
        (name, ", ".join(filter(None, dict.fromkeys(values))))
        for name, values in facts.items()
        if any(values)
    ]


def _board_view(board: Board) -> dict[str, Any]:
    from markupsafe import Markup

    colors = charts.colors(board)
    return {
        "board": board,
        "info": board.dataset.info,
        "tables": [
            {
                "protocol": protocol,
                "table": table,
                "rows": [(row, cells(table, row, board.entries[row.name])) for row in table.rows],
                "columns": COLUMNS,
                "first_below": _first_below(table),
                "drawn": colors,
                "curves": {
                    name: board.entries[name]
                    for name in colors
                    if protocol in board.entries[name].row.metrics
                },
                # Charts are our own SVG: what comes from data was escaped when it was written.
                "threshold": Markup(charts.by_threshold(board, protocol)),
                "length": Markup(charts.by_length(board, protocol)),
                "cost": Markup(charts.by_cost(board, protocol)),
                "costs": [
                    (row.name, cost, row.metrics[protocol][HEADLINE].mean.value)
                    for row in table.rows
                    if (cost := board.entries[row.name].cost_s)
                ],
            }
            for protocol, table in board.tables.items()
        ],
    }


def _first_below(table: Table) -> str | None:
    """Name the row that a line is drawn above; none where there is nothing to tell apart."""
    over = len(table.over_bias)
    return table.rows[over].name if table.bias_rows and 0 < over < len(table.rows) else None


def _viewer(board: Board) -> dict[str, Any]:
    """Give what the pair viewer knows of a board before it loads anything."""
    return {
        "slug": board.slug,
        "title": board.dataset.info.title,
        "dataset": board.dataset.name,
        "protocols": {
            protocol: [
                {
                    "id": board.entries[row.name].submission.id,
                    "name": row.name,
                    "kind": row.kind,
                    "value": round(row.metrics[protocol][HEADLINE].mean.value, 1),
                }
                for row in table.rows
            ]
            for protocol, table in board.tables.items()
        },
    }


def _reported() -> dict[str, dict[str, Any]]:
    """Group reported rows by data set; what is wrong with one is a note below, by number."""
    found: dict[str, dict[str, Any]] = defaultdict(lambda: {"rows": [], "notes": []})
    for row in reported_rows():
        rows, notes = found[row.dataset]["rows"], found[row.dataset]["notes"]
        of_row = [text.removeprefix(f"{row.method}: ") for text in flags(row)]
        notes += [text for text in of_row if text not in notes]
        rows.append((row, [1 + notes.index(text) for text in of_row]))
    return found


def _write(out: Path, name: str, **values: Any) -> None:
    template = name if "/" not in name else f"{name.split('/')[0].removesuffix('s')}.html"
    root = "../" * name.count("/")
    page = template_of("leaderboard.site", template, data=script_json)
    text = page.render(root=root, page=name, site_title=TITLE, HEADLINE=HEADLINE, **values)
    write_text(out / name, text)
