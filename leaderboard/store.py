"""Where submissions lie, and the pairs they are scored on."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from leaderboard.strict import gunzip, parse_predictions, read_record
from leaderboard.submission import Run, Submission, require_card, submission_id
from vid2vidmr.data.dataset import Dataset, load_dataset
from vid2vidmr.data.fingerprint import fingerprint as fingerprint_of
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.data.protocols import WRONG_QUERIES
from vid2vidmr.errors import DataError, UserError
from vid2vidmr.evaluation import Evaluation, evaluate
from vid2vidmr.evaluation.predictions import PredictionHeader, check_header
from vid2vidmr.records import Prediction

HOME = Path(__file__).parent
SUBMISSIONS = HOME / "submissions"
SNAPSHOTS = HOME / "datasets"
"""Tables of data sets without videos: enough to score in a fresh clone."""
FILE = "submission.json"


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def read_submission(folder: Path) -> Submission:
    """Read the record in a folder.

    Raises
    ------
    DataError
        If it is not a submission, or lies under another data set or id than its own.
    """
    if not _is_folder(folder):
        raise DataError(f"{folder} is not the folder of a submission: links and files are refused.")
    path = folder / FILE
    try:
        found = Submission.model_validate(read_record(path))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise DataError(f"{path}: {place}: {first['msg']}.") from None
    require_card(found.card, path)
    if (found.dataset, found.id) != (folder.parent.name, folder.name):
        raise DataError(f"{path} says it is {found.dataset}/{found.id}: it lies in {folder}.")
    if found.id != submission_id(found.card):
        raise DataError(
            f"{path}: the id of {found.card.name} is {submission_id(found.card)}, not {found.id}."
        )
    return found


def submission_folders(root: Path) -> list[Path]:
    """Everything that lies where submissions do, sorted; `read_submission` says what is none."""
    found = [path for path in root.glob("*") if not path.name.startswith(".")]
    inner = [sub for path in found if _is_folder(path) for sub in path.glob("*")]
    return sorted([path for path in found if not _is_folder(path)] + inner)


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
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name):
        raise DataError(f"{name!r} is not the name of a data set.")
    found: list[str] = []
    for place in (name, SNAPSHOTS / name):
        try:
            dataset = load_dataset(place)
        except UserError:
            continue
        if dataset.fingerprint == fingerprint:
            require_own_tables(dataset)
            return dataset
        found.append(dataset.fingerprint)
    here = f"here is {' and '.join(found)}" if found else "it is not built here"
    raise DataError(
        f"{name} with the fingerprint {fingerprint} is needed, {here}: run `vid2vidmr build {name}`"
        " with the version that the predictions were made with."
    )


def require_own_tables(dataset: Dataset) -> None:
    """Refuse a data set whose tables are not those that its fingerprint is of.

    Raises
    ------
    DataError
    """
    pairs = {
        split: pd.read_parquet(dataset.path / "pairs" / f"{split}.parquet")
        for split in dataset.splits
    }
    if fingerprint_of(dataset.info, dataset.moments, pairs) != dataset.fingerprint:
        raise DataError(
            f"{dataset.path}: the tables are not those of the fingerprint {dataset.fingerprint}: "
            f"build {dataset.name} again."
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
    return evaluate(predictions, pairs, resamples=1000, seed=0)
