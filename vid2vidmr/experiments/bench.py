"""The chain over methods and seeds: features, fit, predict, evaluate."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from vid2vidmr.data.availability import Manifest, read_manifest
from vid2vidmr.data.dataset import Dataset, load_dataset
from vid2vidmr.data.protocols import PROTOCOLS
from vid2vidmr.errors import UnknownNameError, UserError
from vid2vidmr.experiments.parallel import fit_side_by_side
from vid2vidmr.experiments.run import Scored, Setting, runs_home
from vid2vidmr.features.captions import open_captions
from vid2vidmr.files import read_json
from vid2vidmr.methods.hub import checkpoint_folder
from vid2vidmr.methods.load import method_class, method_names, preset_config
from vid2vidmr.methods.neural import NeuralMethod
from vid2vidmr.train.config import require_init

BIAS_ROWS = ("random", "whole-video", "centre", "prior")
"""Methods that never look at the query; a part of every table."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""Errors after which no further method can be written either."""


@dataclass(frozen=True)
class Failure:
    """A run that did not end, and why; `method` as it was asked for."""

    method: str
    seed: int
    error: Exception


class Benched(NamedTuple):
    """What a bench scored, and what failed; bias rows come last."""

    scored: list[Scored]
    failures: list[Failure]

    def __repr__(self) -> str:
        failed = ", ".join(f"{each.method} ({each.error})" for each in self.failures)
        return f"Benched({len(self.scored)} scores; failed: {failed or 'none'})"

    def to_frame(self) -> pd.DataFrame:
        """Give one row a method, seed and protocol, with its metrics in percent."""
        named = ("method", "preset", "seed", "protocol", "coverage")
        rows = [
            {name: getattr(result, name) for name in named}
            | {name: interval.value for name, interval in result.metrics.items()}
            for result in (run.result for run in self.scored)
        ]
        return pd.DataFrame(rows)


