"""What a submission is: a card, and the runs whose predictions lie beside it.

::

    submissions/DATASET/ID/
        submission.json                   a `Submission`
        PROTOCOL-seedN.jsonl.gz           predictions, see `vid2vidmr.evaluation.predictions`
        PROTOCOL-wrong-queries-seedN.jsonl.gz
"""

from __future__ import annotations

import datetime as dt
import math
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from vid2vidmr.data.protocols import OPEN, PROTOCOLS
from vid2vidmr.errors import DataError
from vid2vidmr.evaluation.predictions import PredictionHeader
from vid2vidmr.evaluation.results import Result
from vid2vidmr.records import Kind, Record

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,59}")
LINK = re.compile(r"https?://[^\s\"'\\]{3,300}")
MADE_WITH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+:/-]{0,79}")
"""Names of methods, presets and encoders."""
BOARDS = (*PROTOCOLS, OPEN)
"""Protocols that have boards."""
MAX_RUNS = 100
MAX_VALUE = 1e9
"""Of what a submitter says in numbers: 30 years in seconds."""
FIRST_DAY = dt.date(2025, 1, 1)
"""No board is older."""
_OF_THE_SITE = re.compile(r".*\.(js|html)|(con|prn|aux|nul|com\d|lpt\d)(\..*)?|.*\.", re.IGNORECASE)
"""Names of files of a site, and those that Windows has none for."""


class Card(Record):
    """What its submitter says of a method.

    Attributes
    ----------
    name : str
        Row of the table, such as ``matr@paper``.
    title : str
        A line on what it is.
    authors, paper, code, licence : str or None
        Links are http or https.
    trained_on : str or None
        All that its weights have seen.
    contamination : {"yes", "no", "unknown"}
        Whether test videos or their annotations were in what it was trained on.
    contamination_source : str or None
        Where this is known from.
    """

    name: str
    title: str
    kind: Kind
    authors: str | None = None
    paper: str | None = None
    code: str | None = None
    licence: str | None = None
    trained_on: str | None = None
    encoder: str | None = None
    parameters: Annotated[int, Field(ge=0, le=10**15)] | None = None
    contamination: Literal["yes", "no", "unknown"] = "unknown"
    contamination_source: str | None = None
    notes: str | None = None


def submission_id(card: Card) -> str:
    """Name of the folder: the card's, without signs that addresses use."""
    return card.name.replace("@", "-").replace("+", "-")


def require_card(card: Card, path: Path) -> None:
    """Refuse names and links that could do harm on a page or in a path.

    Raises
    ------
    DataError
    """
    if not NAME.fullmatch(card.name):
        raise DataError(
            f"{path}: the name {card.name!r} is not of letters, digits and . _ @ + - (60 at most)."
        )
    if _OF_THE_SITE.fullmatch(submission_id(card)):
        raise DataError(f"{path}: the name {card.name!r} is that of a file: choose another.")
    if not card.title.strip():
        raise DataError(f"{path}: the title says nothing: expected a line on what the method is.")
    for field in ("paper", "code"):
        link = getattr(card, field)
        if link is not None and not LINK.fullmatch(link):
            raise DataError(f"{path}: {field} is not an http or https address.")


class Submission(Record):
    """One method on one split of one data set.

    Attributes
    ----------
    id : str
        Name of its folder: letters, digits, ``.``, ``_`` and ``-``.
    submitted : str
        Date, ISO 8601.
    runs : tuple of Result
        One a predictions file. The hash is that of the uncompressed file; scores are computed here,
        what made a run is taken over as the submitter's result says.
    """

    id: str
    submitted: str
    card: Card
    runs: tuple[Result, ...] = Field(min_length=1, max_length=MAX_RUNS)

    @property
    def header(self) -> PredictionHeader:
        """That of the first run; what `require_alike` names is so in all."""
        return self.runs[0].header

    @property
    def dataset(self) -> str:
        """Registered name."""
        return self.header.dataset


def require_alike(first: PredictionHeader, header: PredictionHeader, where: Path) -> None:
    """Refuse runs of several methods, configs or splits in one submission.

    Raises
    ------
    DataError
    """
    for what in (
        "method", "preset", "config", "dataset", "dataset_fingerprint", "split", "encoder",
    ):  # fmt: skip
        if getattr(first, what) != getattr(header, what):
            raise DataError(
                f"{where} has another {what.replace('_', ' ')} than the first file: a submission "
                "is one method with one config on one split."
            )


def require_board(header: PredictionHeader, where: Path) -> None:
    """Refuse predictions that no board shows.

    Raises
    ------
    DataError
    """
    if header.simulated:
        raise DataError(
            f"{where}: features were simulated; such predictions say nothing about a method on "
            "video and stand on no board."
        )
    if header.split == "train":
        raise DataError(f"{where}: these are train pairs; boards show test (or val).")
    if header.protocol.seed != 0:
        raise DataError(f"{where}: boards have the cuts of protocol seed 0.")
    if header.protocol.subset:
        raise DataError(f"{where}: boards have all pairs of a split, these are of a subset.")
    if str(header.protocol.right) not in BOARDS or len(header.protocol.changes) > 1:
        raise DataError(
            f"{where}: these are {header.protocol}; boards have {', '.join(BOARDS)}, and wrong "
            "queries of the first two."
        )
    if not 0 <= header.threshold <= 1:
        raise DataError(f"{where}: the threshold is {header.threshold:g}, expected 0 to 1.")
    if header.seed < 0:
        raise DataError(f"{where}: the seed is {header.seed}, expected 0 or more.")
    for what in ("method", "preset", "encoder"):
        name = getattr(header, what)
        if name is not None and not MADE_WITH.fullmatch(name):
            raise DataError(
                f"{where}: the {what} {name!r} is not of letters, digits and . _ @ + : / - (80 at "
                "most)."
            )


def require_claims(submission: Submission, where: Path) -> None:
    """Refuse what nobody can have measured, and days on which nobody can have submitted.

    Raises
    ------
    DataError
    """
    try:
        day = dt.date.fromisoformat(submission.submitted)
    except ValueError:
        day = dt.date.min
    tomorrow = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)  # where it is day already
    if submission.submitted != day.isoformat() or not FIRST_DAY <= day <= tomorrow:
        raise DataError(
            f"{where}: it was submitted on {submission.submitted!r}, expected a day from "
            f"{FIRST_DAY} to today, such as {tomorrow}."
        )
    for run in submission.runs:
        for name, seconds in run.time_s.items():
            if not 0 <= seconds <= MAX_VALUE:
                raise DataError(
                    f"{where}: a run says {seconds:g} s for {name}, expected 0 to {MAX_VALUE:g}."
                )
        for name, value in run.details.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise DataError(f"{where}: a run says {value} for {name}, expected a number.")
