"""The chain over data sets, methods and seeds: features, fit, predict, evaluate."""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from vid2vidmr.contract import encoder_and_step, named_features
from vid2vidmr.data.availability import Manifest, read_manifest
from vid2vidmr.data.dataset import Dataset, load_dataset
from vid2vidmr.data.protocols import OPEN, PROTOCOLS
from vid2vidmr.errors import UnknownNameError, UserError
from vid2vidmr.experiments.existence import open_val, require_both
from vid2vidmr.experiments.parallel import fit_all
from vid2vidmr.experiments.rows import (
    checked_protocols,
    checked_seeds,
    remember,
    remembered,
)
from vid2vidmr.experiments.run import Scored, Setting, runs_home
from vid2vidmr.experiments.tune import tuned_methods, tuned_preset
from vid2vidmr.features.captions import open_captions
from vid2vidmr.features.names import require_encoder
from vid2vidmr.files import require_folder
from vid2vidmr.methods.checkpoint import read_checkpoint
from vid2vidmr.methods.hub import checkpoint_folder
from vid2vidmr.methods.load import (
    method_class,
    method_names,
    preset_config,
    preset_label,
    require_methods,
)

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""Errors after which no further method can be written either."""

Asked = tuple[str, str | None, str, Path | None]
"""What `Setting.of` needs: method, preset, encoder, checkpoint to start from."""


@dataclass(frozen=True)
class Failure:
    """A run that did not end, and why; `method` as it was asked for."""

    method: str
    seed: int
    error: Exception
    dataset: str


class Benched(NamedTuple):
    """What a bench scored, and what failed; bias rows come last."""

    scored: list[Scored]
    failures: list[Failure]

    def __repr__(self) -> str:
        failed = ", ".join(f"{each.method} ({each.error})" for each in self.failures)
        return f"Benched({len(self.scored)} scores; failed: {failed or 'none'})"

    def to_frame(self) -> pd.DataFrame:
        """Give one row a data set, method, seed and protocol, with its metrics in percent."""
        rows = []
        for result in (run.result for run in self.scored):
            named = ("dataset", "method", "preset", "seed")
            row = {name: getattr(result.header, name) for name in named}
            row |= {"protocol": str(result.header.protocol), "coverage": result.coverage}
            rows.append(row | {name: mean.value for name, mean in result.metrics.items()})
        return pd.DataFrame(rows)


Data = Dataset | str | Path


def bench(
    dataset: Data | Sequence[Data],
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
    train_on_val: bool = False,
    earlier: bool = False,
    on_failure: Callable[[Failure], None] = lambda failure: None,
) -> Benched:
    """Run methods on a split, and the bias rows with them.

    Features, checkpoints and results that are complete are used again. A method that fails does
    not lose the others.

    Parameters
    ----------
    dataset : Dataset, str or Path, or a sequence of them
        See `vid2vidmr.load_dataset`. Several are worlds to be put into one table
        (`vid2vidmr.tables.summarise`); each is run for itself.
    methods : str or sequence of str
        Registered names or ``PATH.py:CLASS``, with a preset of their own as ``name@preset``;
        ``all`` is all that are registered by themselves, not those of a group. ``name@tuned`` has
        the config that `tune` left in `runs` (those of the first data set, if there are several),
        ``tuned`` is all that it left there.
    runs : Path, optional
        Folder of runs, by default `runs_home`; with several data sets one for each in it.
    seeds : int or sequence of int
        How many, or which; of methods that they change; the others run the first one only.
    preset : str
        For methods that have presets and are asked for without one.
    encoder : str, optional
        By default that of the data set.
    split : str
        Scored pairs; val is for choices, test for reports.
    init : sequence of str or Path
        Checkpoints, folders or repositories of the Hub; one of a method is what its presets that
        need one start from, or all of its rows if none needs one.
    only : Manifest, str or Path, optional
        Train and score on the pairs whose videos it lists as available; the protocols say so.
    train_on_val : bool
        Learn from val pairs where the data set has no train pairs; the rows say so.
    earlier : bool
        Give the rows of earlier benches in `runs`, too, that hold (`vid2vidmr.experiments.rows`),
        unless all methods fail.
    on_failure : callable
        Is told of each run that fails when it does, not only at the end.

    Raises
    ------
    UserError
        If something was asked for that cannot run, before anything does.

    Examples
    --------
    >>> import vid2vidmr as v
    >>> v.bench("minimatch", ["matr", "dtw-match"]).to_frame()
    >>> scored, failures = v.bench("minimatch", "./early.py:Early")
    >>> v.bench(["minimatch-unseen-0", "minimatch-unseen-1"], "local-match").scored
    """
    methods = [methods] if isinstance(methods, str) else methods
    worlds = load_worlds(dataset)
    require_methods(methods)
    seeds, protocols = checked_seeds(seeds), checked_protocols(protocols)
    homes = [
        runs_home(world) if runs is None else runs / world.name if worlds[1:] else runs
        for world in worlds
    ]
    methods = _with_tuned(methods, homes[0])
    todo = []
    for world, home in zip(worlds, homes, strict=True):  # what fails every run is said first, once
        require_folder(home)
        own = read_manifest(Path(only), world) if isinstance(only, str | Path) else only
        for protocol in protocols:
            world.pairs(split).under(protocol, only=own)
        of = named_features(encoder, world.info.default_encoder)
        require_encoder(of, world)
        asked = _asked(world, methods, bias_rows(protocols), preset, of, init)
        looking = any(method_class(method).info.kind != "bias" for method, *_ in asked.values())
        if OPEN in protocols and looking:
            require_both(open_val(world.pairs("val").under("official", only=own)))
        todo.append(_World(world, of, asked, home, {"only": own, "train_on_val": train_on_val}))
    done = [world.run(seeds, protocols, split, on_failure, earlier) for world in todo]
    return Benched(
        [run for each in done for run in each.scored],
        [failure for each in done for failure in each.failures],
    )


def load_worlds(dataset: Data | Sequence[Data]) -> list[Dataset]:
    """Open one data set, or several that are worlds of one table.

    Raises
    ------
    UserError
        If there is none, or two have one name.
    """
    if isinstance(dataset, Dataset | str | Path):
        dataset = [dataset]
    worlds = [load_dataset(each) for each in dataset]
    names = [world.name for world in worlds]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UserError(
            f"{min(twice)} is asked for more than once: expected data sets with different names."
        )
    if not worlds:
        raise UserError("No data set is asked for: expected one or more.")
    return worlds


@dataclass(frozen=True)
class _World:
    """A data set with what is to be run on it."""

    dataset: Dataset
    encoder: str
    asked: dict[str, Asked]
    runs: Path
    options: Mapping[str, Any]

    def run(
        self,
        seeds: Sequence[int],
        protocols: Sequence[str],
        split: str,
        on_failure: Callable[[Failure], None],
        earlier: bool,
    ) -> Benched:
        wanted = []
        for name, (method, *_) in self.asked.items():
            of_method = seeds if method_class(method).info.needs_seeds else seeds[:1]
            wanted += [(name, seed) for seed in of_method]
        settings = {run: self.asked[run[0]] for run in wanted}
        errors = _prepare(self.dataset, settings, self.encoder, self.runs, self.options)
        scored: list[Scored] = []
        failures: list[Failure] = []
        ended: set[Path] = set()
        for name, seed in wanted:
            try:
                if (name, seed) in errors:
                    raise errors[name, seed]
                setting = Setting.of(self.dataset, *self.asked[name], **self.options)
                done = setting.run(self.runs, seed, protocols, split=split)
                scored += [_named(run, self.asked[name][1]) for run in done]
                ended.add(setting.folder(self.runs, seed))
                method, preset, _, init = self.asked[name]
                remember(self.runs, method, preset, init, seed)
            except Exception as error:
                if isinstance(error, OSError) and error.errno in FULL:
                    raise  # a full disk fails every method: stop, and say it once
                failures.append(Failure(name, seed, error, self.dataset.name))
                on_failure(failures[-1])
        if earlier and not (failures and all(run.result.kind == "bias" for run in scored)):
            scored += self._earlier(protocols, split, ended)
        return Benched(scored, failures)

    def _earlier(self, protocols: Sequence[str], split: str, ended: set[Path]) -> list[Scored]:
        """Read the rows of earlier benches that hold."""
        scored = []
        for row in remembered(self.runs):
            init = row.init and Path(row.init)
            try:
                asked = row.method, row.preset, self.encoder, init or None
                setting = Setting.of(self.dataset, *asked, **self.options)
                folder = setting.folder(self.runs, row.seed)
                if folder in ended or not setting.is_scored(self.runs, row.seed, protocols, split):
                    continue
            except (UserError, OSError):  # it is gone, or cannot be run here
                continue
            ended.add(folder)
            done = setting.run(self.runs, row.seed, protocols, split=split)
            scored += [_named(run, row.preset) for run in done]
        return scored


def _prepare(
    dataset: Dataset,
    wanted: Mapping[tuple[str, int], Asked],
    encoder: str,
    runs: Path,
    options: Mapping[str, Any],
) -> dict[tuple[str, int], Exception]:
    """Make features and train networks; give the runs for which that failed, and why."""
    from vid2vidmr.features.extract import extract_features  # torch, av
    from vid2vidmr.features.writer import StoreBusyError

    classes = {run: method_class(asked[0]) for run, asked in wanted.items()}
    looking = [run for run, cls in classes.items() if cls.info.needs_features]
    try:
        if looking:
            extract_features(dataset, encoder)
    except (UnknownNameError, StoreBusyError):
        raise  # a typing mistake, or not yet: nothing is run, and no table written over
    except UserError as error:
        return dict.fromkeys(looking, error)
    neural = {
        run: Setting.of(dataset, *wanted[run], **options)
        for run, cls in classes.items()
        if cls.has_weights
    }
    return fit_all(neural, runs)


def _asked(
    dataset: Dataset,
    methods: Sequence[str],
    bias: Sequence[str],
    preset: str,
    encoder: str,
    init: Sequence[str | Path],
) -> dict[str, Asked]:
    """Give each row, bias rows last, with what `Setting.of` needs for it."""
    starts = _starts(init)
    asked = {
        name: _checked(dataset, name, preset, encoder, starts)
        for name in _names(list(methods), bias)
    }
    used = {method for method, *_, start in asked.values() if start}
    for name, (method, own, encoder, _) in asked.items():
        if method in starts and method not in used:  # no preset needs it: all of them start from it
            asked[name] = method, own, encoder, starts[method]
    if unused := starts.keys() - {method for method, *_ in asked.values()}:
        raise UserError(
            f"{min(unused)} was not asked for, and --init gives a checkpoint of it: leave it away, "
            "or add the method."
        )
    return asked


def _with_tuned(methods: Sequence[str], runs: Path) -> list[str]:
    """Give names with the paths of the presets that `tune` left."""
    if list(methods) == ["tuned"]:
        methods = [f"{method}@tuned" for method in tuned_methods(runs)]
    return [
        f"{method}@{tuned_preset(runs, method)}" if own == "tuned" else name
        for name, (method, own) in ((name, _parsed(name)) for name in methods)
    ]


def bias_rows(protocols: Sequence[str] = PROTOCOLS) -> list[str]:
    """Names of the methods that never look at the query; a part of every table of protocols."""
    found = []
    for name in method_names():
        with suppress(UserError):  # one that cannot be imported says so when it is asked for
            info = method_class(name).info
            if info.kind == "bias" and (not info.open_only or OPEN in protocols):
                found.append(name)
    return found


def _names(methods: list[str], bias: Sequence[str]) -> list[str]:
    every = [n for n in method_names() if n not in bias_rows([OPEN])]
    asked = [n for name in methods for n in (every if name == "all" else [name])]
    rank = {"trained": 0, "untrained": 1, "bias": 2}
    wanted = dict.fromkeys([*(n for n in asked if n not in bias), *bias])
    return sorted(wanted, key=lambda name: rank[method_class(_parsed(name)[0]).info.kind])


def _parsed(name: str, preset: str | None = None) -> tuple[str, str | None]:
    method, at, own = name.partition("@")
    return method, own if at else preset


def _starts(init: Sequence[str | Path]) -> dict[str, Path]:
    """Name of a method to the folder of its checkpoint."""
    starts: dict[str, Path] = {}
    for folder in map(checkpoint_folder, init):
        method = read_checkpoint(folder).method
        if method in starts:
            raise UserError(
                f"{starts[method]} and {folder} are both checkpoints of {method}: leave one --init."
            )
        starts[method] = folder
    return starts


def _checked(
    dataset: Dataset, name: str, preset: str, encoder: str, starts: Mapping[str, Path]
) -> Asked:
    """Give what `Setting.of` needs; refuse presets that are not there or cannot start."""
    method, own = _parsed(name, preset)
    cls = method_class(method)
    made = cls(preset_config(method, own))
    if made.query == "text":
        open_captions(dataset, encoder_and_step(encoder)[0])
    if not made.needs_init:
        return method, own, encoder, None
    if method not in starts:
        made.require_init()
    return method, own, encoder, starts[method]


def _named(run: Scored, preset: str | None) -> Scored:
    """Call a run by the preset that was asked for: another one may have the same config."""
    header = run.result.header
    if preset is None or (name := preset_label(header.method, preset)) is None:
        return run
    header = header.model_copy(update={"preset": name})
    return replace(run, result=run.result.model_copy(update={"header": header}))
