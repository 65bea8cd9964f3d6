"""Result records: a score with everything needed to believe it, and to derive it again."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from vid2vidmr.errors import DataError, UnknownNameError
from vid2vidmr.evaluation.environment import Environment
from vid2vidmr.evaluation.evaluate import Evaluation, evaluate
from vid2vidmr.evaluation.predictions import PredictionHeader, read_header, read_predictions
from vid2vidmr.files import MAX_RECORD_BYTES, file_sha256, read_json, write_json
from vid2vidmr.records import Interval, Kind, Record, fault
from vid2vidmr.registry import registered

if TYPE_CHECKING:
    from vid2vidmr.data.availability import Manifest
    from vid2vidmr.data.dataset import Dataset
    from vid2vidmr.data.pairs import PairSet


class Training(Environment):
    """What a checkpoint says of the training that made it: on what data, and where."""

    dataset: str | None = None
    dataset_fingerprint: str | None = None

    @classmethod
    def of(cls, provenance: Mapping[str, Any]) -> Training | None:
        """Take it from a method's provenance; None where nothing was trained."""
        known = {name: provenance[name] for name in cls.model_fields if name in provenance}
        return cls.model_validate(known) if known else None


class Result(Record):
    """The score of one method, one seed, on one split under one protocol.

    Attributes
    ----------
    header : PredictionHeader
        What the predictions were made with and for.
    coverage : float
        Share of the pairs with a valid window, in [0, 1].
    invalid : dict of str to int
        See `vid2vidmr.evaluation.ranking.Ranked`.
    metrics : dict of str to Interval
        Percent.
    predictions, predictions_sha256 : str
        The file beside, and its hash: anyone can derive the numbers again.
    trained_with, predicted_with : Training and Environment, or None
        What made the checkpoint, and what made the predictions from it; None where it is not known
        or there was no training.
    details : dict
        What a method says of itself, see `Method.details`.
    """

    header: PredictionHeader
    kind: Kind
    pairs: int
    coverage: float
    invalid: dict[str, int]
    metrics: dict[str, Interval]
    predictions: str
    predictions_sha256: str
    trained_with: Training | None = None
    predicted_with: Environment | None = None
    time_s: dict[str, float] = Field(default_factory=dict)
    details: dict[str, float | str | None] = Field(default_factory=dict)


def _kind(method: str) -> Kind:
    if ".py:" in method:  # a name out of a file: it must not choose what is imported
        return "trained"
    try:
        kind: Kind = registered("method", method).info.kind
        return kind
    except UnknownNameError:
        return "trained"  # predictions from elsewhere: the row that claims least for itself


def scores_of(evaluation: Evaluation) -> dict[str, Any]:
    """Give the fields of a `Result` that are computed from predictions."""
    return {
        "pairs": len(evaluation.per_pair),
        "coverage": evaluation.coverage,
        "invalid": evaluation.invalid,
        "metrics": evaluation.metrics,
    }


