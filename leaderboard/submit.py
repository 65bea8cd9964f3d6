"""Taking a submission in: everything is checked and computed again before anything is written."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from leaderboard.doubts import kind_of, with_wrong_queries
from leaderboard.store import FILE, SUBMISSIONS, board_dataset
from leaderboard.strict import (
    MAX_BYTES,
    gunzip,
    parse_header,
    parse_predictions,
    read_bytes,
    read_record,
    require_plain,
)
from leaderboard.submission import (
    BOARDS,
    MAX_RUNS,
    Card,
    Submission,
    require_alike,
    require_board,
    require_card,
    require_claims,
    submission_id,
)
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.errors import DataError
from vid2vidmr.evaluation import Evaluation, evaluate
from vid2vidmr.evaluation.predictions import PredictionHeader, write_predictions
from vid2vidmr.evaluation.results import Result, predicted_pairs, scores_of
from vid2vidmr.files import MAX_RECORD_BYTES, decode
from vid2vidmr.progress import progress, tell
from vid2vidmr.records import Kind, fault
from vid2vidmr.text import plain

MAX_CARD_BYTES, MAX_CARD_DEPTH = 2**16, 8
TEMPLATE = """\
name: my-method            # row of the table: letters, digits and . _ @ + -
title: One line on what it is
kind: trained              # trained, untrained, or bias (never looks at the query)
authors: null
paper: null                # http or https
code: null
licence: null
trained_on: null           # all that its weights have seen
encoder: null
parameters: null           # a number
contamination: unknown     # yes, no or unknown: were test videos or annotations seen in training?
contamination_source: null
notes: null
"""

_UNTOUCHED = [line.partition("#")[0].strip() for line in TEMPLATE.splitlines()]


def read_card(path: Path) -> Card:
    """Read a card, YAML or JSON; the fields are those of `Card`.

    Raises
    ------
    DataError
        If it is no card; anchors and tags of YAML are refused.
    """
    text = decode(read_bytes(path, MAX_CARD_BYTES), path)
    try:
        _require_flat(text, path)
        value = yaml.safe_load(text)
        require_plain(value, path.name)
        if isinstance(value, dict) and isinstance(value.get("contamination"), bool):
            value["contamination"] = "yes" if value["contamination"] else "no"  # YAML's yes and no
        card = Card.model_validate(value)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        said = str(error).splitlines() or ["nested too deeply"]
        reason = fault(error) if isinstance(error, ValidationError) else plain(said[0])
        raise DataError(
            f"{path} is no card ({reason}): see `vid2vidmr submit --template`."
        ) from None
    require_card(card, path)
    return card


def _require_flat(text: str, path: Path) -> None:
    """Refuse YAML that takes long: deep nesting is read in quadratic time, aliases multiply."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise DataError(f"{path} uses an alias of YAML: write the value out.")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_CARD_DEPTH:
            raise DataError(f"{path} is no card: it is nested too deeply.")


def submit(
    predictions: Sequence[Path],
    card: Path,
    *,
    root: Path = SUBMISSIONS,
    replace: bool = False,
) -> Path:
    """Check predictions of a method, compute every number again, and store them.

    Parameters
    ----------
    predictions : sequence of Path
        Predictions files, one a protocol and seed, or folders of runs that `vid2vidmr bench`
        wrote, of which test predictions are taken, of the protocols that have boards, right and
        wrong queries.
    card : Path
        See `read_card`.
    root : Path
        Folder of submissions.
    replace : bool
        Overwrite a submission of the same data set and name.

    Returns
    -------
    Path
        The folder written: all of it or nothing.

    Raises
    ------
    DataError
        Says what is wrong; nothing was written.
    """
    described = read_card(card)
    for name in ("name", "title"):
        if f"{name}: {getattr(described, name)}" in _UNTOUCHED:
            raise DataError(f"{card} has the {name} of the template: say what your method is.")
    files = [file for path in predictions for file in _files(path)]
    if not files or len(files) > MAX_RUNS:
        raise DataError(f"There are {len(files)} predictions files: expected 1 to {MAX_RUNS}.")
    with tempfile.TemporaryDirectory() as work:
        runs: dict[str, tuple[Result, Evaluation]] = {}
        datasets: dict[tuple[str, str], Dataset] = {}
        pairs: dict[str, PairSet] = {}
        with progress(f"Checking {described.name}", len(files)) as bar:
            for file in files:
                run, evaluation = _checked(file, described.kind, datasets, pairs, Path(work))
                first, _ = next(iter(runs.values()), (run, None))
                require_alike(first.header, run.header, file)
                if run.predictions in runs:
                    header = run.header
                    raise DataError(f"{file}: {header.protocol}, seed {header.seed} comes twice.")
                runs[run.predictions] = run, evaluation
                bar.advance()
        submission = Submission(
            id=submission_id(described),
            submitted=dt.datetime.now(dt.UTC).date().isoformat(),
            card=described,
            runs=tuple(runs[name][0] for name in sorted(runs)),
        )
        require_claims(submission, card)
        (dataset,) = datasets.values()
        kind_of(submission, dataset, pairs, with_wrong_queries(list(runs.values())))
        _write_record(submission, Path(work) / FILE)
        folder = root / submission.dataset / submission.id
        _require_free(folder)
        if folder.exists() and not replace:
            raise DataError(f"{folder} exists: choose another name, or pass --replace.")
        _place(Path(work), folder)
    return folder


