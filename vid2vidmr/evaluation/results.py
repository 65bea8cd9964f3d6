"""Result records: a score with everything needed to believe it, and to derive it again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vid2vidmr.data.availability import Manifest
from vid2vidmr.data.protocols import SUBSET, WRONG_QUERIES
from vid2vidmr.errors import DataError, UnknownNameError
from vid2vidmr.evaluation.environment import commit, hardware, versions
from vid2vidmr.files import file_sha256, read_json, write_json
from vid2vidmr.records import Result
from vid2vidmr.registry import registered

if TYPE_CHECKING:
    from vid2vidmr.data.dataset import Dataset
    from vid2vidmr.data.pairs import PairSet
    from vid2vidmr.evaluation import Evaluation
    from vid2vidmr.evaluation.predictions import PredictionHeader
    from vid2vidmr.records import Kind


def _kind(method: str) -> Kind:
    try:
        kind: Kind = registered("method", method).info.kind
        return kind
    except UnknownNameError:
        return "trained"  # predictions from elsewhere: the row that claims least for itself


def write_result(
    header: PredictionHeader,
    evaluation: Evaluation,
    predictions: Path,
    out: Path,
    time_s: dict[str, float] | None = None,
    details: Mapping[str, float | str | None] | None = None,
) -> Result:
    """Write the result of a predictions file.

    Parameters
    ----------
    header : PredictionHeader
        What the predictions were made for.
    evaluation : Evaluation
        Their score.
    predictions : Path
        The predictions file; the result names it and its hash.
    out : Path
        The JSON file to write.
    time_s : dict of str to float, optional
        How long the steps took, seconds.
    details : mapping, optional
        See `Method.details`.
    """
    result = Result(
        method=header.method,
        kind=_kind(header.method),
        preset=header.preset,
        config=header.config,
        seed=header.seed,
        dataset=header.dataset,
        dataset_fingerprint=header.dataset_fingerprint,
        split=header.split,
        protocol=header.protocol,
        encoder=header.encoder,
        simulated=header.simulated,
        pairs=len(evaluation.per_pair),
        coverage=evaluation.coverage,
        invalid=evaluation.invalid,
        metrics=evaluation.metrics,
        predictions=predictions.name,
        predictions_sha256=file_sha256(predictions),
        versions=versions(),
        commit=commit(),
        hardware=hardware(),
        time_s={name: round(seconds, 2) for name, seconds in (time_s or {}).items()},
        details=dict(details or {}),
    )
    write_json(out, result.model_dump(mode="json"))
    return result


def read_result(path: Path) -> Result:
    """Read a result and check that the predictions beside it are those it was computed from.

    Raises
    ------
    DataError
        If the file is not a result, or its predictions are missing or have changed.
    """
    try:
        result = Result.model_validate(read_json(path))
    except ValueError as error:
        raise DataError(f"{path} is not a result: {error}.") from None
    predictions = path.parent / result.predictions
    if not predictions.exists() or file_sha256(predictions) != result.predictions_sha256:
        raise DataError(
            f"{path} does not belong to {predictions.name} beside it: delete the folder "
            f"{path.parent} and run the bench again."
        )
    return result


def evaluate_file(
    path: Path,
    dataset: Dataset,
    split: str = "test",
    protocol: str = "official",
    only: Manifest | None = None,
) -> tuple[PredictionHeader | None, Evaluation]:
    """Score a predictions file on a data set.

    Parameters
    ----------
    path : Path
    dataset : Dataset
    split, protocol : str
        Used only for files without a header (QVHighlights form).
    only : Manifest, optional
        Score only the pairs whose videos it lists as available.

    Returns
    -------
    header : PredictionHeader or None
        Its protocol is the one that was scored: it names the subset, if `only` restricts it.
    evaluation : Evaluation

    Raises
    ------
    DataError
        If the predictions were made for something else.
    """
    from vid2vidmr.evaluation import evaluate
    from vid2vidmr.evaluation.predictions import read_predictions

    header, predictions = read_predictions(path)
    if header is None:
        pairs = dataset.pairs(split).under(protocol)
    else:
        pairs = predicted_pairs(header, dataset, only)
        only = None if SUBSET in header.protocol else only
    if only is not None:  # what was predicted for a pair does not depend on the other pairs
        known = set(pairs.table["pair_id"])
        pairs = only.restrict(pairs)
        kept = set(pairs.table["pair_id"])
        predictions = [p for p in predictions if p.pair_id in kept or p.pair_id not in known]
    if header is not None:
        header = header.model_copy(update={"protocol": pairs.protocol})
    return header, evaluate(predictions, pairs)


def predicted_pairs(
    header: PredictionHeader, dataset: Dataset, only: Manifest | None = None
) -> PairSet:
    """Give the pairs that predictions were made for, as their header says.

    Parameters
    ----------
    header : PredictionHeader
    dataset : Dataset
    only : Manifest, optional
        The one whose subset the header names, if it does.

    Raises
    ------
    DataError
        If they were made for another data set, or for a subset whose manifest is not given.
    """
    from vid2vidmr.evaluation.predictions import check_header

    # Its parts in the order in which they were applied: a cut, a subset, other queries.
    made_for, wrong, _ = header.protocol.partition(WRONG_QUERIES)
    cut, subset, _ = made_for.partition(SUBSET)
    pairs = dataset.pairs(header.split).under(cut, header.protocol_seed)
    if subset:
        if only is None:
            raise DataError(
                f"These predictions of {header.method} were made for the pairs of one availability "
                f"manifest ({header.protocol}): pass that manifest with --only-available."
            )
        pairs = only.restrict(pairs)
    pairs = pairs.wrong_queries() if wrong else pairs
    check_header(header, dataset, pairs, header.protocol_seed)
    return pairs
