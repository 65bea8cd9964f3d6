"""Variants of a method's config that make up a table of its paper, see `Method.ablations`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Variant:
    """One row of an ablation.

    Attributes
    ----------
    changes : mapping
        Fields of the config that it is trained with.
    decoding : mapping
        Fields that only change how the trained model predicts: the training is shared.
    pretraining : mapping or None
        Fields of the config for self-supervised pretraining on the train videos, and ``augmented``
        and ``level`` (see `vid2vidmr.train.pretrain.pretrain`); None for none. With ``epochs`` 0 in
        `changes` the row is zero-shot: what pretraining left predicts without any labelled pair.
    paper : mapping
        Fields that find the row in the paper's table; empty if it has none.
    """

    name: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    decoding: Mapping[str, Any] = field(default_factory=dict)
    pretraining: Mapping[str, Any] | None = None
    paper: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ablation:
    """A table of a paper.

    Attributes
    ----------
    report, table : str
        Registered report of the paper (entry points ``vid2vidmr.reports``), and the table's name in
        it.
    reported : mapping of str to str
        Data sets of the paper, as rows of the report name them, to the headings of their columns.
    preset : str
        What the variants change, if nobody says otherwise.
    variants : tuple of Variant
        Those that a config refuses (with a `UserError`) are left out for it.
    """

    title: str
    report: str
    table: str
    reported: Mapping[str, str]
    preset: str
    variants: tuple[Variant, ...]
