"""From scored runs to the rows of a table: seeds combined, best numbers found, caption written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from vid2vidmr.evaluation import (
    combine_seeds,
    detectable_difference,
    mean_evaluation,
    query_sensitivity,
    rank_bands,
)
from vid2vidmr.tables.table import HEADLINE, Row, Table

if TYPE_CHECKING:
    from vid2vidmr.data.dataset import Dataset
    from vid2vidmr.evaluation import Evaluation
    from vid2vidmr.experiments.run import Scored


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
