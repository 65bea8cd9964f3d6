"""What a folder of runs holds, in words: `vid2vidmr.experiments.run` says how it is laid out."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vid2vidmr.errors import DataError, UserError
from vid2vidmr.evaluation.predictions import read_header
from vid2vidmr.evaluation.results import Result
from vid2vidmr.experiments.predict import presets_like
from vid2vidmr.files import MAX_RECORD_BYTES
from vid2vidmr.methods.checkpoint import NAME, read_checkpoint
from vid2vidmr.methods.load import method_class
from vid2vidmr.records import Record, read_record

ALIKE = ("method", "preset", "dataset", "split", "protocol", "encoder", "metric")
"""What seeds of one run have in common."""


class Listed(Record):
    """Runs that differ in nothing but their seed.

    Attributes
    ----------
    protocol : str or None
        None of a checkpoint from which nothing was predicted.
    score : float or None
        Mean of `metric` over the seeds, percent; None where they are not scored.
    when : datetime
        When the last of them was written.
    paths : tuple of str
        Their folders.
    """

    method: str
    preset: str | None
    dataset: str | None
    split: str | None
    protocol: str | None
    encoder: str | None
    metric: str | None
    seeds: tuple[int, ...]
    score: float | None
    when: datetime
    paths: tuple[str, ...]

    @property
    def name(self) -> str:
        """``METHOD@PRESET``."""
        return f"{self.method}@{self.preset}" if self.preset else self.method


def list_runs(home: Path) -> tuple[list[Listed], list[str]]:
    """List what lies in a folder, latest last, and what there cannot be read.

    Runs with wrong queries are left out: they belong to those beside them.

    Raises
    ------
    DataError
        If there is no such folder.
    """
    if not home.is_dir():
        raise DataError(
            f"There are no runs in {home}: make some with `vid2vidmr bench`, or name their folder."
        )
    groups: dict[object, list[Listed]] = defaultdict(list)
    faults = []
    for path in _records(home):
        try:
            run = _read(path)
        except UserError as error:
            faults.append(str(error))
            continue
        if not str(run.protocol).endswith("wrong queries"):
            place = re.sub(r"-seed\d+$", "", str(path.parent))
            place = re.sub(r"-seed\d+(?=/)", "", place)
            groups[(place, *(getattr(run, name) for name in ALIKE))].append(run)
    listed = [_joined(runs) for runs in groups.values()]
    return sorted(listed, key=lambda each: (str(each.dataset), each.when)), faults


def _records(home: Path) -> Iterator[Path]:
    """Give what says most of each folder: a result, predictions, or a checkpoint that is alone."""
    for path in sorted(home.rglob("result.json")):
        yield path
    for path in sorted(home.rglob("predictions.jsonl")):
        if not path.with_name("result.json").exists():
            yield path
    for path in sorted(home.rglob(NAME)):
        if not any(path.parents[1].rglob("predictions.jsonl")):
            yield path


def _read(path: Path) -> Listed:
    """Read what one folder says of itself."""
    where: dict[str, Any] = {
        "when": datetime.fromtimestamp(path.stat().st_mtime, UTC).replace(microsecond=0),
        "paths": (str(path.parent),),
    }
    if path.name == NAME:
        found = read_checkpoint(path.parent)
        names = presets_like(method_class(found.method).presets, found.config)
        dataset = found.provenance.get("dataset")
        return Listed(
            method=found.method, preset=names[0] if names else None,
            dataset=str(dataset) if dataset else None, split=None, protocol=None, encoder=None,
            metric=None, seeds=(found.seed,), score=None, **where,
        )  # fmt: skip
    result = None
    if path.name == "result.json":
        result = read_record(path, Result, "result", "delete its folder", MAX_RECORD_BYTES)
    header = result.header if result else read_header(path)
    if header is None:
        raise DataError(f"{path} has no header: it does not say what it is.")
    metric = header.protocol.metric
    return Listed(
        method=header.method, preset=header.preset, dataset=header.dataset, split=header.split,
        protocol=str(header.protocol), encoder=header.encoder, metric=metric, seeds=(header.seed,),
        score=result.metrics[metric].value if result and metric in result.metrics else None,
        **where,
    )  # fmt: skip


def _joined(runs: list[Listed]) -> Listed:
    """Join the seeds of a group."""
    runs = sorted(runs, key=lambda run: run.seeds)
    scores = [run.score for run in runs if run.score is not None]
    return runs[0].model_copy(
        update={
            "seeds": tuple(seed for run in runs for seed in run.seeds),
            "score": sum(scores) / len(scores) if scores else None,
            "when": max(run.when for run in runs),
            "paths": tuple(path for run in runs for path in run.paths),
        }
    )