def bench(
    dataset: Dataset | str | Path,
    methods: str | Sequence[str] = "all",
    *,
    runs: Path | None = None,
    seeds: int | Sequence[int] = 2,
    protocols: Sequence[str] = PROTOCOLS,
    preset: str = "small",
    encoder: str | None = None,
    split: str = "test",
    init: Sequence[str | Path] = (),
    only: Manifest | str | Path | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> Benched:
    """Run methods on a split, and the bias rows with them.

    Features, checkpoints and results that are complete are used again. A method that fails does
    not lose the others.

    Parameters
    ----------
    dataset : Dataset, str or Path
        See `vid2vidmr.load_dataset`.
    methods : str or sequence of str
        Registered names or ``PATH.py:CLASS``, with a preset of their own as ``name@preset``;
        ``all`` is all that are registered by themselves, not those of a group.
    runs : Path, optional
        Folder of runs, by default `runs_home`.
    seeds : int or sequence of int
        How many, or which; of methods that they change; the others run the first one only.
    protocols : sequence of str
    preset : str
        For methods that have presets and are asked for without one.
    encoder : str, optional
        By default that of the data set.
    split : str
        Scored pairs; val is for choices, test for reports.
    init : sequence of str or Path
        Checkpoints, folders or repositories of the Hub; one of a method is what its presets that
        need one start from.
    only : Manifest, str or Path, optional
        Train and score on the pairs whose videos it lists as available; the protocols say so.
    say : callable
        Is told what goes on, a line at a time.

    Raises
    ------
    UserError
        If something was asked for that cannot run, before anything does.

    Examples
    --------
    >>> import vid2vidmr as v
    >>> v.bench("minimatch", ["matr", "dtw-match"]).to_frame()
    >>> scored, failures = v.bench("minimatch", "./early.py:Early")
    """
    dataset = load_dataset(dataset)
    seeds = range(seeds) if isinstance(seeds, int) else seeds
    if isinstance(only, str | Path):
        only = read_manifest(Path(only), dataset)
    names = _names([methods] if isinstance(methods, str) else methods)
    encoder = encoder or dataset.info.default_encoder
    starts = _starts(init)
    pairs = dataset.pairs(split)  # what would fail every run is said once
    if only is not None:
        only.restrict(pairs)
    asked = {name: _checked(dataset, name, preset, encoder, starts) for name in names}
    if unused := starts.keys() - {method for method, *_, start in asked.values() if start}:
        raise UserError(
            f"No preset that was asked for starts from a checkpoint of {min(unused)}: leave its "
            "--init away, or ask for one such as finetuned+V."
        )
    infos = {name: method_class(method).info for name, (method, *_) in asked.items()}
    features_error: UserError | None = None
    if any(info.needs_features for info in infos.values()):
        try:
            _ensure_features(dataset, encoder)
        except UserError as error:
            features_error = error
    runs = runs_home(dataset) if runs is None else runs
    scored: list[Scored] = []
    failures: list[Failure] = []
    wanted = [
        (name, seed) for name in names for seed in (seeds if infos[name].needs_seeds else seeds[:1])
    ]
    errors: dict[tuple[str, int], Exception] = {}
    if features_error is None:
        neural = {
            (name, seed): Setting.of(dataset, *asked[name], only=only)
            for name, seed in wanted
            if issubclass(method_class(asked[name][0]), NeuralMethod)
        }
        errors = fit_side_by_side(neural, runs)
    for name, seed in wanted:
        try:
            if features_error is not None and infos[name].needs_features:
                raise features_error
            if (name, seed) in errors:
                raise errors[name, seed]
            setting = Setting.of(dataset, *asked[name], only=only)
            done = setting.run(runs, seed, protocols, split=split)
            scored += [_named(run, asked[name][1]) for run in done]
        except Exception as error:
            if isinstance(error, OSError) and error.errno in FULL:
                raise  # a full disk fails every method: stop, and say it once
            failures.append(Failure(name, seed, error))
            say(f"{name}, seed {seed}: failed: {error}")
    return Benched(scored, failures)


def _names(methods: Sequence[str]) -> list[str]:
    asked = method_names() if list(methods) == ["all"] else list(methods)
    rank = {"trained": 0, "untrained": 1, "bias": 2}
    wanted = dict.fromkeys([*(n for n in asked if n not in BIAS_ROWS), *BIAS_ROWS])
    return sorted(wanted, key=lambda name: rank[method_class(_parsed(name)[0]).info.kind])


def _parsed(name: str, preset: str | None = None) -> tuple[str, str | None]:
    method, at, own = name.partition("@")
    return method, own if at else preset


def _starts(init: Sequence[str | Path]) -> dict[str, Path]:
    """Name of a method to the folder of its checkpoint."""
    starts: dict[str, Path] = {}
    for folder in map(checkpoint_folder, init):
        method = read_json(folder / "method.json")["method"]
        if method in starts:
            raise UserError(
                f"{starts[method]} and {folder} are both checkpoints of {method}: leave one --init."
            )
        starts[method] = folder
    return starts


def _checked(
    dataset: Dataset, name: str, preset: str, encoder: str, starts: Mapping[str, Path]
) -> tuple[str, str | None, str, Path | None]:
    """Give what `Setting.of` needs; refuse presets that are not there or cannot start."""
    method, own = _parsed(name, preset)
    cls, config = method_class(method), preset_config(method, own)
    # Without @ the preset is for those that have one of that name.
    if "@" in name and own not in cls.presets and not str(own).endswith(".json"):
        raise UnknownNameError(f"preset of {method}", str(own), cls.presets)
    if getattr(config, "query", "video") == "text":
        open_captions(dataset, encoder)
    if not getattr(config, "needs_init", False):
        return method, own, encoder, None
    if method not in starts:
        require_init(config, method)
    return method, own, encoder, starts[method]


def _named(run: Scored, preset: str | None) -> Scored:
    """Call a run by the preset that was asked for: another one may have the same config."""
    if preset not in method_class(run.result.method).presets:
        return run
    return replace(run, result=run.result.model_copy(update={"preset": preset}))


def _ensure_features(dataset: Dataset, encoder: str) -> None:
    from vid2vidmr.features.extract import extract_features

    extract_features(dataset, encoder)
