"""Where submissions lie, and the pairs they are scored on."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from leaderboard.strict import (
    MAX_BYTES,
    MAX_LINE,
    STORED_LINE,
    gunzip,
    parse_header,
    parse_predictions,
    read_record,
)
from leaderboard.submission import (
    Submission,
    require_alike,
    require_board,
    require_card,
    require_claims,
    submission_id,
)
from vid2vidmr.data.dataset import Dataset, data_home, load_dataset
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.errors import DataError, UserError
from vid2vidmr.evaluation import Evaluation, evaluate
from vid2vidmr.evaluation.predictions import PredictionHeader
from vid2vidmr.evaluation.results import Result, scores_of
from vid2vidmr.records import fault
from vid2vidmr.text import plain

HOME = Path(__file__).parent
SUBMISSIONS = HOME / "submissions"
SNAPSHOTS = HOME / "datasets"
"""Tables of data sets without videos: enough to score in a fresh clone."""
FILE = "submission.json"


def own_submissions() -> Path:
    """Give the folder of submissions that a new one goes into by default.

    Raises
    ------
    UserError
        Outside a checkout: who writes into an installed package has written nowhere.
    """
    if not (HOME.parent / "pyproject.toml").exists():
        raise UserError(
            f"{SUBMISSIONS} is part of an installed package: give a folder with --out, then open a "
            "pull request with what is in it."
        )
    return SUBMISSIONS


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
    value = read_record(path)
    if isinstance(value, dict) and "dataset_fingerprint" in value:
        raise DataError(f"{path} was written by vid2vidmr 0.1: submit its predictions again.")
    try:
        found = Submission.model_validate(value)
    except ValidationError as error:
        raise DataError(f"{path}: {fault(error)}.") from None
    require_card(found.card, path)
    require_claims(found, path)
    for run in found.runs:
        require_board(run.header, path)
        require_alike(found.header, run.header, path)
        if run.kind != found.card.kind:
            raise DataError(f"{path}: a run is {run.kind}, its card says {found.card.kind}.")
    if (found.dataset, found.id) != (folder.parent.name, folder.name):
        raise DataError(f"{path} says it is {found.dataset}/{found.id}: it lies in {folder}.")
    if found.id != submission_id(found.card):
        raise DataError(
            f"{path}: the id of {found.card.name} is {submission_id(found.card)}, not {found.id}."
        )
    return found


def read_submissions(root: Path) -> tuple[dict[Path, Submission], dict[str, str]]:
    """Read all submissions; whatever is wrong with one is told, and is its own.

    Returns
    -------
    found : dict of Path to Submission
        Folders in order.
    refused : dict of str to str
        ``DATASET/ID`` to the reason.
    """
    read, refused = {}, {}
    for folder in submission_folders(root):
        with refusing(folder, refused):
            read[folder] = read_submission(folder)
    first: dict[str, Submission] = {}  # who came first keeps the name
    for each in sorted(read.values(), key=lambda each: (each.submitted, each.dataset, each.id)):
        first.setdefault(each.id.casefold(), each)
    found = {}
    for folder, submission in read.items():
        with refusing(folder, refused):
            other = first[submission.id.casefold()]
            if submission.id != other.id:
                raise DataError(
                    f"the id {submission.id} differs from {other.dataset}/{other.id} in capitals "
                    "only: choose another name."
                )
            found[folder] = submission
    return found, refused


@contextmanager
def refusing(folder: Path, refused: dict[str, str]) -> Iterator[None]:
    """Note why a submission is refused, if the block says so.

    Errors that nobody thought of are refusals, too: a stranger's file must not stop the board.
    """
    try:
        yield
    except Exception as error:
        name = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
        refused[plain(f"{folder.parent.name}/{folder.name}")] = plain(f"{name}{error}")


def submission_folders(root: Path) -> list[Path]:
    """Everything that lies where submissions do, sorted; `read_submission` says what is none."""
    found = [path for path in root.glob("*") if not path.name.startswith(".")]
    inner = [sub for path in found if _is_folder(path) for sub in path.glob("*")]
    return sorted([path for path in found if not _is_folder(path)] + inner)


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
    for folder in (Path(name), data_home() / name, SNAPSHOTS / name):
        if not (folder / "dataset.json").exists():
            continue
        try:
            dataset = load_dataset(folder)
        except UserError as error:
            found.append(str(error))
            continue
        if dataset.fingerprint == fingerprint:
            return dataset
        found.append(f"here is {dataset.fingerprint}")
    here = "; ".join(dict.fromkeys(found)) or "it is not built here"
    raise DataError(
        f"{name} with the fingerprint {fingerprint} is needed ({here}): build it, see "
        "`vid2vidmr build --help`, with the version that the predictions were made with."
    )


def rescore(
    run: Result, folder: Path, pairs_of: Callable[[PredictionHeader], PairSet]
) -> tuple[Result, Evaluation]:
    """Score the predictions of a run again.

    Parameters
    ----------
    run : Result
        As the submission states it.
    folder : Path
        Of the submission.
    pairs_of : callable
        Gives the pairs that a header names.

    Raises
    ------
    DataError
        If the predictions are not those that were submitted, or were made for something else than
        the submission states.
    """
    path = folder / run.predictions
    if path.name != run.predictions:
        raise DataError(f"{run.predictions!r} is not the name of a file beside the submission.")
    pairs = pairs_of(run.header)
    known = set(pairs.table["pair_id"])
    data = gunzip(path, min(MAX_BYTES, MAX_LINE + STORED_LINE * len(known)))
    if hashlib.sha256(data).hexdigest() != run.predictions_sha256:
        raise DataError("the predictions are not those that were submitted (another hash).")
    header = parse_header(data, path)
    stated = run.header.model_dump()
    for field, value in header.model_dump().items():
        if value != stated[field]:
            raise DataError(
                f"{field} is {value!r} in the predictions, {stated[field]!r} beside them."
            )
    evaluation = evaluate(parse_predictions(data, path, known), pairs, threshold=header.threshold)
    return run.model_copy(update=scores_of(evaluation)), evaluation
