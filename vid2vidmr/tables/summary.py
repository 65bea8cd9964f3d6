"""From scored runs to the rows of a table: seeds combined, best numbers found, caption written."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING

from vid2vidmr.errors import UserError
from vid2vidmr.evaluation import (
    combine_seeds,
    detectable_difference,
    mean_evaluation,
    query_sensitivity,
    rank_bands,
)
from vid2vidmr.methods.load import method_class
from vid2vidmr.tables.table import HEADLINE, Row, Table

if TYPE_CHECKING:
    from vid2vidmr.data.dataset import Dataset
    from vid2vidmr.evaluation import Evaluation
    from vid2vidmr.experiments.run import Scored


_ROW = ("method", "preset", "config")
"""What runs of a row share."""


def summarise(dataset: Dataset, scored: Sequence[Scored]) -> Table:
    """Combine the seeds of every method, and order the rows.

    Parameters
    ----------
    scored : sequence of Scored
        At least one, all of one split; runs of a method with a preset and config stand together.
    """
    groups = [
        (first, list(group))
        for first, group in groupby(
            scored, key=lambda run: tuple(getattr(run.result.header, name) for name in _ROW)
        )
    ]
    of_method = Counter(method for (method, *_), _ in groups)
    found = []
    for (method, preset, _), runs in groups:
        of_file = preset is not None and preset not in _presets(method)
        name = f"{method}@{preset or 'custom'}" if of_method[method] > 1 or of_file else method
        if runs[0].result.header.trained_on_val:
            name += " (val)"
        found.append(summarise_method(name, runs))
    headers = [run.result.header for run in scored]
    return tabulate(
        dataset,
        found,
        split=headers[0].split,
        pairs=scored[0].result.pairs,
        protocols=tuple(dict.fromkeys(str(header.protocol) for header in headers)),
        simulated=any(header.simulated for header in headers),
    )


def _presets(method: str) -> Collection[str]:
    try:
        return method_class(method).presets
    except UserError:  # predictions from elsewhere
        return ()


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
    by_protocol: dict[str, list[Scored]] = defaultdict(list)
    for run in runs:
        by_protocol[str(run.result.header.protocol)].append(run)
    means = {p: mean_evaluation([run.evaluation for run in rs]) for p, rs in by_protocol.items()}
    wrong = {p: [r.wrong for r in rs if r.wrong is not None] for p, rs in by_protocol.items()}
    row = Row(
        name=name,
        method=first.header.method,
        kind=first.kind,
        preset=first.header.preset,
        encoder=first.header.encoder,
        seeds=tuple(dict.fromkeys(run.result.header.seed for run in runs)),
        metrics={p: combine_seeds([r.evaluation for r in rs]) for p, rs in by_protocol.items()},
        sensitivity={
            p: query_sensitivity(means[p], mean_evaluation(wrong[p]))
            for p, rs in by_protocol.items()
            if len(wrong[p]) == len(rs)
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
    found : sequence of (Row, mapping)
        What `summarise_method` gives, names differ; of the means only the headline metric is used.
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
