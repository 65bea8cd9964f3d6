"""Opening what a run left, by its result or its predictions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vid2vidmr.dataset import Dataset, load_dataset
from vid2vidmr.errors import DataError
from vid2vidmr.evaluation import Evaluation, evaluate
from vid2vidmr.pairs import PairSet
from vid2vidmr.predictions import PredictionHeader, read_predictions
from vid2vidmr.results import WRONG_QUERIES, predicted_pairs, read_result


@dataclass(frozen=True)
class Run:
    """Predictions, what they were made for, and their score.

    Attributes
    ----------
    header : PredictionHeader
    dataset : Dataset
    pairs : PairSet
        Under the protocol they were made for.
    evaluation : Evaluation
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


def open_run(path: Path, dataset: str | None = None) -> Run:
    """Open and score a run.

    Parameters
    ----------
    path : Path
        A result, whose predictions lie beside, or predictions (``.jsonl``) with a header.
    dataset : str, optional
        Name or folder of the data set; by default the name that the predictions give.

    Raises
    ------
    DataError
        If a file is not what it should be, or the data set is not that of the predictions.
    """
    run = _scored(path, dataset)
    protocol = run.header.protocol
    beside = path.absolute().parent
    other = beside.with_name(f"{beside.name}-wrong-queries") / path.name
    if protocol.endswith(WRONG_QUERIES) or not other.exists():
        return run
    wrong = _scored(other, str(run.dataset.path))
    if wrong.header != run.header.model_copy(update={"protocol": protocol + WRONG_QUERIES}):
        raise DataError(
            f"{other} is not of the same run as {path} with wrong queries: move one away."
        )
    return Run(run.header, run.dataset, run.pairs, run.evaluation, wrong.evaluation)


def _scored(path: Path, dataset: str | None) -> Run:
    file = path if path.suffix == ".jsonl" else path.parent / read_result(path).predictions
    header, predictions = read_predictions(file)
    if header is None:
        raise DataError(
            f"{file} has no header that says what it was made for: expected predictions of "
            "`vid2vidmr predict` or `bench`; score others with `vid2vidmr evaluate`."
        )
    built = load_dataset(header.dataset if dataset is None else dataset)
    pairs = predicted_pairs(header, built)
    return Run(header, built, pairs, evaluate(pairs, predictions))
