"""Columns of a board: what stands in a cell, what it sorts by, whether it shows at first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leaderboard.site.boards import Entry
from vid2vidmr.records import Interval
from vid2vidmr.tables import Row, Table
from vid2vidmr.tables.table import ERRORS, OPEN_METRICS, metrics_of

METRICS = (
    "mIoU", "R1@0.3", "R1@0.5", "R1@0.7", "R1@avg", "R5@0.3", "R5@0.5", "R5@0.7",
    "mAP@0.5", "mAP@0.75", "mAP",
)  # fmt: skip
OF_OPEN = (
    *OPEN_METRICS, "Acc", "mR@1", "mR@3", "mR@5", "mR+@1", "mR+@3", "mR+@5", "mIoU@3", "mIoU@5",
    "mIoU+@1", "mIoU+@3", "mIoU+@5", "G-mIoU@3", "G-mIoU@5",
)  # fmt: skip
_FIRST = {"mIoU", "R1@0.3", "R1@0.5", "R1@0.7", "mAP", *OPEN_METRICS}
_PHONE = ("R1@0.5", "AUROC")


def all_metrics(protocol: str) -> tuple[str, ...]:
    """Every metric of a protocol; the first ranks."""
    return OF_OPEN if metrics_of([protocol]) == OPEN_METRICS else METRICS


@dataclass(frozen=True)
class Column:
    """A column of a board.

    Attributes
    ----------
    shown : bool
        Before anyone chooses.
    phone : bool
        On a narrow screen, too.
    text : bool
        Not a number.
    low : bool
        The lowest comes first.
    """

    name: str
    shown: bool = False
    phone: bool = False
    text: bool = False
    low: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell of a board.

    Attributes
    ----------
    order : str or float
        What it sorts by.
    best : bool
        No other method has a higher number.
    interval : Interval or None
        Is drawn.
    marks : tuple of str
        Stand behind the text.
    links : tuple of (str, str)
        Texts and addresses that stand in its place.
    """

    text: str
    order: str | float
    best: bool = False
    interval: Interval | None = None
    href: str | None = None
    marks: tuple[str, ...] = ()
    links: tuple[tuple[str, str], ...] = ()


LAST = 1e9
"""Sorts what is not known behind all numbers."""


def columns(table: Table) -> tuple[Column, ...]:
    """Columns of the board of a protocol; of open targets none for ``sens.``, which they lack."""
    headline, *others = all_metrics(table.protocols[0])
    is_open = headline == OPEN_METRICS[0]
    return (
        Column("rank", shown=True, low=True),
        Column("method", shown=True, phone=True, text=True),
        Column("kind", shown=True, text=True),
        Column(headline, shown=True, phone=True),
        Column("95 % interval", shown=True),
        *(Column(m, shown=m in _FIRST, phone=m in _PHONE, low=m in ERRORS) for m in others),
        *[Column("sens.", shown=True)] * (not is_open),
        Column("evidence", shown=True, text=True),
        Column("sd", shown=table.worlds > 1),
        Column("seeds", shown=is_open),
        Column("seconds"),
        Column("encoder", text=True),
        Column("parameters"),
        Column("test seen", text=True),
        Column("coverage"),
        Column("submitted", text=True),
    )


def address(entries: Sequence[Entry]) -> str:
    """Page of the submissions of a row; those in several worlds stand on that of the method."""
    first = entries[0]
    return first.page("submissions") if len(entries) == 1 else f"methods/{first.submission.id}.html"


def cells(table: Table, row: Row, entries: Sequence[Entry], analyses: bool) -> list[Cell]:
    """Cells of a row, in the order of `columns`.

    Parameters
    ----------
    entries : sequence of Entry
        Its submission, or those in several worlds.
    analyses : bool
        Pages of analyses are there.
    """
    (protocol,) = table.protocols
    card = entries[0].submission.card
    costs = [entry.cost_s for entry in entries if entry.cost_s is not None]
    seen = {entry.submission.card.contamination for entry in entries}
    contamination = next(said for said in ("yes", "unknown", "no") if said in seen)
    submitted = max(entry.submission.submitted for entry in entries)
    ranking, *others = all_metrics(protocol)
    numbers = {
        metric: Cell(
            f"{(value := row.metrics[protocol][metric].mean.value):.1f}",
            value,
            best=table.is_best(row, protocol, metric),
        )
        for metric in (ranking, *others)
    }
    headline = row.metrics[protocol][ranking]
    spreads = [sd for sd in (headline.seed_sd, headline.world_sd) if sd is not None]
    best, worst = row.ranks[protocol]
    lost = row.sensitivity.get(protocol)
    known = "" if lost is None else f"{lost.value:z.1f}".replace("-", "−")
    sensitivity = [Cell(known, -LAST if lost is None else lost.value)]
    if ranking == OPEN_METRICS[0]:
        sensitivity = []
    return [
        Cell(row.rank(protocol).replace("-", "–"), best + worst / 1000),
        Cell(
            row.name,
            row.name,
            href=address(entries),
            marks=tuple(dict.fromkeys(doubt.mark for entry in entries for doubt in entry.doubts)),
        ),
        Cell(row.kind, row.kind),
        numbers[ranking],
        Cell(
            f"{headline.mean.low:.1f}–{headline.mean.high:.1f}",
            headline.mean.low or 0.0,
            interval=headline.mean,
        ),
        *(numbers[metric] for metric in others),
        *sensitivity,
        Cell("", "", links=_evidence(entries, protocol, analyses)),
        Cell(headline.spread, LAST if not spreads else spreads[-1]),
        _number(len(row.seeds), "{}"),
        _number(sum(costs) / len(costs) if costs else None, "{:,.1f}"),
        Cell(row.encoder or "", row.encoder or "~"),
        _number(card.parameters, "{:,}"),
        Cell(contamination, contamination),
        _number(100 * row.coverage[protocol], "{:.1f} %"),
        Cell(submitted, submitted),
    ]


def _evidence(
    entries: Sequence[Entry], protocol: str, analyses: bool
) -> tuple[tuple[str, str], ...]:
    card, alone = entries[0].submission.card, len(entries) == 1
    links = [(name, link) for name in ("paper", "code") if (link := getattr(card, name))]
    links.append(("predictions", f"{address(entries)}#{'evidence' if alone else 'numbers'}"))
    if analyses and alone and entries[0].row.kind != "bias":
        links.append(("errors", entries[0].page("analyses", protocol)))
    return tuple(links)


def _number(value: float | None, form: str) -> Cell:
    return Cell("", LAST) if value is None else Cell(form.format(value), value)