def _require_free(folder: Path) -> None:
    """Refuse a name that another has but for capitals: some disks hold one of the two."""
    for other in folder.parent.parent.glob("*/*"):
        if other.name != folder.name and other.name.casefold() == folder.name.casefold():
            raise DataError(
                f"{folder.name} differs from {other} in capitals only: choose another name."
            )


def _write_record(submission: Submission, path: Path) -> None:
    record = submission.model_dump(mode="json")
    require_plain(record, submission.card.name)
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if len(text.encode()) > MAX_RECORD_BYTES:
        raise DataError(f"The record of {submission.card.name} exceeds {MAX_RECORD_BYTES:,} bytes.")
    path.write_text(text, encoding="utf-8")


def _place(work: Path, folder: Path) -> None:
    """Make a folder of what is in `work`, all of it or nothing; an older one goes."""
    beside, old = (folder.with_name(f".{what}-{folder.name}") for what in ("tmp", "old"))
    for left in (beside, old):
        shutil.rmtree(left, ignore_errors=True)
    try:
        shutil.copytree(work, beside)
        if folder.exists():
            folder.rename(old)
        beside.rename(folder)
    finally:
        for left in (beside, old):
            shutil.rmtree(left, ignore_errors=True)


def _files(path: Path) -> list[Path]:
    if path.is_symlink() or not path.is_dir():
        return [path]
    every = sorted(path.glob("*/predictions.jsonl"))
    if not every:
        raise DataError(f"{path} is no folder of a run: it has no */predictions.jsonl.")
    found = [file for file in every if file.parent.name.startswith(BOARDS)]
    others = ", ".join(file.parent.name for file in every if file not in found)
    boards = f"boards have test predictions under {', '.join(BOARDS)}"
    if not found:
        raise DataError(f"{path} has predictions under {others} alone: {boards}.")
    if others:
        tell(f"{path}: left out {others}; {boards}.")
    return found


def _checked(
    file: Path,
    kind: Kind,
    datasets: dict[tuple[str, str], Dataset],
    of_protocol: dict[str, PairSet],
    work: Path,
) -> tuple[Result, Evaluation]:
    """Check a predictions file, leave in `work` what is stored of it, and score that.

    The data set and the pairs are added to what is open.
    """
    data = read_bytes(file, MAX_BYTES)
    header = parse_header(data, file)
    require_board(header, file)
    asked = header.dataset, header.dataset_fingerprint
    if asked not in datasets:  # its tables are hashed
        datasets[asked] = board_dataset(*asked)
    pairs = of_protocol[str(header.protocol)] = predicted_pairs(header, datasets[asked])
    known = set(pairs.table["pair_id"])
    kept = parse_predictions(data, file, known)
    if missing := known - {prediction.pair_id for prediction in kept}:
        raise DataError(
            f"{file} lacks {len(missing)} of {len(known)} pairs, such as {min(missing)}: give "
            "pairs without an answer an empty list of windows."
        )
    claims = _claims(file, header, hashlib.sha256(data).hexdigest())
    stored = work / f"{header.protocol.slug}-seed{header.seed}.jsonl.gz"
    write_predictions(stored, header, kept)
    data = gunzip(stored)
    evaluation = evaluate(parse_predictions(data, file, known), pairs, threshold=header.threshold)
    result = Result(
        header=header,
        kind=kind,
        **scores_of(evaluation),
        predictions=stored.name,
        predictions_sha256=hashlib.sha256(data).hexdigest(),
        **claims,
    )
    return result, evaluation


def _claims(file: Path, header: PredictionHeader, sha256: str) -> dict[str, Any]:
    """Read the result beside a predictions file, which says how it was made."""
    path = file.with_name("result.json")
    if not path.exists():
        return {}
    try:
        claims = Result.model_validate(read_record(path))
    except ValidationError as error:
        raise DataError(f"{path} is not a result ({fault(error)}).") from None
    if (claims.header, claims.predictions_sha256) != (header, sha256):
        raise DataError(
            f"{path} is the result of other predictions ({claims.header.method}, seed "
            f"{claims.header.seed}) than {file.name} beside it: run the bench again, or move one."
        )
    return {
        name: getattr(claims, name)
        for name in ("trained_with", "predicted_with", "time_s", "details")
    }
