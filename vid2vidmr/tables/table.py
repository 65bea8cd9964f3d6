"""The values of a table of results, before they are shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from vid2vidmr.data.protocols import ARCHIVE, OFFICIAL, OPEN, Protocol
from vid2vidmr.evaluation import SeedSummary
from vid2vidmr.records import Interval, Kind
from vid2vidmr.text import counted

HEADLINE = OFFICIAL.metric
"""The metric that ranks, but under the protocols ``open`` and ``archive``."""
METRICS = ("mIoU", "R1@0.3", "R1@0.5", "R1@0.7", "R5@0.5", "mAP")
OPEN_METRICS = ("G-mIoU@1", "AUROC", "mAP", "Rej-F1", "mIoU@1", "ECE")
ARCHIVE_METRICS = ("mAP", "mAP@0.5", "R1@0.5", "R5@0.5", "R10@0.5", "R100@0.5")
"""Metrics of the Markdown and LaTeX tables, that which ranks first; the CSV has all."""
NOTES = {
    OPEN_METRICS: (
        "Targets hold the moment no times, once or several times. Probabilities are calibrated, "
        "and the threshold of rejecting chosen, on val."
    ),
    ARCHIVE_METRICS: (
        "A pair is a query, asked of all targets of the split at once; the truth is every moment "
        "of its class but its own. Intervals: other query videos in this archive."
    ),
}
"""What is to be known of tables with these metrics."""
ERRORS = {"ECE": "expected calibration error, the lowest is the best"}
"""Metrics of which the lowest number is the best, and what they are."""


def worlds_name(names: Sequence[str]) -> str:
    """Name several data sets as one: ``minimatch-unseen-0+1+2``."""
    if len(names) == 1:
        return names[0]
    parts = zip(*(name.split("-")[:-1] for name in names), strict=False)
    common = "".join(f"{same[0]}-" for same in takewhile(lambda p: len(set(p)) == 1, parts))
    return common + "+".join(name.removeprefix(common) for name in names)


def metrics_of(protocols: Sequence[str]) -> tuple[str, ...]:
    """Metrics that a table of protocols shows; ``open`` and ``archive`` stand alone."""
    return {OPEN: OPEN_METRICS, ARCHIVE: ARCHIVE_METRICS}.get(protocols[0].split(",")[0], METRICS)


@dataclass(frozen=True)
class Row:
    """One method over its seeds.

    Attributes
    ----------
    name : str
        Method, with its preset (``matr@paper``, ``matr@custom`` for a config of one's own) where
        several rows are of one method, or where it is of a file (``matr@tuned``); with ``(val)``
        behind if it learned from val pairs.
    metrics : dict
        Protocol to metric to its mean, interval and spread over seeds, percent.
    sensitivity : dict of str to Interval
        Protocol to the mIoU lost when every query is replaced by one of another class, points.
    gains : dict of str to Interval
        Protocol to the points that asking with its examples brings over asking with those of the
        first; empty where no protocol has several.
    coverage : dict of str to float
        Protocol to the share of pairs with a valid window, the lowest of the seeds.
    ranks : dict of str to (int, int)
        Protocol to the best and worst rank among all rows, see `vid2vidmr.evaluation.rank_bands`.
    over_bias : dict of str to bool
        Protocol to whether one of these tests puts it above the best bias row, or there is none.
    """

    name: str
    method: str
    kind: Kind
    preset: str | None
    encoder: str | None
    seeds: tuple[int, ...]
    metrics: dict[str, dict[str, SeedSummary]]
    sensitivity: dict[str, Interval]
    coverage: dict[str, float]
    ranks: dict[str, tuple[int, int]] = field(default_factory=dict)
    over_bias: dict[str, bool] = field(default_factory=dict)
    gains: dict[str, Interval] = field(default_factory=dict)

    def rank(self, protocol: str) -> str:
        """Give the band as text: ``1``, or ``2-4``."""
        if protocol not in self.ranks:
            return ""
        best, worst = self.ranks[protocol]
        return str(best) if best == worst else f"{best}-{worst}"

    def to_json(self) -> dict[str, Any]:
        """Means, intervals, spreads and ranks, for programs."""
        metrics = {
            protocol: {name: summary.model_dump() for name, summary in found.items()}
            for protocol, found in self.metrics.items()
        }
        found = {"name": self.name, "kind": self.kind, "metrics": metrics, "ranks": self.ranks}
        gains = {protocol: gain.model_dump() for protocol, gain in self.gains.items()}
        return {**found, "gains": gains} if gains else found


def best_row(rows: Sequence[Row], protocol: str, metric: str) -> Row | None:
    """Give the row with the highest number; None of none."""
    return max(rows, key=lambda row: row.metrics[protocol][metric].mean.value, default=None)


@dataclass(frozen=True)
class Table:
    """Rows with what they have in common.

    Attributes
    ----------
    synthetic : bool
        The videos were rendered.
    simulated : bool
        The features of a row were made without a video.
    rows : tuple of Row
        Best headline metric first: those above the best bias row (under the last protocol), then,
        below the line, all others.
    detectable : dict of str to float
        Protocol to the smallest difference of two methods in the headline metric that these pairs
        would mostly show, points.
    worlds : int
        Number of data sets over which the rows are means; `pairs` are those of all.
    left_out : tuple of str
        Rows without a seed that ended in every world, or not alike in all.
    doubts : tuple of str
        What to know of a row before it is believed.
    """

    dataset: str
    fingerprint: str
    synthetic: bool
    simulated: bool
    split: str
    pairs: int
    protocols: tuple[str, ...]
    rows: tuple[Row, ...]
    detectable: dict[str, float] = field(default_factory=dict)
    worlds: int = 1
    left_out: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics that are shown; the first ranks."""
        return metrics_of(self.protocols)

    @property
    def headline(self) -> str:
        """The metric that ranks."""
        return self.metrics[0]

    @property
    def shots(self) -> dict[str, str]:
        """Protocols that ask with several examples, and how many; empty of others."""
        every = {p: Protocol.parse(p).shots for p in self.protocols}
        return {p: str(shots.asked) for p, shots in every.items() if shots}

    @property
    def bias_rows(self) -> list[Row]:
        """Rows that never look at the query."""
        return [row for row in self.rows if row.kind == "bias"]

    @property
    def method_rows(self) -> list[Row]:
        """All other rows."""
        return [row for row in self.rows if row.kind != "bias"]

    @property
    def over_bias(self) -> list[Row]:
        """Rows that a paired test puts above the best bias row, under the last protocol."""
        return [row for row in self.rows if row.over_bias[self.protocols[-1]]]

    @property
    def not_over_bias(self) -> list[Row]:
        """Rows that look at the query, which no test puts above the best that does not."""
        return [row for row in self.method_rows if not row.over_bias[self.protocols[-1]]]

    @property
    def title(self) -> str:
        """Data set, split and number of pairs."""
        marks = [f"{self.worlds} worlds"] * (self.worlds > 1) + ["synthetic"] * self.synthetic
        marks += ["simulated features"] * self.simulated
        mark = f" ({', '.join(marks)})" if marks else ""
        return f"{self.dataset}{mark}, {self.split} split, {counted(self.pairs, 'pair')}"

    def is_best(self, row: Row, protocol: str, metric: str) -> bool:
        """Whether no other method's number in this column is better; bias rows do not take part."""
        if row.kind == "bias":
            return False
        numbers = [other.metrics[protocol][metric].mean.value for other in self.method_rows]
        best = min(numbers) if metric in ERRORS else max(numbers)
        return row.metrics[protocol][metric].mean.value == best

    @property
    def verdicts(self) -> list[str]:
        """One sentence a protocol: which row is best, of what kind, and by how much over bias."""
        return [f"{protocol}: {self._verdict(protocol)}." for protocol in self.protocols]

    def _verdict(self, protocol: str) -> str:
        def score(row: Row) -> float:
            return row.metrics[protocol][self.headline].mean.value

        bias = best_row(self.bias_rows, protocol, self.headline)
        over = [row for row in self.method_rows if row.over_bias[protocol]]
        best = best_row(over or self.method_rows, protocol, self.headline)
        if bias is None:
            assert best is not None
            what = f"{best.kind}, {self.headline} {score(best):.1f}"
            return f"best row {best.name} ({what}); no bias row to compare with"
        if best is None:
            return f"best bias row {bias.name} ({self.headline} {score(bias):.1f})"
        of_bias = f"the best bias row ({bias.name}, {score(bias):.1f})"
        more = f"{score(best) - score(bias):+.1f} {self.headline}"
        if not over:
            return f"no row is above {of_bias}; nearest {best.name} ({best.kind}), {more}"
        sentence = f"best row {best.name} ({best.kind}), {more} over {of_bias}"
        first = best_row([row for row in over if row.kind == "trained"], protocol, self.headline)
        if best.kind != "trained" and any(row.kind == "trained" for row in self.method_rows):
            sentence += (
                f"; best trained row {first.name}, {score(first) - score(bias):+.1f}"
                if first
                else "; no trained row is above it"
            )
        return sentence

    @property
    def has_sensitivity(self) -> bool:
        """Whether a row was run with wrong queries."""
        return any(p in row.sensitivity for row in self.rows for p in self.protocols)

    @property
    def has_spread(self) -> bool:
        """Whether a row has a deviation between seeds or worlds."""
        last = self.protocols[-1]
        return any(row.metrics[last][self.headline].spread for row in self.rows)

    @property
    def notes(self) -> list[str]:
        """What a reader must know to read the numbers."""
        return self.notes_on(self.metrics)

    def notes_on(self, shown: Sequence[str]) -> list[str]:
        """Give the notes of a table that shows some of the metrics."""
        encoders = sorted({row.encoder for row in self.rows if row.encoder})
        presets = sorted({row.preset for row in self.rows if row.preset and row.kind == "trained"})
        made = [f"encoder {', '.join(encoders)}"] if encoders else []
        made += [f"preset {', '.join(presets)}"] if presets else []
        notes = ["; ".join([f"Fingerprint {self.fingerprint}", *made]) + ".", *self.doubts]
        if self.simulated:
            notes.append(
                "Features simulated from the annotations: these numbers say nothing about real "
                "video and stand on no leaderboard."
            )
        if self.synthetic:
            notes.append("Rendered data: these numbers say nothing about real video.")
        lowest = {row.name: min(row.coverage.values()) for row in self.rows}
        low = [f"{name} {100 * share:.1f} %" for name, share in lowest.items() if share < 1]
        if low and self.metrics != OPEN_METRICS:  # there a target may be rejected
            notes.append(f"Pairs without a valid window score 0; coverage: {', '.join(low)}.")
        if self.left_out:
            notes.append(
                "Left out, for want of a seed of one method, preset and encoder in every world: "
                f"{', '.join(self.left_out)}."
            )
        if any(row.name.endswith(" (val)") for row in self.rows):
            notes.append(
                "(val): fitted on val pairs, or with statistics of them, for lack of train pairs."
            )
        if self.worlds > 1:
            notes.append(
                f"Means over {self.worlds} worlds, each counted alike. Intervals and ranks say "
                "what other videos in these worlds (ranks: and other seeds) would change, the "
                "second sd, between worlds, what other worlds would."
            )
        notes.append(" ".join(self._columns()))
        if self.bias_rows and self.method_rows:
            under = f" under {self.protocols[-1]}" if len(self.protocols) > 1 else ""
            notes.append(
                "Below the line: what a test against the best bias row, corrected for the number "
                f"of methods, does not put above it{under}."
            )
        notes += [note for metrics, note in NOTES.items() if self.metrics == metrics]
        notes += [f"{name}: {what}." for name, what in ERRORS.items() if name in shown]
        if self.shots:
            known = Protocol.parse(self.protocols[0]).shots
            assert known is not None
            notes.append(
                f"Each query is asked alone and with further ones of its class, of other "
                f"recordings. The moments of all {known.known} are left out of truth and answers "
                "whatever is asked. gain: over the first line of a row, query by query."
            )
        if seen := [f"{points:.1f} ({p})" for p, points in self.detectable.items() if points < 100]:
            notes.append(
                f"Differences in {self.headline} below {', '.join(seen)} are mostly not seen on "
                "this split (two methods, power 80 %)."
            )
        return notes

    def _columns(self) -> Iterator[str]:
        """Say what stands in a column."""
        yield "In brackets (or ±): 95 % interval, bootstrap over query and target videos."
        if self.bias_rows:
            yield "Bias rows never look at the query."
        if self.shots:
            return
        if self.has_sensitivity:
            lost = "lost when every query is replaced by one of another class."
            yield f"sens.: {self.headline} {lost}"
        if self.has_spread:
            seeds = max(len(row.seeds) for row in self.rows)
            yield f"sd: standard deviation of {self.headline} between seeds, {seeds} at most."
        yield f"rank: ranks by {self.headline} that paired tests leave open (Holm, 5 %)."
        if len(self.protocols) > 1:
            yield f"Where there is one column of each: {self.protocols[-1]}."
