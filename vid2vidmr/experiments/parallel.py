"""Training runs side by side: on a CPU one a core, on an accelerator one after another."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from vid2vidmr.experiments.run import Setting
from vid2vidmr.workers import cores, worker_pool

Key = TypeVar("Key", bound=Hashable)
RunKey = TypeVar("RunKey", bound=tuple[Any, int])


def run_all(
    jobs: Mapping[Key, tuple[Callable[..., object], tuple[Any, ...]]], asked: int | None = None
) -> dict[Key, Exception]:
    """Call every job and give the errors of those that failed.

    Small networks gain nothing from a second core, several of them do. An accelerator is left to
    one run at a time, in this process.

    Parameters
    ----------
    jobs : mapping of key to (function, arguments)
        Both can be pickled.
    asked : int, optional
        How many runs were asked for, those among them that are complete included. The number of
        threads depends on it (and ``OMP_NUM_THREADS`` bounds it), not on what is left to do, so
        that what was killed and continued ends with the same weights.
    """
    if not jobs:
        return {}
    from vid2vidmr.devices import pick_device

    errors: dict[Key, Exception] = {}
    if pick_device().type != "cpu":
        for key, (function, arguments) in jobs.items():
            try:
                function(*arguments)
            except Exception as error:
                errors[key] = error
        return errors
    count = cores()
    threads = max(1, count // (asked or len(jobs)))
    with worker_pool(min(count, len(jobs))) as pool:
        futures = {key: pool.submit(_with_threads, threads, *job) for key, job in jobs.items()}
        for key, future in futures.items():
            failure = future.exception()
            if isinstance(failure, Exception):
                errors[key] = failure
            elif failure is not None:
                raise failure
    return errors


def fit_all(runs: Mapping[RunKey, Setting], folder: Path) -> dict[RunKey, Exception]:
    """Train the runs that have no checkpoint yet, see `run_all`.

    Parameters
    ----------
    runs : mapping of (name, seed) to Setting
    folder : Path
        Folder of runs.
    """
    homes = {key: setting.checkpoint(folder, key[1]) for key, setting in runs.items()}
    once = {home: key for key, home in homes.items()}  # presets may share a config, and so a run
    jobs = {
        key: (runs[key].fitted, (home, key[1]))
        for home, key in once.items()
        if not runs[key].is_fitted(folder, key[1])
    }
    errors = run_all(jobs, asked=len(once))
    return {key: errors[once[home]] for key, home in homes.items() if once[home] in errors}


def _with_threads(
    threads: int, function: Callable[..., object], arguments: tuple[Any, ...]
) -> None:
    import torch

    most = os.environ.get("OMP_NUM_THREADS", "")  # of small networks a second thread takes more
    torch.set_num_threads(min(threads, int(most)) if most.isdecimal() and int(most) else threads)
    function(*arguments)
