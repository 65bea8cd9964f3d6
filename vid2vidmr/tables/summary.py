"""From scored runs to the rows of a table: seeds and worlds combined, rows ranked."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.protocols import Protocol
from vid2vidmr.errors import DataError, UserError
from vid2vidmr.evaluation import (
    combine_seeds,
    detectable_difference,
    mean_evaluation,
    paired_difference,
    pool_worlds,
    query_sensitivity,
    rank_bands,
    rows_above,
)
from vid2vidmr.methods.load import method_class
from vid2vidmr.records import Interval
from vid2vidmr.tables.table import Row, Table, best_row, metrics_of, worlds_name

if TYPE_CHECKING:
    from vid2vidmr.evaluation import Evaluation
    from vid2vidmr.experiments.run import Scored


def summarise(dataset: Dataset | Sequence[Dataset], scored: Sequence[Scored]) -> Table:
    """Combine the seeds of every method, and the worlds, and order the rows.

    Parameters
    ----------
    dataset : Dataset or sequence of Dataset
        Several are worlds: a row is the mean over them, and one that is not in all is left out.
    scored : sequence of Scored
        At least one, all of one split.

    Raises
    ------
    DataError
        If no row has a seed in every world.
    """
    datasets = [dataset] if isinstance(dataset, Dataset) else list(dataset)
    groups = _rows(scored)
    of_method = Counter(method for method, *_ in groups)
    found, left_out = [], []
    for (method, preset, _), runs in groups.items():
        of_file = preset is not None and preset not in _presets(method)
        name = f"{method}@{preset or 'custom'}" if of_method[method] > 1 or of_file else method
        if runs[0].result.header.trained_on_val:
            name += " (val)"
        worlds = _in_worlds([each.name for each in datasets], runs)
        if worlds[0]:
            found.append(summarise_method(name, *worlds))
        else:
            left_out.append(name)
    if not found:
        raise DataError(
            "No method has a seed that ended in every data set: expected one; see what failed."
        )
    headers = [run.result.header for run in scored]
    return tabulate(
        datasets,
        found,
        split=headers[0].split,
        pairs=sum({run.result.header.dataset: run.result.pairs for run in scored}.values()),
        protocols=tuple(dict.fromkeys(str(header.protocol) for header in headers)),
        simulated=any(header.simulated for header in headers),
        left_out=tuple(left_out),
    )


def _presets(method: str) -> Collection[str]:
    try:
        return method_class(method).presets
    except UserError:  # predictions from elsewhere
        return ()


def _rows(scored: Sequence[Scored]) -> dict[tuple[str, str | None, int], list[Scored]]:
    """Group runs by row: method, preset, and which of its configs; worlds may have own configs."""
    configs: dict[tuple[str, str, str | None], list[dict[str, Any]]] = defaultdict(list)
    rows: dict[tuple[str, str | None, int], list[Scored]] = defaultdict(list)
    for run in scored:
        header = run.result.header
        known = configs[header.dataset, header.method, header.preset]
        if header.config not in known:
            known.append(header.config)
        rows[header.method, header.preset, known.index(header.config)].append(run)
    return rows


def _in_worlds(names: Sequence[str], runs: Sequence[Scored]) -> list[list[Scored]]:
    """Give the runs of a row in every world, of the seeds that all worlds have."""
    worlds = [[run for run in runs if run.result.header.dataset == name] for name in names]
    seeds = set.intersection(*({run.result.header.seed for run in world} for world in worlds))
    return [[run for run in world if run.result.header.seed in seeds] for world in worlds]


def summarise_method(name: str, *worlds: Sequence[Scored]) -> tuple[Row, dict[str, Evaluation]]:
    """Combine the seeds of one method, and the worlds.

    Parameters
    ----------
    name : str
        Of the row.
    *worlds : sequence of Scored
        All its seeds and protocols, in one data set or in each of several; the same in each.

    Returns
    -------
    row : Row
        Without ranks: those are of a table.
    means : dict of str to Evaluation
        Protocol to the mean over seeds, pair by pair.
    """
    first, runs = worlds[0][0].result, [run for world in worlds for run in world]
    right: dict[str, list[Evaluation]] = defaultdict(list)
    wrong: dict[str, list[Evaluation]] = defaultdict(list)
    for same in zip(*worlds, strict=True):  # one seed and protocol
        protocol = str(same[0].result.header.protocol)
        right[protocol].append(pool_worlds([run.evaluation for run in same]))
        asked = [run.wrong for run in same if run.wrong is not None]
        if len(asked) == len(same):
            wrong[protocol].append(pool_worlds(asked))
    means = {p: mean_evaluation(seeds) for p, seeds in right.items()}
    row = Row(
        name=name,
        method=first.header.method,
        kind=first.kind,
        preset=first.header.preset,
        encoder=first.header.encoder,
        seeds=tuple(dict.fromkeys(run.result.header.seed for run in runs)),
        metrics={p: combine_seeds(seeds) for p, seeds in right.items()},
        gains=_gains(means),
        sensitivity={
            p: query_sensitivity(means[p], mean_evaluation(wrong[p]))
            for p, seeds in right.items()
            if len(wrong[p]) == len(seeds)
        },
        coverage={
            p: min(r.result.coverage for r in runs if str(r.result.header.protocol) == p)
            for p in right
        },
    )
    return row, means


def _gains(means: Mapping[str, Evaluation]) -> dict[str, Interval]:
    """Tell what asking with more examples brings over the first protocol."""
    first, *others = [p for p in means if Protocol.parse(p).shots] or [""]
    return {p: paired_difference(means[p], means[first])[metrics_of([p])[0]] for p in others}


def tabulate(
    dataset: Dataset | Sequence[Dataset],
    found: Sequence[tuple[Row, Mapping[str, Evaluation]]],
    *,
    split: str,
    pairs: int,
    protocols: tuple[str, ...],
    simulated: bool = False,
    left_out: tuple[str, ...] = (),
) -> Table:
    """Rank and order rows.

    Parameters
    ----------
    dataset : Dataset or sequence of Dataset
        Several are worlds over which the rows are means.
    found : sequence of (Row, mapping)
        What `summarise_method` gives, names differ; of the means only the headline metric is used.
    protocols : tuple of str
        Every row has all of them.
    simulated : bool
        The features of a row were.
    left_out : tuple of str
        Rows that are not in all worlds.
    """
    datasets = [dataset] if isinstance(dataset, Dataset) else dataset
    rows = [row for row, _ in found]
    means_of = {row.name: means for row, means in found}
    last, headline = protocols[-1], metrics_of(protocols)[0]
    detectable = {}
    for protocol in protocols:
        means = {row.name: means_of[row.name][protocol] for row in rows}
        bands = rank_bands(means, headline)
        bias = best_row([row for row in rows if row.kind == "bias"], protocol, headline)
        methods = [row.name for row in rows if row.kind != "bias"]
        above = rows_above(means, bias.name, methods, headline) if bias else set(methods)
        rows = [
            replace(
                row,
                ranks={**row.ranks, protocol: bands[row.name]},
                over_bias={
                    **row.over_bias,
                    protocol: row.name in above,
                },
            )
            for row in rows
        ]
        # Bias rows may all be near 0, and differ little for that.
        compared = {name: means[name] for name in methods}
        if len(compared) > 1:
            detectable[protocol] = detectable_difference(compared, headline)
    rows.sort(key=lambda row: (not row.over_bias[last], -row.metrics[last][headline].mean.value))
    return Table(
        dataset=worlds_name([each.name for each in datasets]),
        fingerprint=", ".join(each.fingerprint for each in datasets),
        synthetic=any(each.info.synthetic for each in datasets),
        simulated=simulated,
        split=split,
        pairs=pairs,
        protocols=protocols,
        rows=tuple(rows),
        detectable=detectable,
        worlds=len(datasets),
        left_out=left_out,
    )
