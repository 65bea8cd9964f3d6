"""What a submission is: a card, and the runs whose predictions lie beside it.

::

    submissions/DATASET/ID/
        submission.json                   a `Submission`
        PROTOCOL-seedN.jsonl.gz           predictions, see `vid2vidmr.evaluation.predictions`
        PROTOCOL-wrong-queries-seedN.jsonl.gz
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from vid2vidmr.errors import DataError
from vid2vidmr.records import Interval, Kind, Record, Split

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,59}")
LINK = re.compile(r"https?://[^\s\"'\\]{3,300}")


class Card(Record):
    """What its submitter says of a method.

    Attributes
    ----------
    name : str
        Row of the table, such as ``matr@best``.
    title : str
        A line on what it is.
    kind : {"bias", "untrained", "trained"}
    authors, paper, code, licence : str or None
        Links are http or https.
    trained_on : str or None
        All that its weights have seen.
    encoder : str or None
    parameters : int or None
    contamination : {"yes", "no", "unknown"}
        Whether test videos or their annotations were in what it was trained on.
    contamination_source : str or None
        Where this is known from.
    notes : str or None
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
    parameters: int | None = None
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
    for field in ("paper", "code"):
        link = getattr(card, field)
        if link is not None and not LINK.fullmatch(link):
            raise DataError(f"{path}: {field} is not an http or https address.")


class Run(Record):
    """One predictions file, and what the evaluator made of it.

    Attributes
    ----------
    protocol : str
        ``official``, ``recropped``, or one of them with ``, wrong queries``.
    seed : int
    preset : str or None
    config : dict
    predictions : str
        File name beside the submission.
    predictions_sha256 : str
        Of the uncompressed file.
    coverage : float
    invalid : dict of str to int
    metrics : dict of str to Interval
        Percent, recomputed when submitted; `verify` computes them again.
    versions, commit, hardware, time_s, details
        As the submitter's result says; nobody can check them here.
    """

    protocol: str
    seed: int
    preset: str | None
    config: dict[str, Any]
    predictions: str
    predictions_sha256: str
    coverage: float
    invalid: dict[str, int]
    metrics: dict[str, Interval]
    versions: dict[str, str] | None = None
    commit: str | None = None
    hardware: str | None = None
    time_s: dict[str, float] | None = None
    details: dict[str, float | str | None] | None = None


class Submission(Record):
    """One method on one split of one data set.

    Attributes
    ----------
    id : str
        Name of its folder: letters, digits, ``.``, ``_`` and ``-``.
    submitted : str
        Date, ISO 8601.
    dataset, dataset_fingerprint : str
    synthetic, simulated : bool
        Rendered videos; features made without a video. Boards keep such submissions apart.
    split : {"train", "val", "test"}
    pairs : int
    card : Card
    runs : tuple of Run
    """

    id: str
    submitted: str
    dataset: str
    dataset_fingerprint: str
    synthetic: bool
    simulated: bool
    split: Split
    pairs: int
    card: Card
    runs: tuple[Run, ...]
