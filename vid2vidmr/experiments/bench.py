"""The chain over methods and seeds: features, fit, predict, evaluate."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from vid2vidmr.data.availability import Manifest
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.protocols import PROTOCOLS
from vid2vidmr.errors import UnknownNameError, UserError
from vid2vidmr.experiments.parallel import fit_all
from vid2vidmr.experiments.run import Scored, Setting, runs_home
from vid2vidmr.features.captions import open_captions
from vid2vidmr.features.extract import extract_features
from vid2vidmr.files import read_json
from vid2vidmr.methods.load import method_class, method_names, preset_config

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""Errors after which no further method can be written either."""


@dataclass(frozen=True)
class Failure:
    """A run that did not end, and why; `method` as it was asked for."""

    method: str
    seed: int
    error: Exception


def bench(
    dataset: Dataset,
    methods: Sequence[str],
    *,
    runs: Path | None = None,
    seeds: Sequence[int] = (0,),
    protocols: Sequence[str] = PROTOCOLS,
    preset: str = "small",
    encoder: str | None = None,
    split: str = "test",
    init: Sequence[Path] = (),
    only: Manifest | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[list[Scored], list[Failure]]:
    """Run methods on a split, and the bias rows with them.

    Features, checkpoints and results that are complete are used again. A method that fails does
    not lose the others.

    Parameters
    ----------
    methods : sequence of str
        Registered names, with a preset of their own as ``name@preset``; ``["all"]`` is all that are
        registered by themselves, not those of a group.
    runs : Path, optional
        Folder of runs, by default `runs_home`.
    seeds : sequence of int
        Seeds of methods that they change; the others run the first one only.
    preset : str
        For methods that have presets and are asked for without one.
    encoder : str, optional
        By default that of the data set.
    split : str
        Scored pairs; val is for choices, test for reports.
    init : sequence of Path
        Checkpoint folders; one of a method is what its presets that need one start from.
    only : Manifest, optional
        Train and score on the pairs whose videos it lists as available; the protocols say so.
    say : callable
        Is told what goes on, a line at a time.

    Returns
    -------
    scored : list of Scored
        One a method, seed and protocol, in this order; bias rows last.
    failures : list of Failure

    Raises
    ------
    UserError
        If something was asked for that cannot run, before anything does.
    """
    encoder = encoder or dataset.info.default_encoder
    # What would fail every run is said once.
    dataset.pairs(split).under("official", only=only)
    asked = _asked(dataset, methods, preset, encoder, init)
    infos = {name: method_class(method).info for name, (method, *_) in asked.items()}
    features_error: UserError | None = None
    if any(info.needs_features for info in infos.values()):
        try:
            extract_features(dataset, encoder)
        except UserError as error:
            features_error = error
    runs = runs_home(dataset) if runs is None else runs
    wanted = [
        (name, seed) for name in asked for seed in (seeds if infos[name].needs_seeds else seeds[:1])
    ]
    errors: dict[tuple[str, int], Exception] = {}
    if features_error is None:
        neural = {
            (name, seed): Setting.of(dataset, *asked[name], only=only)
            for name, seed in wanted
            if method_class(asked[name][0]).has_weights
        }
        errors = fit_all(neural, runs)
    scored: list[Scored] = []
    failures: list[Failure] = []
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
    return scored, failures


def _asked(
    dataset: Dataset, methods: Sequence[str], preset: str, encoder: str, init: Sequence[Path]
) -> dict[str, tuple[str, str | None, str, Path | None]]:
    """Give each row, bias rows last, with what `Setting.of` needs for it."""
    starts = _starts(init)
    asked = {
        name: _checked(dataset, name, preset, encoder, starts) for name in _names(list(methods))
    }
    if unused := starts.keys() - {method for method, *_, start in asked.values() if start}:
        raise UserError(
            f"No preset that was asked for starts from a checkpoint of {min(unused)}: leave its "
            "--init away, or ask for one such as finetuned+V."
        )
    return asked


def bias_rows() -> list[str]:
    """Names of the methods that never look at the query; a part of every table."""
    found = []
    for name in method_names():
        with suppress(UserError):  # one that cannot be imported says so when it is asked for
            if method_class(name).info.kind == "bias":
                found.append(name)
    return found


def _names(methods: list[str]) -> list[str]:
    asked = method_names() if methods == ["all"] else methods
    bias = bias_rows()
    rank = {"trained": 0, "untrained": 1, "bias": 2}
    wanted = dict.fromkeys([*(n for n in asked if n not in bias), *bias])
    return sorted(wanted, key=lambda name: rank[method_class(_parsed(name)[0]).info.kind])


def _parsed(name: str, preset: str | None = None) -> tuple[str, str | None]:
    method, at, own = name.partition("@")
    return method, own if at else preset


def _starts(folders: Sequence[Path]) -> dict[str, Path]:
    """Name of a method to the folder of its checkpoint."""
    starts: dict[str, Path] = {}
    for folder in folders:
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
    cls = method_class(method)
    made = cls(preset_config(method, own))
    # Without @ the preset is for those that have one of that name.
    if "@" in name and own not in cls.presets and not str(own).endswith(".json"):
        raise UnknownNameError(f"preset of {method}", str(own), cls.presets)
    if made.query == "text":
        open_captions(dataset, encoder)
    if not made.needs_init:
        return method, own, encoder, None
    if method not in starts:
        made.require_init()
    return method, own, encoder, starts[method]


def _named(run: Scored, preset: str | None) -> Scored:
    """Call a run by the preset that was asked for: another one may have the same config."""
    header = run.result.header
    if preset not in method_class(header.method).presets:
        return run
    header = header.model_copy(update={"preset": preset})
    return replace(run, result=run.result.model_copy(update={"header": header}))
