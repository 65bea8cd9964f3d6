"""Search configs on val: random draws from what a method's author thinks is worth trying.

Every method gets the same number of trials, so that no row of a table loses for lack of care.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, Field, FiniteFloat, NonNegativeInt
from sklearn.model_selection import ParameterSampler

from vid2vidmr.data.dataset import Dataset, load_dataset
from vid2vidmr.data.protocols import PROTOCOLS
from vid2vidmr.errors import DataError, UserError
from vid2vidmr.evaluation.environment import commit
from vid2vidmr.experiments.parallel import fit_all, run_all
from vid2vidmr.experiments.run import Setting, runs_home
from vid2vidmr.files import write_json
from vid2vidmr.methods.checkpoint import read_checkpoint
from vid2vidmr.methods.load import method_class, method_names, preset_config, preset_name
from vid2vidmr.records import read_record
from vid2vidmr.train.config import TrainingConfig, pairs_seen


@dataclass(frozen=True)
class Trial:
    """One config that was tried.

    Attributes
    ----------
    number : int
        0 is the preset as it is.
    changes : dict
        Fields of the preset that were drawn anew.
    val_miou : float or None
        Percent, mean over the protocols, of the best epoch; None if the trial failed.
    pairs : int
        Pairs that its training saw; 0 where nothing is trained by gradient.
    error : str or None
        Why it failed.
    """

    number: int
    changes: dict[str, Any]
    config: Any
    val_miou: float | None
    pairs: int
    error: str | None

    def to_json(self) -> dict[str, Any]:
        """All but the config, which the changes decide."""
        return {
            "number": self.number, "changes": self.changes, "val_mIoU": self.val_miou,
            "pairs": self.pairs, "error": self.error,
        }  # fmt: skip


@dataclass(frozen=True)
class Search:
    """What was tried of one method, best first, and the preset file that came of it."""

    method: str
    preset: str
    trials: list[Trial]
    path: Path


def tune(dataset: Dataset | str | Path, method: str, **options: Any) -> tuple[list[Trial], Path]:
    """Try a preset and random changes of it, and leave the config that is best on val.

    Parameters
    ----------
    method : str
        Registered name; what is tried is in its `Method.search`.
    **options
        See `tune_all`.

    Returns
    -------
    trials : list of Trial
        Best first.
    path : Path
        JSON file with the best config and all trials, usable as a preset.

    Raises
    ------
    UserError
        If the method has nothing to search, or no trial could be run.

    Examples
    --------
    >>> import vid2vidmr as v
    >>> trials, preset = v.tune("minimatch", "moment_detr", trials=8)
    >>> v.bench("minimatch", [f"moment_detr@{preset}"])
    """
    [search] = tune_all(dataset, [method], **options)
    return search.trials, search.path


def tune_all(
    dataset: Dataset | str | Path,
    methods: str | Sequence[str] = "all",
    *,
    trials: int = 16,
    preset: str = "small",
    seed: int = 0,
    runs: Path | None = None,
    encoder: str | None = None,
) -> list[Search]:
    """Give every method the same number of trials on val.

    Methods that train are trained, the others are run on val. Trials are runs as `bench` makes
    them: what is complete is used again, and more trials continue fewer ones.

    Parameters
    ----------
    dataset : Dataset, str or Path
        See `vid2vidmr.load_dataset`.
    methods : str or sequence of str
        Names, with a preset of their own as ``name@preset``; ``all`` is all that have something to
        search.
    trials : int
        Configs to try of each, that of the preset among them; fewer where there are no more.
    preset : str
        It decides all that is not searched, such as the length of training; methods without
        presets of that kind start from their first.
    seed : int
        Of the draws, and of every training.
    runs : Path, optional
        Folder of runs, by default `vid2vidmr.experiments.run.runs_home`.
    encoder : str, optional
        By default that of the data set.

    Returns
    -------
    list of Search
        In the order of the names.

    Raises
    ------
    UserError
        If a method has nothing to search or its preset learns existence, before anything is tried;
        or if no trial of one could be run.

    Examples
    --------
    >>> import vid2vidmr as v
    >>> v.tune_all("minimatch", ["univtg", "dtw-match"], trials=8)[0].trials[0].changes
    """
    dataset = load_dataset(dataset)
    names = tunable() if methods == "all" else [methods] if isinstance(methods, str) else methods
    folder = runs_home(dataset) if runs is None else runs
    bases = _bases(dataset, dict.fromkeys(names), preset, encoder)
    changes = {
        name: draw_changes(base.config, base.method.search, trials, seed)
        for name, (base, _) in bases.items()
    }
    settings = {
        (name, i): replace(base, config=replace(base.config, **change))
        for name, (base, _) in bases.items()
        for i, change in enumerate(changes[name])
    }
    errors = _tried(settings, seed, folder)
    found = []
    for name, (base, start) in bases.items():
        done = [
            _trial(settings[name, i], i, change, errors.get((name, i)), seed, folder)
            for i, change in enumerate(changes[name])
        ]
        if all(trial.val_miou is None for trial in done):
            raise UserError(f"No trial of {name} could be run: {done[0].error}")
        done.sort(
            key=lambda trial: -1.0 if trial.val_miou is None else trial.val_miou, reverse=True
        )
        path = folder / f"tuned-{base.method.info.name}-{Path(start).stem}.json"  # it may be a file
        found.append(Search(base.method.info.name, start, done, path))
        write_json(path, _record(base, found[-1], seed))
    return found


def tunable() -> list[str]:
    """Names of the methods that have something to search."""
    return [name for name in method_names() if method_class(name).search]


def _bases(
    dataset: Dataset, names: Sequence[str] | Mapping[str, None], preset: str, encoder: str | None
) -> dict[str, tuple[Setting, str]]:
    """Give what each name starts from, and the preset's name."""
    found = {}
    for name in names:
        method, at, own = name.partition("@")
        cls = method_class(method)
        if not cls.search:
            raise UserError(
                f"{method} has nothing to tune: choose another, those that have are "
                f"{', '.join(tunable())}."
            )
        start = preset_name(method, own if at else preset)
        config = preset_config(method, start)
        if getattr(config, "existence", False):
            raise UserError(
                f"{method}@{start} also learns whether the moment is there, and configs are "
                "compared by mIoU alone: tune another preset, such as small."
            )
        found[name] = (cls, config), start
    from vid2vidmr.features.extract import extract_features  # torch, av

    features = extract_features(dataset, encoder)
    return {
        name: (Setting(dataset, cls, config, features), start)
        for name, ((cls, config), start) in found.items()
    }


