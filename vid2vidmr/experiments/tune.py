"""Search a config on val: random draws from what a method's author thinks is worth trying.

Every method gets the same number of trials, so that no row of a table loses for lack of care.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from vid2vidmr.data.dataset import Dataset, load_dataset
from vid2vidmr.errors import UserError
from vid2vidmr.experiments.parallel import fit_all
from vid2vidmr.experiments.run import Setting, runs_home
from vid2vidmr.features.extract import extract_features
from vid2vidmr.files import read_json, write_json
from vid2vidmr.methods.load import method_class, preset_config
from vid2vidmr.methods.neural import NeuralMethod


@dataclass(frozen=True)
class Trial:
    """One config that was tried.

    Attributes
    ----------
    number : int
        0 is the preset as it is.
    changes : dict
        Fields of the preset that were drawn anew.
    config : dataclass
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
        Name of a trained method; what is tried is in its `NeuralMethod.search`.
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
    if not issubclass(cls, NeuralMethod) or not cls.search:
        raise UserError(f"{method} has nothing to tune: choose a trained method.")
    base = preset_config(method, preset)
    features = extract_features(dataset, encoder or dataset.info.default_encoder)
    folder = runs_home(dataset) if runs is None else runs
    changes = draw_changes(base, cls.search, trials, seed)
    settings = {
        (i, seed): Setting(dataset, cls, replace(base, **c), features)
        for i, c in enumerate(changes)
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
    done.sort(key=lambda trial: -1.0 if trial.val_miou is None else trial.val_miou, reverse=True)
    best = done[0]
    if best.val_miou is None:
        raise UserError(f"No trial of {method} could be trained: {best.error}")
    path = folder / f"tuned-{cls.info.name}-{Path(preset).stem}.json"  # the preset may be a file
    write_json(
        path,
        {
            "method": cls.info.name, "preset": preset, "seed": seed, "dataset": dataset.name,
            "dataset_fingerprint": dataset.fingerprint, "encoder": features.contract.encoder,
            "search": {name: list(values) for name, values in cls.search.items()},
            "config": asdict(best.config),
            "trials": [
                {"number": t.number, "changes": t.changes, "val_mIoU": t.val_miou, "error": t.error}
                for t in done
            ],
        },
    )  # fmt: skip
    return done, path


def draw_changes(
    base: Any, search: Mapping[str, Sequence[Any]], trials: int, seed: int
) -> list[dict[str, Any]]:
    """Fields that each trial changes: none in the first, then each with a probability of a third.

    No two trials are alike, so there are fewer of them where there is no more to try.
    """
    found: list[dict[str, Any]] = [{}]
    rng = np.random.default_rng(seed)
    for _ in range(100 * trials):  # a small space may hold fewer
        if len(found) == trials:
            break
        changes = {}
        for name, values in search.items():
            others = [value for value in values if value != getattr(base, name)]
            if rng.random() < 1 / 3 and others:
                changes[name] = others[int(rng.integers(len(others)))]
        if changes not in found:
            found.append(changes)
    return found
