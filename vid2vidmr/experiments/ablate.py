"""Run an ablation: variants of a trained method with seeds, beside what the paper reports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from vid2vidmr.contract import FeatureContract
from vid2vidmr.data.dataset import Dataset, load_dataset
from vid2vidmr.data.protocols import PROTOCOLS
from vid2vidmr.errors import UnknownNameError, UserError
from vid2vidmr.evaluation import (
    Evaluation,
    SeedSummary,
    combine_seeds,
    mean_evaluation,
    paired_difference,
)
from vid2vidmr.experiments.parallel import fit_all, run_all
from vid2vidmr.experiments.rows import checked_seeds
from vid2vidmr.experiments.run import Setting, is_checkpoint, runs_home
from vid2vidmr.features.extract import extract_features
from vid2vidmr.methods.load import method_class, preset_config
from vid2vidmr.methods.variants import Ablation, Variant
from vid2vidmr.records import Interval
from vid2vidmr.registry import registered
from vid2vidmr.train.pretrain import Level, pretrain
from vid2vidmr.train.unlabelled import Videos


@dataclass(frozen=True)
class AblationRow:
    """A variant with its scores.

    Attributes
    ----------
    metrics : dict
        Protocol to metric to `SeedSummary`.
    difference : dict
        Protocol to mIoU minus that of the first row, pair by pair; empty for the first row.
    paper : dict
        Data set to [mIoU, R1@0.5] as the paper reports them, on its data.
    """

    variant: Variant
    metrics: dict[str, dict[str, SeedSummary]]
    difference: dict[str, Interval]
    paper: dict[str, list[float]]


@dataclass(frozen=True)
class AblationResult:
    """The rows of a table, and what they were made with."""

    ablation: Ablation
    method: str
    table: str
    preset: str
    dataset: str
    fingerprint: str
    contract: FeatureContract
    pairs: int
    seeds: tuple[int, ...]
    rows: tuple[AblationRow, ...]
    left_out: dict[str, str]
    """Names of the variants that the preset cannot be, with the reason."""


def ablate(
    dataset: Dataset | str | Path,
    method: str,
    table: str,
    *,
    preset: str | None = None,
    seeds: int | Sequence[int] = 3,
    runs: Path | None = None,
    encoder: str | None = None,
) -> AblationResult:
    """Train, predict and score every variant of a table on the test split.

    Variants that share a training share its run, also with `bench`; what is complete is used again.

    Parameters
    ----------
    dataset : Dataset, str or Path
        See `vid2vidmr.load_dataset`.
    method, table : str
        Registered name, and a key of its `Method.ablations`.
    preset : str, optional
        What the variants change, by default `Ablation.preset`.
    seeds : int or sequence of int
        How many, or which.
    runs : Path, optional
        Folder of runs, by default `vid2vidmr.experiments.run.runs_home`.
    encoder : str, optional
        By default that of the data set.

    Raises
    ------
    UnknownNameError
        If the method has no such table.
    UserError
        If the preset can be none of its variants.

    Examples
    --------
    >>> import vid2vidmr as v
    >>> v.ablate("minimatch", "matr", "2").rows[0].metrics["official"]["mIoU"]
    """
    dataset = load_dataset(dataset)
    seeds = checked_seeds(seeds)
    cls = method_class(method)
    if table not in cls.ablations:
        raise UnknownNameError(f"table of {method}", table, cls.ablations)
    ablation = cls.ablations[table]
    preset = preset or ablation.preset
    features = extract_features(dataset, encoder)
    videos = Videos.of_dataset(dataset, features)
    folder = runs_home(dataset) if runs is None else runs
    base = Setting(dataset, cls, preset_config(method, preset), features)
    variants, left_out = _possible(ablation, base.config, videos)
    settings = _pretrained(variants, base, seeds, videos, folder)
    _raise_first(fit_all(settings, folder))
    return AblationResult(
        ablation=ablation,
        method=method,
        table=table,
        preset=preset,
        dataset=dataset.name,
        fingerprint=dataset.fingerprint,
        contract=features.contract,
        pairs=len(dataset.pairs("test")),
        seeds=tuple(seeds),
        rows=tuple(_rows(ablation, variants, settings, seeds, folder)),
        left_out=left_out,
    )


def _possible(
    ablation: Ablation, base: Any, videos: Videos
) -> tuple[list[Variant], dict[str, str]]:
    """Variants that the base config can be, and why it cannot be the others."""
    left_out = {}
    for v in ablation.variants:
        try:
            replace(base, **v.changes, **v.decoding)
            if (v.pretraining or {}).get("level") == "frames" and not videos.files:
                raise UserError("It needs frames, and no video file is here.")
        except UserError as error:
            left_out[v.name] = str(error)
    if len(left_out) == len(ablation.variants):
        raise UserError(
            f"No variant of {ablation.title} can be run: {next(iter(left_out.values()))}"
        )
    return [v for v in ablation.variants if v.name not in left_out], left_out


def _pretrained(
    variants: Sequence[Variant], base: Setting, seeds: Sequence[int], videos: Videos, folder: Path
) -> dict[tuple[str, int], Setting]:
    """Pretrain what variants start from; give each variant's setting by its name and seed."""
    settings, jobs = {}, {}
    for v, seed in product(variants, seeds):
        setting, init = replace(base, config=replace(base.config, **v.changes)), None
        if v.pretraining is not None:
            fields = dict(v.pretraining)
            share, level = fields.pop("augmented"), fields.pop("level", "features")
            first = replace(base, config=replace(base.config, **fields))
            name = f"pretraining-{first.key}-{level}-augmented{share:g}-seed{seed}"
            init = folder / first.method.info.name / name
            jobs[init] = (_pretrain, (first, seed, videos, init, share, level))
        settings[v.name, seed] = setting, init
    todo = {home: job for home, job in jobs.items() if not is_checkpoint(home)}
    _raise_first(run_all(todo, asked=len(jobs)))
    return {key: replace(setting, init=init) for key, (setting, init) in settings.items()}


