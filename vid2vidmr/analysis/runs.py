"""Opening what a run left, by its result or its predictions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from vid2vidmr.data.dataset import Dataset, load_dataset
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.data.protocols import WRONG_QUERIES
from vid2vidmr.errors import DataError
from vid2vidmr.evaluation import Evaluation, evaluate
from vid2vidmr.evaluation.predictions import PredictionHeader, read_predictions
from vid2vidmr.evaluation.results import predicted_pairs, read_result
from vid2vidmr.records import Prediction

SAME = ("dataset", "dataset_fingerprint", "split", "protocol", "protocol_seed")
"""What two headers must share to be compared."""


@dataclass(frozen=True)
class Run:
    """Predictions, what they were made for, and their score.

    Attributes
    ----------
    pairs : PairSet
        Under the protocol they were made for.
    wrong : Evaluation or None
        The same run with wrong queries, where `bench` left it in the folder beside.
    """

    header: PredictionHeader
    dataset: Dataset
    pairs: PairSet
    evaluation: Evaluation
    wrong: Evaluation | None = None

    @property
    def name(self) -> str:
        """Method, preset and seed."""
        preset = f"@{self.header.preset}" if self.header.preset else ""
        return f"{self.header.method}{preset}, seed {self.header.seed}"


def open_run(path: Path, dataset: str | Path | None = None) -> Run:
    """Open and score a run.

    Parameters
    ----------
    path : Path
        A result, whose predictions lie beside, or predictions (``.jsonl``) with a header.
    dataset : str or Path, optional
        Name, folder or repository of the data set; by default the name that the predictions give.

    Raises
    ------
    DataError
        If a file is not what it should be, or the data set is not that of the predictions.
    """
    run = _scored(_read(path), dataset)
    right, beside = run.header.protocol, path.absolute().parent
    if right.is_wrong or right.is_open:
        return run
    asked = right.then(WRONG_QUERIES)
    other = beside.with_name(beside.name + asked.slug.removeprefix(right.slug)) / path.name
    if not other.exists():
        return run
    wrong = _read(other)
    if wrong[0] != run.header.model_copy(update={"protocol": asked}):
        raise DataError(
            f"{other} is not of the same run as {path} with wrong queries: move one away."
        )
    return replace(run, wrong=_scored(wrong, str(run.dataset.path)).evaluation)


def open_two(first: Path, second: Path, dataset: str | Path | None = None) -> tuple[Run, Run]:
    """Open two runs on the same pairs, as `open_run` does.

    Raises
    ------
    DataError
        If they were made for different pairs, too: says what differs.
    """
    one, two = _read(first), _read(second)
    a, b = (read[0].model_dump() for read in (one, two))
    for field in SAME:
        if a[field] != b[field]:
            raise DataError(
                f"{first} and {second} cannot be compared: their {field.replace('_', ' ')} "
                f"differs, {a[field]!r} and {b[field]!r}; expected two runs on the same pairs."
            )
    run = _scored(one, dataset)
    return run, _scored(two, str(run.dataset.path))


def _read(path: Path) -> tuple[PredictionHeader, list[Prediction]]:
    if path.is_dir():
        below = sorted(str(file) for file in path.rglob("result.json"))[:4]
        raise DataError(
            f"{path} is a folder: expected the result.json or the predictions of one run"
            + (f", such as {', '.join(below)}." if below else ".")
        )
    given = path.name.endswith((".jsonl", ".jsonl.gz"))
    file = path if given else path.parent / read_result(path).predictions
    header, predictions = read_predictions(file)
    if header is None:
        raise DataError(
            f"{file} has no header that says what it was made for: expected predictions of "
            "`vid2vidmr predict` or `bench`; score others with `vid2vidmr evaluate`."
        )
    return header, predictions


def _scored(read: tuple[PredictionHeader, list[Prediction]], dataset: str | Path | None) -> Run:
    header, predictions = read
    if header.protocol.is_archive:
        raise DataError(
            f"These predictions of {header.method} are of the protocol archive: what is analysed "
            "are targets of a query's own; see their result.json."
        )
    built = load_dataset(header.dataset if dataset is None else dataset)
    pairs = predicted_pairs(header, built)
    return Run(header, built, pairs, evaluate(predictions, pairs, threshold=header.threshold))
