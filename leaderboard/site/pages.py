"""Boards as pages: templates, and what they are filled with."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from leaderboard.reported import CONTRADICTIONS, flags, reported_rows
from leaderboard.site import charts
from leaderboard.site.boards import Board, Entry
from leaderboard.site.columns import address, all_metrics, cells, columns
from leaderboard.site.data import CHUNK, predictions_name, script_json
from leaderboard.site.worlds import Pool
from leaderboard.submission import Submission
from vid2vidmr.analysis.page import template as template_of
from vid2vidmr.data.protocols import OPEN, PROTOCOLS
from vid2vidmr.files import write_text
from vid2vidmr.methods.load import method_class
from vid2vidmr.registry import registered_names
from vid2vidmr.tables import Row, Table
from vid2vidmr.tables.table import best_row

TITLE = "Video-to-video moment retrieval"


def write_pages(
    out: Path,
    boards: Sequence[Board],
    pools: Sequence[Pool],
    not_shown: Mapping[str, str],
    *,
    analyses: bool,
) -> None:
    """Write all pages of a site into `out`; `analyses`: pages of those are there to link."""
    order = [board.slug for board in boards]
    over = {min((each.slug for each in pool.boards), key=order.index): pool for pool in pools}
    shown = [
        each for board in boards for each in (over.get(board.slug), board) if each
    ]  # before its worlds
    views = [_view(each, analyses) for each in shown]
    _write(out, "index.html", boards=views, not_shown=not_shown)
    titles = {board.dataset.name: board.dataset.info.title for board in boards}
    _write(out, "reported.html", reported=_reported(), titles=titles, contradictions=CONTRADICTIONS)
    _write(out, "pairs.html", boards=[_viewer(board) for board in boards], chunk=CHUNK)
    cards = {}
    places: dict[str, list[tuple[str, dict[str, Any]]]] = defaultdict(list)
    for each, view in zip(shown, views, strict=True):
        for name in each.entries:
            entries = _entries(each, name)
            submission = entries[0].submission
            cards.setdefault(submission.id, submission.card)
            places[submission.id] += _places(each, view, entries)
            if isinstance(each, Board):
                _write_submission(out, each, entries[0], analyses)
    for name, of_method in places.items():
        _write(out, f"methods/{name}.html", card=cards[name], places=_by_metrics(of_method))


def _entries(board: Board | Pool, name: str) -> tuple[Entry, ...]:
    """Give the submissions of a row."""
    found = board.entries[name]
    return (found,) if isinstance(found, Entry) else found


def _places(
    board: Board | Pool, view: Mapping[str, Any], entries: Sequence[Entry]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """List where a method stands on a board, by protocol."""
    for protocol, table in board.tables.items():
        rows = [row for row in table.rows if row.name == entries[0].row.name]
        href = address(entries) if isinstance(board, Board) else f"index.html#{board.slug}"
        at = {"href": href, "view": view, "protocol": protocol, "table": table}
        yield from ((protocol, {**at, "row": row}) for row in rows)


def _by_metrics(found: Iterable[tuple[str, Any]]) -> dict[tuple[str, ...], list[Any]]:
    """Group what is of protocols by the metrics of theirs, for a table each."""
    groups: dict[tuple[str, ...], list[Any]] = defaultdict(list)
    for protocol, value in found:
        groups[all_metrics(protocol)].append(value)
    return dict(groups)


def _row(table: Any, entry: Entry) -> Any:
    return next(row for row in table.rows if row.name == entry.row.name)


def _write_submission(out: Path, board: Board, entry: Entry, analyses: bool) -> None:
    submission = entry.submission
    tables = {
        protocol: (table, _row(table, entry))
        for protocol, table in board.tables.items()
        if protocol in entry.row.metrics
    }
    _write(
        out,
        entry.page("submissions"),
        analyses=analyses and entry.row.kind != "bias",
        board=board,
        entry=entry,
        submission=submission,
        card=submission.card,
        tables=tables,
        means=_by_metrics((protocol, (protocol, row)) for protocol, (_, row) in tables.items()),
        runs=_by_metrics((str(run.header.protocol), run) for run in entry.runs),
        config=[
            (key, json.dumps(value, ensure_ascii=False))
            for key, value in submission.header.config.items()
        ],
        environment=_environment_of(entry),
        made_by=_made_by(submission),
        predictions_name=predictions_name,
        details=[
            (
                f"{run.header.protocol}, seed {run.header.seed}",
                [(k, v) for k, v in run.details.items() if v != ""],
            )
            for run in submission.runs
            if run.details
        ],
    )


def _made_by(submission: Submission) -> dict[str, str | None]:
    """Say where the code of a method of vid2vidmr lies, and what runs it again as it was."""
    header = submission.header
    if header.method not in registered_names("method"):
        return {}
    cls = method_class(header.method)
    made: dict[str, str | None] = {"code": cls.__module__.replace(".", "/"), "command": None}
    preset = cls.presets.get(header.preset or "")
    if preset is not None and _stored(preset) == header.config:
        seeds = len({run.header.seed for run in submission.runs})
        command = (
            f"vid2vidmr bench --dataset {submission.dataset} "
            f"--methods {header.method}@{header.preset} --seeds {seeds}"
        )
        asked = {str(run.header.protocol.right) for run in submission.runs}
        lines = [command] * bool(asked & {*PROTOCOLS})
        lines += [f"{command} --protocol {OPEN}"] * (OPEN in asked)
        made["command"] = "\n".join(lines)
    return made


def _stored(preset: Any) -> Any:
    """Give a config as records have it: lists for tuples."""
    return json.loads(json.dumps(asdict(preset)))


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


def _view(board: Board | Pool, analyses: bool) -> dict[str, Any]:
    """Give what the page of boards shows of one; charts are of one data set."""
    worlds = board.boards if isinstance(board, Pool) else (board,)
    info = worlds[0].dataset.info
    has_methods = any(table.method_rows for table in board.tables.values())
    return {
        "slug": board.slug,
        "title": info.title if isinstance(board, Board) else f"{board.slug}: {len(worlds)} worlds",
        "synthetic": info.synthetic,
        "split": worlds[0].split,
        "has_methods": has_methods,
        "charted": isinstance(board, Board) and has_methods,
        "viewers": [world.slug for world in worlds],
        "tables": [
            {
                "protocol": protocol,
                "table": table,
                "rows": [
                    (row, cells(table, row, _entries(board, row.name), analyses))
                    for row in table.rows
                ],
                "columns": columns(table),
                "first_below": _first_below(table),
                "best": _best(board, protocol),
                **(_charts(board, protocol) if isinstance(board, Board) and has_methods else {}),
            }
            for protocol, table in board.tables.items()
        ],
    }


def _charts(board: Board, protocol: str) -> dict[str, Any]:
    """Charts are our own SVG: what comes from data was escaped when it was written."""
    from markupsafe import Markup

    colors, table = charts.colors(board, protocol), board.tables[protocol]
    curves = {
        name: board.entries[name] for name in colors if protocol in board.entries[name].curves
    }
    return {
        "drawn": colors,
        "curves": curves,
        "threshold": Markup(charts.by_threshold(board, protocol) if curves else ""),
        "length": Markup(charts.by_length(board, protocol) if curves else ""),
        "cost": Markup(charts.by_cost(board, protocol)),
        "costs": [
            (row.name, cost, row.metrics[protocol][table.headline].mean.value)
            for row in table.rows
            if (cost := board.entries[row.name].cost_s)
        ],
    }


def _best(board: Board | Pool, protocol: str) -> dict[str, Any]:
    """Give the best method, and what it gains over the best bias row if there is one."""
    table = board.tables[protocol]
    method = best_row(table.over_bias or table.method_rows, protocol, table.headline)
    bias = best_row(table.bias_rows, protocol, table.headline)
    if method is None:
        return {"method": None}

    def score(row: Row) -> float:
        return row.metrics[protocol][table.headline].mean.value

    return {
        "method": method,
        "href": address(_entries(board, method.name)),
        "value": score(method),
        "margin": score(method) - score(bias) if bias else None,
        "over": method.over_bias[protocol],
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
                    "seeds": [
                        run.header.seed
                        for run in board.entries[row.name].runs
                        if str(run.header.protocol) == protocol
                    ],
                    "value": round(row.metrics[protocol][table.headline].mean.value, 1),
                    "thresholds": board.entries[row.name].thresholds if protocol == OPEN else {},
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
    text = page.render(root=root, page=name, site_title=TITLE, **values)
    write_text(out / name, text)
