"""Building a data set by name, with the options that it takes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

from vid2vidmr.dataset import Dataset, DatasetBuilder
from vid2vidmr.errors import UserError
from vid2vidmr.registry import dataset_builder


def build_dataset(name: str, out: Path, options: Mapping[str, Any] | None = None) -> Dataset:
    """Build a registered data set into a folder.

    Parameters
    ----------
    name : str
    out : Path
    options : mapping of str to value, optional
        Those that are None or False were not given. Which ones a data set takes are the keyword
        parameters of its `DatasetBuilder.build`; a text is made an int or a Path by its type.

    Raises
    ------
    UnknownNameError
        If there is no such data set.
    UserError
        If an option does not apply to it.
    """
    builder = dataset_builder(name)
    taken = _taken(builder)
    given = {k: v for k, v in (options or {}).items() if v is not None and v is not False}
    for option, value in given.items():
        if option not in taken:
            shown = _flag(option) if value is True or not _is_plain(value) else ""
            raise UserError(
                f"{shown or f'{_flag(option)} {value}'} does not apply to {name}: leave it out "
                f"({name} takes {', '.join(map(_flag, taken)) or 'no options'})."
            )
    return builder.build(out, **{k: _typed(k, v, taken[k]) for k, v in given.items()})


def _taken(builder: DatasetBuilder) -> dict[str, Any]:
    """Keyword parameters of a builder, with their types."""
    parameters = inspect.signature(builder.build).parameters.values()
    try:
        hints = get_type_hints(builder.build)
    except NameError:  # names that are only imported for type checkers
        hints = {}
    names = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and not p.name.startswith("_")]
    return {name: hints.get(name, int if name in ("videos", "seed") else None) for name in names}


def _typed(option: str, value: Any, hint: Any) -> Any:
    if not isinstance(value, str):
        return value
    if "Path" in str(hint):
        return Path(value)
    if "int" not in str(hint):
        return value
    try:
        return int(value)
    except ValueError:
        raise UserError(f"{_flag(option)} {value} is no number: expected a whole one.") from None


def _flag(option: str) -> str:
    return "MOMENTS" if option == "moments" else f"--{option.replace('_', '-')}"


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float | Path)
