"""Taking a submission in: everything is checked and computed again before anything is written."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import ValidationError

from leaderboard.store import FILE, SUBMISSIONS, board_dataset, run_pairs, score
from leaderboard.strict import (
    MAX_BYTES,
    MAX_RECORD_BYTES,
    decode,
    parse_predictions,
    read_bytes,
    read_record,
    require_plain,
)
from leaderboard.submission import Card, Run, Submission, require_card, submission_id
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.errors import DataError
from vid2vidmr.evaluation.metrics import AP_WINDOWS
from vid2vidmr.evaluation.predictions import PredictionHeader
from vid2vidmr.progress import progress
from vid2vidmr.records import Prediction, Result

MAX_RUNS = 100
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


def read_card(path: Path) -> Card:
    """Read a card, YAML or JSON; the fields are those of `Card`.

    Raises
    ------
    DataError
        If it is no card; anchors and tags of YAML are refused.
    """
    text = decode(read_bytes(path, MAX_RECORD_BYTES), path)
    try:
        events = list(yaml.parse(text, Loader=yaml.SafeLoader))
        if any(isinstance(event, yaml.AliasEvent) for event in events):
            raise DataError(f"{path} uses an alias of YAML: write the value out.")
        value = yaml.safe_load(text)
        require_plain(value, path.name)
        if isinstance(value, dict) and isinstance(value.get("contamination"), bool):
            value["contamination"] = "yes" if value["contamination"] else "no"  # YAML's yes and no
        card = Card.model_validate(value)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            reason = f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"
        else:
            reason = str(error).splitlines()[0] if str(error) else "nested too deeply"
        raise DataError(
            f"{path} is no card ({reason}): see `vid2vidmr submit --template`."
        ) from None
    require_card(card, path)
    return card


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
        wrote, of which test predictions are taken, right and wrong queries.
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
    files = [file for path in predictions for file in _files(path)]
    if not files or len(files) > MAX_RUNS:
        raise DataError(f"There are {len(files)} predictions files: expected 1 to {MAX_RUNS}.")
    runs: dict[str, tuple[Run, bytes]] = {}
    datasets: dict[tuple[str, str], Dataset] = {}
    first: PredictionHeader | None = None
    pairs = 0
    with progress(f"Checking {described.name}", len(files)) as bar:
        for file in files:
            header, run, data, pairs = _checked(file, datasets)
            first = first or header
            _require_alike(first, header, file)
            if run.predictions in runs:
                raise DataError(f"{file}: {run.protocol}, seed {run.seed} comes twice.")
            runs[run.predictions] = run, data
            bar.advance()
    assert first is not None
    dataset = datasets[first.dataset, first.dataset_fingerprint]
    submission = Submission(
        id=submission_id(described),
        submitted=dt.datetime.now(dt.UTC).date().isoformat(),
        dataset=dataset.name,
        dataset_fingerprint=dataset.fingerprint,
        synthetic=dataset.info.synthetic,
        simulated=False,
        split=first.split,
        pairs=pairs,
        card=described,
        runs=tuple(run for _, (run, _) in sorted(runs.items())),
    )
    record = submission.model_dump(mode="json")
    require_plain(record, str(card))
    text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    if len(text.encode()) > MAX_RECORD_BYTES:
        raise DataError(f"The record of {described.name} exceeds {MAX_RECORD_BYTES:,} bytes.")
    folder = root / dataset.name / submission.id
    if folder.exists() and not replace:
        raise DataError(f"{folder} exists: choose another name, or pass --replace.")
    beside = folder.with_name(f".tmp-{folder.name}")
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir(parents=True)
    try:
        (beside / FILE).write_text(text, encoding="utf-8")
        for name, (_, data) in runs.items():
            (beside / name).write_bytes(gzip.compress(data, mtime=0))
        old = folder.with_name(f".old-{folder.name}")
        shutil.rmtree(old, ignore_errors=True)
        if folder.exists():
            folder.rename(old)
        beside.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    except BaseException:
        shutil.rmtree(beside, ignore_errors=True)
        raise
    return folder


def _files(path: Path) -> list[Path]:
    if path.is_symlink() or not path.is_dir():
        return [path]
    found = [
        file
        for file in sorted(path.glob("*/predictions.jsonl"))
        if not file.parent.name.startswith(("val-", "train-"))
    ]
    if not found:
        raise DataError(f"{path} is no folder of a run: it has no */predictions.jsonl.")
    return found


def _checked(
    file: Path, datasets: dict[tuple[str, str], Dataset]
) -> tuple[PredictionHeader, Run, bytes, int]:
    """Check a predictions file and score it: header, run, bytes to store, number of pairs."""
    header, predictions = parse_predictions(read_bytes(file, MAX_BYTES), file)
    if header.simulated:
        raise DataError(
            f"{file}: features were simulated; such predictions say nothing about a method on "
            "video and stand on no board."
        )
    if header.split == "train":
        raise DataError(f"{file}: these are train pairs; boards show test (or val).")
    if header.protocol_seed != 0:
        raise DataError(f"{file}: boards have the cuts of protocol seed 0.")
    asked = header.dataset, header.dataset_fingerprint
    if asked not in datasets:  # its tables are hashed
        datasets[asked] = board_dataset(*asked)
    dataset = datasets[asked]
    pairs = run_pairs(dataset, header)
    answered = {prediction.pair_id for prediction in predictions}
    if missing := [p for p in pairs.table["pair_id"] if p not in answered]:
        raise DataError(
            f"{file} lacks {len(missing)} of {len(pairs)} pairs, such as {missing[0]}: give pairs "
            "without an answer an empty list of windows."
        )
    kept = [
        Prediction(
            pair_id=prediction.pair_id,
            windows=tuple(sorted(prediction.windows, key=lambda w: -w[2])[:AP_WINDOWS]),
        )
        for prediction in predictions
    ]
    data = _as_bytes(header, kept)
    # Score what is stored: numbers are rounded there.
    _, stored = parse_predictions(data, file)
    evaluation = score(pairs, stored)
    claims = _claims(file)
    slug = header.protocol.replace(", ", "-").replace(" ", "-")
    run = Run(
        protocol=header.protocol,
        seed=header.seed,
        preset=header.preset,
        config=header.config,
        predictions=f"{slug}-seed{header.seed}.jsonl.gz",
        predictions_sha256=hashlib.sha256(data).hexdigest(),
        coverage=evaluation.coverage,
        invalid=evaluation.invalid,
        metrics=evaluation.metrics,
        versions=claims and claims.versions,
        commit=claims and claims.commit,
        hardware=claims and claims.hardware,
        time_s=claims and claims.time_s,
        details=(claims and claims.details) or None,
    )
    return header, run, data, len(pairs)


def _as_bytes(header: PredictionHeader, predictions: list[Prediction]) -> bytes:
    lines = [{"header": header.model_dump(mode="json")}]
    lines += [
        {
            "pair_id": p.pair_id,
            "windows": [[round(s, 3), round(e, 3), round(x, 6)] for s, e, x in p.windows],
        }
        for p in predictions
    ]
    text = "".join(
        json.dumps(line, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"
        for line in lines
    )
    return text.encode()


def _claims(file: Path) -> Result | None:
    """Read the result beside a predictions file, which says how it was made."""
    path = file.with_name("result.json")
    if not path.exists():
        return None
    try:
        return Result.model_validate(read_record(path))
    except ValidationError as error:
        raise DataError(f"{path} is not a result: {error.errors()[0]['msg']}.") from None


def _require_alike(first: PredictionHeader, header: PredictionHeader, file: Path) -> None:
    for what in (
        "method",
        "preset",
        "config",
        "dataset",
        "dataset_fingerprint",
        "split",
        "encoder",
    ):
        if getattr(first, what) != getattr(header, what):
            raise DataError(
                f"{file} has another {what.replace('_', ' ')} than the first file: a submission is "
                "one method with one config on one split."
            )