def _tried(
    settings: Mapping[tuple[str, int], Setting], seed: int, folder: Path
) -> dict[tuple[str, int], Exception]:
    """Train what trains, and score the others on val; give the errors."""
    trained = {(key, seed): each for key, each in settings.items() if each.method.has_weights}
    errors = {key: error for (key, _), error in fit_all(trained, folder).items()}
    others = {
        key: (each.run, (folder, seed, PROTOCOLS, False, "val"))
        for key, each in settings.items()
        if not each.method.has_weights
    }
    return errors | run_all(others)


def _trial(
    setting: Setting,
    number: int,
    changes: dict[str, Any],
    error: Exception | None,
    seed: int,
    folder: Path,
) -> Trial:
    if error is not None:
        if not isinstance(error, UserError):
            raise error
        return Trial(number, changes, setting.config, None, 0, str(error))
    if not setting.method.has_weights:
        score = setting.val_score(folder, seed, PROTOCOLS)
        return Trial(number, changes, setting.config, score, 0, None)
    checkpoint = setting.checkpoint(folder, seed)
    made = read_checkpoint(checkpoint).provenance
    try:
        score, pairs = float(made["val_mIoU"]), int(made["pairs_seen"])
    except (KeyError, TypeError, ValueError):
        raise DataError(
            f"{checkpoint} does not say how its training went: delete it, and it is trained again."
        ) from None
    return Trial(number, changes, setting.config, score, pairs, None)


