"""What methods share beside their code: presets and their check, and what `tune` draws from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from functools import cache
from typing import Any

from pydantic import PydanticUserError, TypeAdapter, ValidationError

from vid2vidmr.errors import DataError, UnknownNameError
from vid2vidmr.records import fault

PAPER: dict[str, Any] = {"epochs": 200, "batch_size": 32, "pairs_per_epoch": 7218}
"""Training as published: an epoch has as many pairs as QVHighlights has training queries."""
SMALL: dict[str, Any] = {
    "epochs": 60,
    "pairs_per_epoch": 640,
    "batch_size": 32,
    "d": 64,
    "heads": 4,
    "ff": 128,
    "encoder_layers": 2,
    "dropout": 0.0,
    "input_dropout": 0.0,
    "query_positions": True,
    "learning_rate": 1e-3,
    "schedule": "cosine",
    "clip_norm": 1.0,
    "components": 128,
    "recrop": 0.5,
    "self_supervised": 0.5,
}
"""Minutes on a CPU; the same for every method, which adds what only it has.

Chosen on val of minimatch, see docs/results.md: with input dropout and without queries that are
clips of their target, the DETRs learned where moments lie and not which one is asked for.
"""
SEARCH: Mapping[str, Sequence[Any]] = {
    "learning_rate": (3e-4, 1e-3, 3e-3),
    "weight_decay": (1e-4, 1e-2),
    "recrop": (0.5, 1.0),
    "self_supervised": (0.0, 0.25, 0.5),
    "noise": (0.0, 0.3),
    "components": (64, 128),
    "d": (64, 128),
    "dropout": (0.0, 0.1),
    "input_dropout": (0.0, 0.1, 0.3),
}
"""What is worth trying of any method: training, and what all of them have."""


def with_variants(presets: Mapping[str, Any]) -> dict[str, Any]:
    """Add the variants of a method's presets: ``open``, and those of MATR's Table 1 (ICCV 2025).

    ``+V`` asks by video and ``+T`` by caption; ``zero-shot`` and ``finetuned`` start from a
    published checkpoint, which was trained on text and which the user gives. All but
    ``open`` and ``small-middle-frame`` change ``paper``.

    Returns
    -------
    dict
        The presets as they are, then the variants.
    """
    paper, small = presets["paper"], presets["small"]
    return {
        **presets,
        "open": replace(small, existence=True),
        "trained+V": paper,
        "finetuned+V": replace(paper, needs_init=True),
        "zero-shot+T": replace(paper, query="text", needs_init=True, epochs=0),
        "trained+T": replace(paper, query="text"),
        "finetuned+T": replace(paper, query="text", needs_init=True),
        "middle-frame": replace(paper, query="middle-frame"),
        "small-middle-frame": replace(small, query="middle-frame"),
    }


def checked_config(kind: type, values: Any, whose: str) -> Any:
    """Make a config of what a file says, by the annotations of its dataclass.

    Parameters
    ----------
    kind : type
        The dataclass; bounds of a field are those of pydantic (``Annotated[float, Field(ge=0)]``).
    values : mapping
        As JSON has them: a tuple is a list. Fields with a default may be left out.
    whose : str
        Of what it is a config, for messages.

    Raises
    ------
    DataError
        If a value is not of the type, the range or the choices of its field, or there is no such
        field.
    """
    if not isinstance(values, dict):
        raise DataError(f"The config of {whose} is not a table of fields: {values!r:.40}.")
    known = [field.name for field in fields(kind)]
    for name in values:
        if name not in known:
            unknown = UnknownNameError("field", name, known)
            raise DataError(f"The config of {whose} is not right: {unknown}")
    try:
        adapter = _adapter(kind)
    except (PydanticUserError, NameError):  # of somebody else's, with types that only it knows
        return kind(**values)
    try:
        return adapter.validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        given = error.errors()[0]
        found = "" if given["type"] == "missing" else f", not {given['input']!r:.60}"
        raise DataError(f"The config of {whose} is not right: {fault(error)}{found}.") from None


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
