"""From submissions to boards: every number is derived from the predictions, none is read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from leaderboard.doubts import Doubt, copies, kind_of, runs_once, with_wrong_queries
from leaderboard.store import board_dataset, read_submissions, refusing, rescore
from leaderboard.submission import BOARDS, Submission
from vid2vidmr.analysis.groups import Breakdown, breakdowns
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.data.protocols import Protocol
from vid2vidmr.errors import UnknownNameError, UserError
from vid2vidmr.evaluation import Evaluation
from vid2vidmr.evaluation.predictions import PredictionHeader
from vid2vidmr.evaluation.results import Result, predicted_pairs
from vid2vidmr.experiments.run import Scored
from vid2vidmr.progress import progress
from vid2vidmr.tables import Row, Table, summarise_method, tabulate
from vid2vidmr.tables.table import metrics_of
from vid2vidmr.text import plain

THRESHOLDS = tuple(t / 100 for t in range(5, 100, 5))
"""IoU thresholds of curves."""


@dataclass(frozen=True)
class Entry:
    """A submission on its board.

    Attributes
    ----------
    row : Row
        Without ranks; those of a protocol are in its table.
    runs : tuple of Result
        One a predictions file, wrong queries too, with the scores that the evaluator gives.
    curves : dict of str to list of float
        Protocol to R@1 at `THRESHOLDS`, percent, mean over seeds; not ``open``, nor in `lengths`:
        its targets have no moment, one or several.
    lengths : dict of str to Breakdown
        Protocol to the score by moment length.
    thresholds : dict of int to float
        Seed to what it must be surer of than that to answer, under ``open``.
    cost_s : float or None
        Seconds to fit and predict, mean over seeds, as its submitter says.
    doubts : tuple of Doubt
        What to know before the row is believed.
    """

    submission: Submission
    row: Row
    runs: tuple[Result, ...]
    curves: dict[str, list[float]]
    lengths: dict[str, Breakdown]
    thresholds: dict[int, float]
    cost_s: float | None
    doubts: tuple[Doubt, ...]

    def page(self, folder: str, protocol: str = "") -> str:
        """Address of a page of this submission in the site."""
        name = "-".join(filter(None, (self.submission.id, protocol)))
        return f"{folder}/{self.submission.dataset}/{name}.html"


@dataclass(frozen=True)
class Board:
    """Submissions on one split of one data set.

    Attributes
    ----------
    slug : str
        Its name in addresses.
    pairs : dict of str to PairSet
        Protocol to its pairs.
    entries : dict of str to Entry
        By the name of the row.
    tables : dict of str to Table
        Protocol to its table.
    """

    slug: str
    dataset: Dataset
    split: str
    pairs: dict[str, PairSet] = field(default_factory=dict)
    entries: dict[str, Entry] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)

    @property
    def has_methods(self) -> bool:
        """Whether a row looks at the query."""
        return any(table.method_rows for table in self.tables.values())


Found = Callable[[Board, Entry, str, Mapping[int, Scored], np.ndarray], None]
"""Takes board, entry, protocol, what every seed scored and every pair's score, (P,).