def write_result(
    header: PredictionHeader,
    evaluation: Evaluation,
    predictions: Path,
    out: Path,
    **made: Any,
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
    **made
        What is known of how they were made: the last fields of `Result`.
    """
    result = Result(
        header=header,
        kind=_kind(header.method),
        **scores_of(evaluation),
        predictions=predictions.name,
        predictions_sha256=file_sha256(predictions),
        **made,
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
    value = read_json(path, MAX_RECORD_BYTES)
    if isinstance(value, dict) and "header" not in value and "predictions" in value:
        raise DataError(
            f"{path} was written by another version: name {value['predictions']} beside it instead "
            "(`vid2vidmr evaluate` scores it again)."
        )
    try:
        result = Result.model_validate(value)
    except ValidationError as error:
        raise DataError(f"{path} is not a result ({fault(error)}).") from None
    predictions = path.parent / Path(result.predictions).name
    try:
        same = predictions.is_file() and file_sha256(predictions) == result.predictions_sha256
    except (OSError, ValueError):  # a name that no file can have
        same = False
    if not same:
        raise DataError(
            f"{path} does not belong to {predictions.name} beside it: delete the folder "
            f"{path.parent} and run the bench again."
        )
    return result


def evaluate_file(
    path: Path,
    dataset: Dataset,
    split: str | None = None,
    protocol: str | None = None,
    only: Manifest | None = None,
) -> tuple[PredictionHeader | None, PairSet, Evaluation]:
    """Score a predictions file on a data set.

    Parameters
    ----------
    split, protocol : str, optional
        Of files without a header (QVHighlights form), by default test and official. A header says
        both; what is asked for must be the same.
    only : Manifest, optional
        Score only the pairs whose videos it lists as available.

    Returns
    -------
    header : PredictionHeader or None
        Its protocol is the one that was scored: it names the subset, if `only` restricts it.
    pairs : PairSet
        Those that were scored.
    evaluation : Evaluation

    Raises
    ------
    DataError
        If it is no predictions file or has none, or they were made for something else.
    """
    _require_predictions(path)
    header = read_header(path)
    if header is None:
        made_for = protocol or "official"
        pairs = dataset.pairs(split or "test").under(made_for, only=only)
    else:
        made_for = str(header.protocol)
        for what, asked, said in (
            ("split", split, header.split), ("protocol", protocol, made_for),
        ):  # fmt: skip
            if asked not in (None, said):
                raise DataError(
                    f"{path} says that it was made for the {what} {said!r}, {asked!r} is asked "
                    f"for: leave --{what} away, or predict for {asked!r}."
                )
        pairs = predicted_pairs(header, dataset, only)
        header = header.model_copy(update={"protocol": pairs.protocol})
    known = set(dataset.pair_ids(pairs.split)["pair_id"])
    predictions = read_predictions(path, known)[1]
    if not predictions:
        raise DataError(f"{path} has a header and no predictions: expected one line a pair.")
    if str(pairs.protocol) != made_for:  # what was predicted for a pair depends on no other
        left_out = known - set(pairs.table["pair_id"])
        predictions = [p for p in predictions if p.pair_id not in left_out]
    threshold = 0.5 if header is None else header.threshold
    return header, pairs, evaluate(predictions, pairs, threshold=threshold)


def _require_predictions(path: Path) -> None:
    """Refuse a result, which is easily given instead of the predictions beside it."""
    if path.suffix != ".json":
        return
    try:
        result = Result.model_validate(read_json(path, MAX_RECORD_BYTES))
    except (DataError, ValidationError):
        return  # what it is, its reader says
    raise DataError(
        f"{path} is a result, not predictions: give {path.parent / Path(result.predictions).name}"
        f" beside it; `vid2vidmr analyze {path}` shows what it says."
    )


def predicted_pairs(
    header: PredictionHeader, dataset: Dataset, only: Manifest | None = None
) -> PairSet:
    """Give the pairs that predictions were made for, as their header says.

    Parameters
    ----------
    only : Manifest, optional
        The one whose subset the header names; if it names none, the pairs are restricted to it.

    Raises
    ------
    DataError
        If they were made for another data set or other open targets, or for a subset whose
        manifest is not given.
    """
    for what, made_for, scored_on in (
        ("data set", header.dataset, dataset.name),
        ("data set fingerprint", header.dataset_fingerprint, dataset.fingerprint),
    ):
        if made_for != scored_on:
            raise DataError(
                f"These predictions of {header.method} were made for the {what} {made_for!r}, they "
                f"cannot be scored on {scored_on!r}: predict again, or score them on what they "
                "were made for."
            )
    pairs = dataset.pairs(header.split).under(header.protocol, only=only)
    here = pairs.targets and pairs.targets.key
    if pairs.protocol.has_targets and header.targets != here:
        raise DataError(
            f"These predictions of {header.method} were made for the open targets "
            f"{header.targets!r}, {dataset.name} has {here!r} now: predict again."
        )
    return pairs