def _record(base: Setting, search: Search, seed: int) -> dict[str, Any]:
    """Give what the preset file of a search holds."""
    cls, dataset = base.method, base.dataset
    train = len(base.pairs("train")) if "train" in dataset.splits else 0
    assert base.features is not None
    return {
        "method": search.method, "preset": search.preset, "seed": seed, "dataset": dataset.name,
        "dataset_fingerprint": dataset.fingerprint, "encoder": base.features.contract.name,
        "commit": commit(),
        "search": {name: list(values) for name, values in cls.search.items()},
        "pairs_of_presets": {
            name: pairs_seen(config, train)
            for name, config in cls.presets.items()
            if isinstance(config, TrainingConfig) and not config.needs_init
        },
        "config": asdict(search.trials[0].config),
        "trials": [trial.to_json() for trial in search.trials],
    }  # fmt: skip


def tuned_preset(runs: Path, method: str) -> str:
    """Path of the preset file that `tune` left of a method in a folder of runs.

    Raises
    ------
    UserError
        If there is none, or one for each of several presets.
    """
    files = [path for path, name in _tuned(runs) if name == method]
    if not files:
        raise UserError(
            f"{runs} has no tuned config of {method}: run `vid2vidmr tune {method}` first."
        )
    if len(files) > 1:
        raise UserError(
            f"{runs} has several tuned configs of {method}: choose one, as {method}@{files[0]}."
        )
    return str(files[0])


def tuned_methods(runs: Path) -> list[str]:
    """Names of the methods of which `tune` left a preset file in a folder of runs.

    Raises
    ------
    UserError
        If there is none.
    """
    if found := list(dict.fromkeys(name for _, name in _tuned(runs))):
        return found
    raise UserError(f"{runs} has no tuned configs: run `vid2vidmr tune all` first.")


def _tuned(runs: Path) -> list[tuple[Path, str]]:
    """List the preset files of a folder of runs, with their methods."""
    return [(path, found.method) for path, found in read_tuned(runs)]


class TriedRecord(BaseModel):
    """What a preset file says of a trial, see `Trial`; the best is the first."""

    number: int
    changes: dict[str, Any]
    val_mIoU: FiniteFloat | None  # noqa: N815
    pairs: NonNegativeInt


class TunedRecord(BaseModel):
    """What a preset file says of the search that it came of; the rest is ignored."""

    method: str
    preset: str
    seed: int
    dataset_fingerprint: str
    encoder: str
    commit: str | None
    pairs_of_presets: dict[str, int | None]
    trials: Annotated[list[TriedRecord], Field(min_length=1)]


def read_tuned(runs: Path) -> list[tuple[Path, TunedRecord]]:
    """Read the preset files that `tune` left in a folder of runs.

    Raises
    ------
    DataError
        If one is something else.
    """
    return [
        (path, read_record(path, TunedRecord, "record of a search", "delete it, or tune again"))
        for path in sorted(runs.glob("tuned-*.json"))
    ]


class _Mostly:
    """The preset's own value, or with a probability of a third another one."""

    def __init__(self, own: Any, values: Sequence[Any]) -> None:
        others = [value for value in values if value != own]
        self.values = [own] * max(1, 2 * len(others)) + others

    def rvs(self, random_state: np.random.RandomState) -> Any:
        """Draw, as distributions of scipy do."""
        return self.values[random_state.randint(len(self.values))]


def draw_changes(
    base: Any, search: Mapping[str, Sequence[Any]], trials: int, seed: int
) -> list[dict[str, Any]]:
    """Fields that each trial changes: none in the first, then each with a probability of a third.

    No two trials are alike, so there are fewer of them where there is no more to try. What a config
    refuses is drawn again.
    """
    fields = {name: _Mostly(getattr(base, name), values) for name, values in search.items()}
    found: list[dict[str, Any]] = [{}]
    for drawn in ParameterSampler(fields, 100 * trials, random_state=seed):
        if len(found) == trials:
            break
        try:
            config = replace(base, **drawn)
        except UserError:
            continue
        # Of the config: it may take back what has no effect beside the rest.
        changes = {
            name: getattr(config, name)
            for name in search
            if getattr(config, name) != getattr(base, name)
        }
        if changes not in found:
            found.append(changes)
    return found