Scores are means over seeds, in [0, 1]: the IoU of the first window, under ``open`` ``G-mIoU@1``.
"""


def read_boards(
    root: Path, found: Found, only: str | None = None
) -> tuple[list[Board], dict[str, str]]:
    """Score all submissions and rank them.

    Predictions are held of one submission at a time: `found` is called with them. All that one
    method has on several boards comes one after the other.

    Parameters
    ----------
    root : Path
        Folder of submissions.
    only : str, optional
        ``DATASET/ID`` of one of them.

    Returns
    -------
    boards : list of Board
        Those with methods first, then real data.
    not_shown : dict of str to str
        Submissions that cannot be scored here, and why.

    Raises
    ------
    UnknownNameError
        If there is no submission `only`.
    """
    submissions, not_shown = read_submissions(root)
    if only is not None:
        names = {f"{folder.parent.name}/{folder.name}": folder for folder in submissions}
        if only not in names and only not in not_shown:
            raise UnknownNameError("submission", plain(only), {*names, *not_shown})
        submissions = {
            folder: submissions[folder] for name, folder in names.items() if name == only
        }
        not_shown = {name: why for name, why in not_shown.items() if name == only}
    boards: dict[tuple[str, str, str], Board] = {}
    means: dict[str, list[tuple[Row, dict[str, Evaluation]]]] = {}
    missing: dict[tuple[str, str], UserError] = {}
    with progress("Scoring submissions", len(submissions)) as bar:
        for folder, submission in sorted(submissions.items(), key=lambda item: item[1].id):
            with refusing(folder, not_shown):
                header = submission.header
                key = header.dataset, header.dataset_fingerprint, header.split
                if key[:2] in missing:
                    raise missing[key[:2]]
                if key not in boards:
                    try:
                        dataset = board_dataset(*key[:2])
                    except UserError as error:
                        missing[key[:2]] = error
                        raise
                    slugs = {board.slug for board in boards.values()}
                    boards[key] = Board(_slug(*key, slugs), dataset, header.split)
                board = boards[key]
                entry, mean = _score(submission, folder, board, found)
                board.entries[entry.row.name] = entry
                means.setdefault(board.slug, []).append((entry.row, mean))
            bar.advance()
    shown = [board for board in boards.values() if board.entries]
    for board in shown:
        _rank(board, means[board.slug])
    return sorted(
        shown, key=lambda b: (not b.has_methods, b.dataset.info.synthetic, b.slug)
    ), not_shown


def _slug(dataset: str, fingerprint: str, split: str, taken: set[str]) -> str:
    slug = dataset if split == "test" else f"{dataset}-{split}"
    others = (f"{slug}-{fingerprint[-8:]}", f"{slug}-{fingerprint[-8:]}-{len(taken)}")
    return next(name for name in (slug, *others) if name not in taken)


def _rank(board: Board, means: list[tuple[Row, dict[str, Evaluation]]]) -> None:
    for protocol in BOARDS:
        has = [(row, mean) for row, mean in means if protocol in mean]
        if has:
            table = tabulate(
                board.dataset,
                has,
                split=board.split,
                pairs=len(board.pairs[protocol]),
                protocols=(protocol,),
            )
            entries = {name: (entry,) for name, entry in board.entries.items()}
            board.tables[protocol] = with_doubts(table, entries)


def with_doubts(table: Table, entries: Mapping[str, Sequence[Entry]]) -> Table:
    """Add what to know of the rows of a table, of which these are the submissions."""
    doubts = [
        f"{row.name}: {doubt.text}"
        for row in table.rows
        for entry in entries[row.name]
        for doubt in entry.doubts
    ]
    return replace(table, doubts=tuple(dict.fromkeys(doubts)))


def _score(
    submission: Submission, folder: Path, board: Board, found: Found
) -> tuple[Entry, dict[str, Evaluation]]:
    def pairs_of(header: PredictionHeader) -> PairSet:
        name, known = str(header.protocol), board.pairs.get(str(header.protocol))
        other = known is not None and header.targets != (known.targets and known.targets.key)
        if known is None or (header.protocol.is_open and other):
            board.pairs[name] = predicted_pairs(header, board.dataset)
        return board.pairs[name]

    runs, doubts = runs_once([rescore(run, folder, pairs_of) for run in submission.runs])
    scored = with_wrong_queries(runs)
    kind, unseen = kind_of(submission, board.dataset, board.pairs, scored)
    row, means = summarise_method(submission.card.name, scored)
    row = replace(row, method=row.name, kind=kind)
    closed = [protocol for protocol in means if not Protocol.parse(protocol).is_open]
    of_open = [run for run in scored if run.result.header.protocol.is_open]
    costs = [sum(run.time_s.values()) for run, _ in runs if run.time_s]
    entry = Entry(
        submission=submission,
        row=row,
        runs=tuple(run for run, _ in runs),
        curves={
            protocol: [
                float(100 * np.mean([s.evaluation.iou >= t for s in scored if _is(s, protocol)]))
                for t in THRESHOLDS
            ]
            for protocol in closed
        },
        lengths={
            protocol: breakdowns(board.pairs[protocol], means[protocol], board.dataset.videos, 0)[0]
            for protocol in closed
        },
        thresholds={run.result.header.seed: run.result.header.threshold for run in of_open},
        cost_s=sum(costs) / len(costs) if costs else None,
        doubts=(*doubts, *unseen, *copies(scored)),
    )
    for protocol in means:
        of = {s.result.header.seed: s for s in scored if _is(s, protocol)}
        found_by = [s.evaluation for s in of.values()]
        scores = [
            e.iou if protocol in closed else e.per_pair[metrics_of([protocol])[0]] / 100
            for e in found_by
        ]
        found(board, entry, protocol, of, np.mean(scores, axis=0))
    return entry, {protocol: headline_alone(mean, protocol) for protocol, mean in means.items()}


def _is(scored: Scored, protocol: str) -> bool:
    return str(scored.result.header.protocol) == protocol


def headline_alone(mean: Evaluation, protocol: str) -> Evaluation:
    """Keep what ranking needs: all metrics of ten thousand pairs take a megabyte."""
    per_pair = mean.per_pair[[metrics_of([protocol])[0]]].copy()
    return replace(mean, per_pair=per_pair, windows=np.empty((0, 0, 2)))