def _pretrain(
    setting: Setting, seed: int, videos: Videos, folder: Path, augmented: float, level: Level
) -> None:
    learner: Any = setting.method(setting.config, seed)
    pretrain(learner, videos, folder, augmented=augmented, level=level)


def _rows(
    ablation: Ablation,
    variants: Sequence[Variant],
    settings: Mapping[tuple[str, int], Setting],
    seeds: Sequence[int],
    folder: Path,
) -> Iterator[AblationRow]:
    """Predict and score all variants, each against the first."""
    reported = registered("report", ablation.report)(ablation.table)
    means: dict[str, Evaluation] = {}
    for v in variants:
        scored: dict[str, list[Evaluation]] = {protocol: [] for protocol in PROTOCOLS}
        for seed in seeds:
            setting = replace(settings[v.name, seed], decoding=v.decoding)
            for run in setting.run(folder, seed, PROTOCOLS, sensitivity=False):
                scored[str(run.result.header.protocol)].append(run.evaluation)
        difference = {}
        for protocol, found in scored.items():
            mean = mean_evaluation(found)
            first = means.setdefault(protocol, mean)
            if v is not variants[0]:
                difference[protocol] = paired_difference(mean, first)["mIoU"]
        metrics = {protocol: combine_seeds(found) for protocol, found in scored.items()}
        yield AblationRow(v, metrics, difference, _paper_row(reported, v.paper))


def _raise_first(errors: Mapping[Any, Exception]) -> None:
    for error in errors.values():
        raise error


def _paper_row(
    reported: Sequence[Mapping[str, Any]], wanted: Mapping[str, Any]
) -> dict[str, list[float]]:
    """Numbers of the paper's row that has all the `wanted` fields."""
    if not wanted:
        return {}
    (row,) = [row for row in reported if wanted.items() <= row.items()]
    return {name: value for name, value in row.items() if isinstance(value, list)}
