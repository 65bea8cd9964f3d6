"""Predicting the pairs of a part of a run, and scoring what was written."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import FiniteFloat, ValidationError

from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.errors import DataError
from vid2vidmr.evaluation import Evaluation, evaluate
from vid2vidmr.evaluation.environment import environment
from vid2vidmr.evaluation.predictions import PredictionHeader, read_predictions, write_predictions
from vid2vidmr.evaluation.results import Result, Training, write_result
from vid2vidmr.experiments.existence import Existence, certain
from vid2vidmr.methods.base import Method
from vid2vidmr.progress import Bar
from vid2vidmr.records import Prediction, fault, read_record
from vid2vidmr.train.config import TRAINING_FIELDS


def _as_json(config: Any) -> Any:
    return json.loads(json.dumps(asdict(config)))


def presets_of(method: Method) -> list[str]:
    """Names of the presets that a method's config may be one of.

    The architecture of those that need a checkpoint to start from is that of any.
    """
    return presets_like(method.presets, _as_json(method.config))


def presets_like(presets: Mapping[str, Any], config: Mapping[str, Any]) -> list[str]:
    """Names of the presets that a config may be one of; `config` as JSON has it."""
    found = []
    for name, preset in presets.items():
        fields = _as_json(preset)
        compared = TRAINING_FIELDS if fields.get("needs_init") else fields
        if all(fields[field] == config.get(field) for field in compared):
            found.append(name)
    return found


def prediction_header(
    method: Method, dataset: Dataset, pairs: PairSet, preset: str | None = None
) -> PredictionHeader:
    """Say what the predictions of a method for pairs are made with and for.

    `preset` is the name of a config that is none of the method's presets.
    """
    presets = presets_of(method)
    return PredictionHeader(
        method=method.info.name,
        preset=presets[0] if presets else preset,
        config=_as_json(method.config),
        seed=method.seed,
        dataset=dataset.name,
        dataset_fingerprint=dataset.fingerprint,
        split=pairs.split,
        protocol=pairs.protocol,
        encoder=None if pairs.features is None else pairs.features.contract.name,
        simulated=pairs.features is not None and pairs.features.contract.simulated,
        targets=pairs.targets.key if pairs.protocol.has_targets and pairs.targets else None,
        trained_on_val=bool(method.provenance.get("trained_on_val")),
    )


def write_run(
    method: Method,
    dataset: Dataset,
    pairs: PairSet,
    out: Path,
    bar: Bar,
    preset: str | None = None,
    existence: Existence | None = None,
) -> None:
    """Predict `pairs` and write the predictions with their header, see `prediction_header`.

    `existence` is what calibrates open pairs, see `vid2vidmr.experiments.existence.calibrate`; bias
    rows have none.
    """
    from vid2vidmr.experiments.archive import search_archive  # av

    header = prediction_header(method, dataset, pairs, preset)
    if existence is not None:
        header = header.model_copy(update={"threshold": existence.threshold})
    method.begin(dataset, out.with_suffix(".work"))

    def counted() -> Iterator[Prediction]:
        asked = pairs.protocol.is_archive
        for prediction in search_archive(method, pairs) if asked else method.predict(pairs):
            if not isinstance(prediction, Prediction):
                raise DataError(
                    f"{method.info.name}.predict gave {prediction!r:.60}: expected a "
                    "vid2vidmr.Prediction for every pair."
                )
            bar.advance()
            yield prediction

    found: Iterable[Prediction] = counted()
    if existence is not None:
        found = existence.calibrated(found)
    elif header.protocol.is_open:
        found = certain(found)
    try:
        write_predictions(out, header, found)
    except ValidationError as error:  # raised in the method, by what it makes
        raise DataError(
            f"{method.info.name}.predict made a {error.title} that is none ({fault(error)})."
        ) from error


def predict_and_score(
    method: Method,
    dataset: Dataset,
    pairs: PairSet,
    folder: Path,
    checkpoint: Path,
    bar: Bar,
    preset: str | None = None,
    existence: Existence | None = None,
) -> tuple[Result, Evaluation]:
    """Leave predictions and their result in a folder of a run, and give what was scored."""
    predictions = folder / "predictions.jsonl"
    started = time.monotonic()
    write_run(method, dataset, pairs, predictions, bar, preset, existence)
    time_s = {"predict": time.monotonic() - started}
    fit_time = checkpoint / "time.json"
    if fit_time.exists():
        times = dict[str, FiniteFloat]
        time_s |= read_record(fit_time, times, "table of times", "delete it")
    # Score what was written: a run that continues scores the same rounded numbers.
    header, read = read_predictions(predictions)
    assert header is not None
    evaluation = evaluate(read, pairs, threshold=header.threshold)
    learnt = type(method).fit is not Method.fit
    result = write_result(
        header,
        evaluation,
        predictions,
        folder / "result.json",
        trained_with=Training.of(method.provenance) if learnt else None,
        predicted_with=environment(),
        time_s={name: round(seconds, 2) for name, seconds in time_s.items()},
        details=dict(method.details()),
    )
    return result, evaluation
