"""Search a config on val: random draws from what a method's author thinks is worth trying.

Every method gets the same number of trials, so that no row of a table loses for lack of care.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import ParameterSampler

from vid2vidmr.data.dataset import Dataset, load_dataset
from vid2vidmr.errors import UserError
from vid2vidmr.experiments.parallel import fit_all
from vid2vidmr.experiments.run import Setting, runs_home
from vid2vidmr.features.extract import extract_features
from vid2vidmr.files import read_json, write_json
from vid2vidmr.methods.load import method_class, preset_config


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
        Percent, mean over the protocols, of the best epoch; None if training failed.
    error : str or None
        Why it failed.
    """

    number: int
    changes: dict[str, Any]
    config: Any
    val_miou: float | None
    error: str | None

    def to_json(self) -> dict[str, Any]:
        """All but the config, which the changes decide."""
        return {
            "number": self.number, "changes": self.changes, "val_mIoU": self.val_miou,
            "error": self.error,
        }  # fmt: skip


def tune(
    dataset: Dataset | str | Path,
    method: str,
    *,
    trials: int = 16,
    preset: str = "small",
    seed: int = 0,
    runs: Path | None = None,
    encoder: str | None = None,
) -> tuple[list[Trial], Path]:
    """Train a preset and random changes of it, and leave the config that is best on val.

    Trials are runs as `bench` makes them: what is complete is used again, and more trials continue
    fewer ones.

    Parameters
    ----------
    dataset : Dataset, str or Path
        See `vid2vidmr.load_dataset`.
    method : str
        Name of a trained method; what is tried is in its `Method.search`.
    trials : int
        Configs to train, that of the preset among them.
    preset : str
        It decides all that is not searched, such as the length of training.
    seed : int
        Of the draws, and of every training.
    runs : Path, optional
        Folder of runs, by default `vid2vidmr.experiments.run.runs_home`.
    encoder : str, optional
        By default that of the data set.

    Returns
    -------
    trials : list of Trial
        Best first.
    path : Path
        JSON file with the best config and all trials, usable as a preset.

    Raises
    ------
    UserError
        If the method has nothing to search, or no trial could be trained.

    Examples
    --------
    >>> import vid2vidmr as v
    >>> trials, preset = v.tune("minimatch", "moment_detr", trials=8)
    >>> v.bench("minimatch", [f"moment_detr@{preset}"])
    """
    dataset = load_dataset(dataset)
    cls = method_class(method)
    if not cls.search:
        raise UserError(f"{method} has nothing to tune: choose a trained method.")
    features = extract_features(dataset, encoder or dataset.info.default_encoder)
    folder = runs_home(dataset) if runs is None else runs
    base = Setting(dataset, cls, preset_config(method, preset), features)
    done = _trained(base, draw_changes(base.config, cls.search, trials, seed), seed, folder)
    path = folder / f"tuned-{cls.info.name}-{Path(preset).stem}.json"  # the preset may be a file
    record = {
        "method": cls.info.name, "preset": preset, "seed": seed, "dataset": dataset.name,
        "dataset_fingerprint": dataset.fingerprint, "encoder": features.contract.encoder,
        "search": {name: list(values) for name, values in cls.search.items()},
        "config": asdict(done[0].config),
        "trials": [trial.to_json() for trial in done],
    }  # fmt: skip
    write_json(path, record)
    return done, path


def _trained(
    base: Setting, changes: Sequence[dict[str, Any]], seed: int, folder: Path
) -> list[Trial]:
    """Train all trials, side by side; best first, those that failed last."""
    settings = {
        (i, seed): replace(base, config=replace(base.config, **c)) for i, c in enumerate(changes)
    }
    errors = fit_all(settings, folder)
    done = []
    for (i, _), setting in settings.items():
        error, score = errors.get((i, seed)), None
        if error is None:
            record = read_json(setting.checkpoint(folder, seed) / "method.json")
            score = float(record["provenance"]["val_mIoU"])
        elif not isinstance(error, UserError):
            raise error
        reason = None if error is None else str(error)
        done.append(Trial(i, changes[i], setting.config, score, reason))
    if all(trial.val_miou is None for trial in done):
        raise UserError(f"No trial of {base.method.info.name} could be trained: {done[0].error}")
    return sorted(
        done, key=lambda trial: -1.0 if trial.val_miou is None else trial.val_miou, reverse=True
    )


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

    No two trials are alike, so there are fewer of them where there is no more to try.
    """
    fields = {name: _Mostly(getattr(base, name), values) for name, values in search.items()}
    found: list[dict[str, Any]] = [{}]
    for drawn in ParameterSampler(fields, 100 * trials, random_state=seed):
        if len(found) == trials:
            break
        changes = {name: drawn[name] for name in search if drawn[name] != getattr(base, name)}
        if changes not in found:
            found.append(changes)
    return found
