"""The predictions file: what a method found, pair by pair, and what it was made for.

JSON Lines. The first line is the header, every other line one pair::

    {"header": {"method": "matr", "seed": 0, "dataset": "minimatch", ...}}
    {"pair_id": "test-000017", "windows": [[start_s, end_s, score], ...]}

Under the protocol ``open`` a pair also has ``"exists": 0.87`` and the header ``targets`` and a
``threshold``.
Compressed where the name ends with ``.jsonl.gz``. The form of QVHighlights (``qid``,
``pred_relevant_windows``, no header) is read too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import (
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
    model_validator,
)

from vid2vidmr.data.protocols import OFFICIAL, Protocol
from vid2vidmr.errors import DataError, UserError
from vid2vidmr.files import read_jsonl, write_jsonl
from vid2vidmr.records import Prediction, Record, Split, fault

SECONDS_DECIMALS = 4
SCORE_DECIMALS = 6
_Line = TypeVar("_Line", bound=Record)
EXPECTED = '{"pair_id": "...", "windows": [[start_s, end_s, score], ...]}'


class PredictionHeader(Record):
    """What predictions were made with and for.

    Attributes
    ----------
    method : str
        Registered name.
    config : dict
        The method's config, as JSON.
    seed : int
        Seed of the method.
    protocol : Protocol
        In files its text, with its seed beside as ``protocol_seed``.
    encoder : str or None
        None for methods that look at no features.
    simulated : bool
        True if the features were simulated (see `vid2vidmr.features.simulated`).
    targets : str or None
        Under ``open``: which targets were drawn from, see `vid2vidmr.data.targets.Targets.key`.
    threshold : float
        Under ``open``: a target whose ``exists`` is not above is answered with nothing. Chosen on
        val.
    trained_on_val : bool
        True if it was fitted on val pairs, or took statistics of them, for lack of train pairs.
    """

    method: str
    preset: str | None = None
    config: dict[str, Any] = Field(default_factory=dict)
    seed: int = 0
    dataset: str
    dataset_fingerprint: str
    split: Split
    protocol: Protocol = OFFICIAL
    encoder: str | None = None
    simulated: bool = False
    targets: str | None = None
    threshold: float = 0.5
    trained_on_val: bool = False

    @model_validator(mode="before")
    @classmethod
    def _read_protocol(cls, value: Any) -> Any:
        if not isinstance(value, dict) or isinstance(value.get("protocol"), Protocol):
            return value
        value = dict(value)
        text, seed = value.get("protocol", "official"), value.pop("protocol_seed", 0)
        if not isinstance(text, str) or not isinstance(seed, int):
            raise ValueError("protocol is a text and protocol_seed a whole number")
        try:
            value["protocol"] = Protocol.parse(text, seed)
        except UserError as error:
            raise ValueError(str(error)) from None
        return value

    @model_serializer(mode="wrap")
    def _write_protocol(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written = {}
        for name, value in handler(self).items():
            if name == "targets" and not self.protocol.has_targets:
                continue
            if name == "threshold" and not self.protocol.is_open:
                continue
            written[name] = value
            if name == "protocol":
                written |= {name: str(self.protocol), "protocol_seed": self.protocol.seed}
        return written


def write_predictions(
    path: Path, header: PredictionHeader, predictions: Iterable[Prediction]
) -> None:
    """Write a predictions file, atomically.

    Seconds are rounded to 4 decimals and scores to 6, so that the file does not depend on the last
    bits of a processor's arithmetic. Windows keep their order, which decides between equal scores.
    """

    def lines() -> Iterator[dict[str, Any]]:
        yield {"header": header.model_dump(mode="json")}
        for prediction in predictions:
            windows = [
                [
                    round(start_s, SECONDS_DECIMALS),
                    round(end_s, SECONDS_DECIMALS),
                    round(score, SCORE_DECIMALS),
                ]
                for start_s, end_s, score in prediction.windows
            ]
            line: dict[str, Any] = {"pair_id": prediction.pair_id, "windows": windows}
            if prediction.exists is not None:
                line["exists"] = round(prediction.exists, SCORE_DECIMALS)
            yield line

    write_jsonl(path, lines())


def read_header(path: Path) -> PredictionHeader | None:
    """Read what a predictions file says it was made for; None where it says nothing.

    Raises
    ------
    DataError
        If it is no predictions file, or an empty one.
    """
    for number, value in read_jsonl(path):
        if isinstance(value, dict) and "header" in value:
            return _valid(PredictionHeader, value["header"], path, number)
        _valid(Prediction, _own_form(value), path, number)
        return None
    raise DataError(f"{path} is empty: expected {EXPECTED}.")


def read_predictions(
    path: str | Path, among: Collection[str] | None = None
) -> tuple[PredictionHeader | None, list[Prediction]]:
    """Read a predictions file.

    Parameters
    ----------
    among : collection of str, optional
        Ids of all pairs that there are: a line of another is refused when it is met.

    Returns
    -------
    header : PredictionHeader or None
        None where the file has none.
    predictions : list of Prediction

    Raises
    ------
    DataError
        If the file is missing, a line is not JSON or not a prediction, or a pair comes twice.

    Examples
    --------
    >>> import vid2vidmr as v
    >>> header, predictions = v.read_predictions("matr.jsonl")
    >>> v.evaluate(predictions, v.load_dataset(header.dataset).pairs(header.split))
    """
    path = Path(path)
    header: PredictionHeader | None = None
    predictions: list[Prediction] = []
    lines: dict[str, int] = {}
    for number, value in read_jsonl(path):
        if isinstance(value, dict) and "header" in value:
            if header is not None or predictions:
                raise DataError(f"{path}, line {number}: the header must be the first line.")
            header = _valid(PredictionHeader, value["header"], path, number)
            continue
        prediction = _valid(Prediction, _own_form(value), path, number)
        if among is not None and prediction.pair_id not in among:
            raise DataError(
                f"{path}, line {number}: the pair {prediction.pair_id!r} is not among the "
                f"{len(among)} that are scored: name the data set and split it was made for."
            )
        earlier = lines.setdefault(prediction.pair_id, number)
        if earlier != number:
            raise DataError(
                f"{path}, line {number}: the pair {prediction.pair_id!r} was already predicted in "
                f"line {earlier}; expected one line a pair."
            )
        predictions.append(prediction)
    return header, predictions


def _valid(record: type[_Line], value: Any, path: Path, number: int) -> _Line:
    try:
        return record.model_validate(value)
    except ValidationError as error:
        raise DataError(
            f"{path}, line {number}: {fault(error, 'the line')}; expected {EXPECTED}."
        ) from None


def _own_form(value: Any) -> Any:
    if isinstance(value, dict) and "qid" in value and "pair_id" not in value:
        return {
            "pair_id": str(value["qid"]),
            "windows": value.get("pred_relevant_windows"),
            "exists": value.get("pred_exist_score"),
        }
    return value
