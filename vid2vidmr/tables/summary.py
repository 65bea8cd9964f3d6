"""From scored runs to the rows of a table: seeds combined, best numbers found, caption written."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING

from vid2vidmr.evaluation import (
    SeedSummary,
    combine_seeds,
    detectable_difference,
    mean_evaluation,
    query_sensitivity,
    rank_bands,
)
from vid2vidmr.records import Interval, Kind

if TYPE_CHECKING:
    from vid2vidmr.data.dataset import Dataset
    from vid2vidmr.evaluation import Evaluation
    from vid2vidmr.experiments.run import Scored

HEADLINE = "mIoU"
"""The metric that ranks."""


@dataclass(frozen=True)
class Row:
    """One method over its seeds.

    Attributes
    ----------
    name : str
        Method, with its preset (``matr@best``, ``matr@custom`` for a config of one's own) where
        several rows are of one method.
    method : str
    kind : {"bias", "untrained", "trained"}
    preset, encoder : str or None
    seeds : tuple of int
    metrics : dict
        Protocol to metric to its mean, interval and spread over seeds, percent.
    sensitivity : dict of str to Interval
        Protocol to the mIoU lost when every query is replaced by one of another class, points.
    coverage : dict of str to float
        Protocol to the share of pairs with a valid window, the lowest of the seeds.
    ranks : dict of str to (int, int)
        Protocol to the best and worst rank among all rows, see `vid2vidmr.evaluation.rank_bands`.
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

    def rank(self, protocol: str) -> str:
        """Give the band as text: ``1``, or ``2-4``."""
        if protocol not in self.ranks:
            return ""
        best, worst = self.ranks[protocol]
        return str(best) if best == worst else f"{best}-{worst}"


@dataclass(frozen=True)
class Table:
    """Rows with what they have in common.

    Attributes
    ----------
    dataset, fingerprint : str
    synthetic : bool
        The videos were rendered.
    simulated : bool
        The features of a row were made without a video.
    split : str
    pairs : int
    protocols : tuple of str
    rows : tuple of Row
        Best headline metric first, bias rows last.
    detectable : dict of str to float
        Protocol to the smallest difference in the headline metric that these pairs would mostly
        show, points.
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

    @property
    def bias_rows(self) -> list[Row]:
        """Rows that never look at the query."""
        return [row for row in self.rows if row.kind == "bias"]

    @property
    def method_rows(self) -> list[Row]:
        """All other rows."""
        return [row for row in self.rows if row.kind != "bias"]

    @property
    def title(self) -> str:
        """Data set, split and number of pairs."""
        marks = ["synthetic"] * self.synthetic + ["simulated features"] * self.simulated
        mark = f" ({', '.join(marks)})" if marks else ""
        return f"{self.dataset}{mark}, {self.split} split, {self.pairs} pairs"

    def is_best(self, row: Row, protocol: str, metric: str) -> bool:
        """Whether no other method's number in this column is higher; bias rows do not take part."""
        if row.kind == "bias":
            return False
        numbers = [other.metrics[protocol][metric].mean.value for other in self.method_rows]
        return row.metrics[protocol][metric].mean.value == max(numbers)

    @property
    def verdicts(self) -> list[str]:
        """One sentence a protocol: which row is best, of what kind, and by how much over bias."""
        sentences = []
        for protocol in self.protocols:

            def score(row: Row, protocol: str = protocol) -> float:
                return row.metrics[protocol][HEADLINE].mean.value

            if not self.bias_rows:
                best = max(self.rows, key=score)
                sentences.append(
                    f"{protocol}: best row {best.name} ({best.kind}, {HEADLINE} {score(best):.1f});"
                    " no bias row to compare with."
                )
                continue
            bias = max(self.bias_rows, key=score)
            sentence = f"{protocol}: best bias row {bias.name} ({HEADLINE} {score(bias):.1f})"
            if self.method_rows:
                best = max(self.method_rows, key=score)
                sentence = (
                    f"{protocol}: best row {best.name} ({best.kind}), "
                    f"{score(best) - score(bias):+.1f} {HEADLINE} over the best bias row "
                    f"({bias.name}, {score(bias):.1f})"
                )
                trained = [row for row in self.method_rows if row.kind == "trained"]
                if best.kind != "trained" and trained:
                    first = max(trained, key=score)
                    sentence += (
                        f"; best trained row {first.name}, {score(first) - score(bias):+.1f}"
                    )
            sentences.append(sentence + ".")
        return sentences

    @property
    def notes(self) -> list[str]:
        """What a reader must know to read the numbers."""
        encoders = sorted({row.encoder for row in self.rows if row.encoder})
        presets = sorted({row.preset for row in self.rows if row.preset and row.kind == "trained"})
        made = [f"encoder {', '.join(encoders)}"] if encoders else []
        made += [f"preset {', '.join(presets)}"] if presets else []
        notes = ["; ".join([f"Fingerprint {self.fingerprint}", *made]) + "."]
        if self.simulated:
            notes.append(
                "Features simulated from the annotations: these numbers say nothing about real "
                "video and stand on no leaderboard."
            )
        if self.synthetic:
            notes.append("Rendered data: these numbers say nothing about real video.")
        lowest = {row.name: min(row.coverage.values()) for row in self.rows}
        if low := [f"{name} {100 * share:.1f} %" for name, share in lowest.items() if share < 1]:
            notes.append(f"Pairs without a valid window score 0; coverage: {', '.join(low)}.")
        seeds = max(len(row.seeds) for row in self.rows)
        notes.append(
            "In brackets (or ±): 95 % interval, bootstrap over query and target videos. sens.: mIoU"
            " lost when every query is replaced by one of another class. sd: standard deviation of "
            f"mIoU between seeds, {seeds} at most. rank: ranks by mIoU that paired tests leave open"
            f" (Holm, 5 %). Where there is one column of each: {self.protocols[-1]}. "
            "Bias rows never look at the query."
        )
        if seen := [
            f"{points:.1f} ({p})" for p, points in self.detectable.items() if math.isfinite(points)
        ]:
            notes.append(
                f"Differences in mIoU below {', '.join(seen)} are mostly not seen on this split "
                "(two rows, power 80 %)."
            )
        return notes


def summarise(dataset: Dataset, scored: Sequence[Scored]) -> Table:
    """Combine the seeds of every method, and order the rows.

    Parameters
    ----------
    dataset : Dataset
    scored : sequence of Scored
        At least one, all of one split; runs of a method with a preset and config stand together.
    """
    groups = [
        list(group)
        for _, group in groupby(
            scored, key=lambda run: (run.result.method, run.result.preset, run.result.config)
        )
    ]
    of_method = Counter(runs[0].result.method for runs in groups)
    found = []
    for runs in groups:
        first = runs[0].result
        several = of_method[first.method] > 1
        name = f"{first.method}@{first.preset or 'custom'}" if several else first.method
        found.append(summarise_method(name, runs))
    result = scored[0].result
    return tabulate(
        dataset,
        found,
        split=result.split,
        pairs=result.pairs,
        protocols=tuple(dict.fromkeys(run.result.protocol for run in scored)),
        simulated=any(run.result.simulated for run in scored),
    )


def summarise_method(name: str, runs: Sequence[Scored]) -> tuple[Row, dict[str, Evaluation]]:
    """Combine the seeds of one method.

    Parameters
    ----------
    name : str
        Of the row.
    runs : sequence of Scored
        All its seeds and protocols.

    Returns
    -------
    row : Row
        Without ranks: those are of a table.
    means : dict of str to Evaluation
        Protocol to the mean over seeds, pair by pair.
    """
    first = runs[0].result
    by_protocol = {
        protocol: [run for run in runs if run.result.protocol == protocol]
        for protocol in dict.fromkeys(run.result.protocol for run in runs)
    }
    means = {p: mean_evaluation([run.evaluation for run in rs]) for p, rs in by_protocol.items()}
    row = Row(
        name=name,
        method=first.method,
        kind=first.kind,
        preset=first.preset,
        encoder=first.encoder,
        seeds=tuple(dict.fromkeys(run.result.seed for run in runs)),
        metrics={p: combine_seeds([r.evaluation for r in rs]) for p, rs in by_protocol.items()},
        sensitivity={
            protocol: query_sensitivity(
                means[protocol],
                mean_evaluation([run.wrong for run in runs if run.wrong is not None]),
            )
            for protocol, runs in by_protocol.items()
            if all(run.wrong is not None for run in runs)
        },
        coverage={p: min(r.result.coverage for r in rs) for p, rs in by_protocol.items()},
    )
    return row, means


def tabulate(
    dataset: Dataset,
    found: Sequence[tuple[Row, Mapping[str, Evaluation]]],
    *,
    split: str,
    pairs: int,
    protocols: tuple[str, ...],
    simulated: bool = False,
) -> Table:
    """Rank and order rows.

    Parameters
    ----------
    dataset : Dataset
    found : sequence of (Row, mapping)
        What `summarise_method` gives, names differ; of the means only the headline metric is used.
    split : str
    pairs : int
    protocols : tuple of str
        Every row has all of them.
    simulated : bool
        The features of a row were.
    """
    rows = [row for row, _ in found]
    means_of = {row.name: means for row, means in found}
    last = protocols[-1]
    detectable = {}
    for protocol in protocols:
        means = {row.name: means_of[row.name][protocol] for row in rows}
        bands = rank_bands(means)
        rows = [replace(row, ranks={**row.ranks, protocol: bands[row.name]}) for row in rows]
        if len(means) > 1:
            detectable[protocol] = detectable_difference(means)
    rows.sort(key=lambda row: (row.kind == "bias", -row.metrics[last][HEADLINE].mean.value))
    return Table(
        dataset=dataset.name,
        fingerprint=dataset.fingerprint,
        synthetic=dataset.info.synthetic,
        simulated=simulated,
        split=split,
        pairs=pairs,
        protocols=protocols,
        rows=tuple(rows),
        detectable=detectable,
    )
