"""Where submissions lie, and the pairs they are scored on."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from leaderboard.strict import gunzip, parse_predictions, read_record
from leaderboard.submission import Run, Submission
from vid2vidmr.dataset import Dataset, load_dataset
from vid2vidmr.errors import DataError, UserError
from vid2vidmr.evaluation import Evaluation, evaluate
from vid2vidmr.pairs import PairSet
from vid2vidmr.predictions import PredictionHeader, check_header
from vid2vidmr.records import Prediction
from vid2vidmr.results import WRONG_QUERIES

HOME = Path(__file__).parent
SUBMISSIONS = HOME / "submissions"
SNAPSHOTS = HOME / "datasets"
"""Tables of data sets that take long to build: without videos, enough to score."""
FILE = "submission.json"


def read_submission(folder: Path) -> Submission:
    """Read the record in a folder.

    Raises
    ------
    DataError
        If it is not a submission, or lies under another data set or id than its own.
    """
    path = folder / FILE
    try:
        found = Submission.model_validate(read_record(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DataError(f"{path}: {place}: {first['msg']}.") from None
    if (found.dataset, found.id) != (folder.parent.name, folder.name):
        raise DataError(f"{path} says it is {found.dataset}/{found.id}: it lies in {folder}.")
    return found


def submission_folders(root: Path) -> list[Path]:
    """Folders of all submissions, sorted."""
    return sorted(path for path in root.glob("*/*") if not path.name.startswith("."))


def read_submissions(root: Path = SUBMISSIONS) -> list[tuple[Submission, Path]]:
    """All submissions with their folders."""
    return [(read_submission(folder), folder) for folder in submission_folders(root)]


def read_run_predictions(folder: Path, run: Run) -> tuple[PredictionHeader, list[Prediction]]:
    """Predictions of a run."""
    if Path(run.predictions).name != run.predictions:
        raise DataError(f"{folder}: {run.predictions!r} is not the name of a file beside it.")
    path = folder / run.predictions
    return parse_predictions(gunzip(path), path)


def board_dataset(name: str, fingerprint: str) -> Dataset:
    """Open the data set that was scored on: the one built here, or its snapshot.

    Raises
    ------
    DataError
        If neither has the fingerprint.
    """
    found: list[str] = []
    for place in (name, SNAPSHOTS / name):
        try:
            dataset = load_dataset(place)
        except UserError:
            continue
        if dataset.fingerprint == fingerprint:
            return dataset
        found.append(dataset.fingerprint)
    here = f"here is {' and '.join(found)}" if found else "it is not built here"
    raise DataError(
        f"{name} with the fingerprint {fingerprint} is needed, {here}: run `vid2vidmr build {name}`"
        " with the version that the predictions were made with."
    )


def run_pairs(dataset: Dataset, header: PredictionHeader) -> PairSet:
    """Pairs that predictions were made for.

    Raises
    ------
    DataError
        If they were made for other ones.
    """
    cut = header.protocol.removesuffix(WRONG_QUERIES)
    pairs = dataset.pairs(header.split).under(cut, header.protocol_seed)
    if cut != header.protocol:
        pairs = pairs.wrong_queries()
    check_header(header, dataset, pairs, header.protocol_seed)
    return pairs


def score(pairs: PairSet, predictions: list[Prediction]) -> Evaluation:
    """Score with the intervals that boards show."""
    return evaluate(pairs, predictions, resamples=1000, seed=0)
