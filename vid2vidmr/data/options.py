"""Options of builders, read from the signature and the docstring of `DatasetBuilder.build`."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from vid2vidmr.errors import UserError, nearest
from vid2vidmr.files import MAX_DIGITS


@dataclass(frozen=True)
class Option:
    """An option that is known by its name.

    Attributes
    ----------
    type : type
        As annotated; text where nothing is.
    help : str
        One line, what the docstring says.
    """

    name: str
    type: Any
    default: Any
    help: str

    @property
    def flag(self) -> str:
        """How it is written on a command line."""
        if self.name == "moments":
            return "MOMENTS"
        return f"--{self.name.removesuffix('_s').replace('_', '-')}"

    @property
    def dataclass(self) -> Any:
        """The dataclass that is expected, None for plain values."""
        kinds = (self.type, *get_args(self.type))
        return next((t for t in kinds if isinstance(t, type) and is_dataclass(t)), None)

    @property
    def parts(self) -> dict[str, Option]:
        """Where a dataclass is expected: those of its fields that it lists as `offered`."""
        fields = options_of(self.dataclass, "Attributes") if self.dataclass else {}
        return {name: fields[name] for name in getattr(self.dataclass, "offered", fields)}

    def typed(self, value: Any) -> Any:
        """Make a value, such as text, what is expected.

        Raises
        ------
        UserError
            If it is something else.
        """
        if not is_plain(value):
            return value
        try:
            made = TypeAdapter(self.type).validate_python(value)
        except ValidationError as error:
            found = error.errors()[0]["msg"]
            raise UserError(f"{self.flag} {value}: {found[0].lower()}{found[1:]}.") from None
        if isinstance(made, int | float) and not abs(made) < 10**MAX_DIGITS:  # or NaN
            raise UserError(f"{self.flag} {value}: expected a number that is not so large.")
        return made


def options_of(made_by: Callable[..., Any], section: str = "Parameters") -> dict[str, Option]:
    """Options of a function or class: its parameters but for `out`, by name.

    Parameters
    ----------
    section : str
        Of its docstring (NumPy's style), where the parameters are told.
    """
    told = described(made_by.__doc__, section)
    found = {}
    for parameter in inspect.signature(made_by).parameters.values():
        hidden = parameter.name == "out" or parameter.name.startswith("_")
        if not hidden and parameter.kind is not parameter.VAR_KEYWORD:
            found[parameter.name] = Option(
                parameter.name,
                _type(parameter, made_by.__module__),
                parameter.default,
                told.get(parameter.name, ""),
            )
    return found


def is_plain(value: object) -> bool:
    """Whether a value could have come from a command line."""
    return isinstance(value, str | int | float | Path)


def described(doc: str | None, section: str) -> dict[str, str]:
    """Names in a section of a docstring in NumPy's style to what is said of each, on one line."""
    text = inspect.cleandoc(doc or "").replace("`", "") + "\n"
    body = re.search(rf"^{section}\n-+\n(.*?)(?=^\S[^\n]*\n---|\Z)", text, re.M | re.S)
    entries = re.findall(r"^(\S[^:\n]*).*\n((?:[ ]+.*\n|\n)*)", body[1] if body else "", re.M)
    return {
        name.strip(): " ".join(said.split())
        for names, said in entries
        for name in names.split(",")
        if said.strip()
    }


def not_taken(name: str, given: str, taken: Iterable[str]) -> UserError:
    """Say that a data set does not take what was given, a flag or a flag and a value."""
    known = list(taken)
    close = nearest(given.split()[0], known)
    todo = f"did you mean {close}?" if close else "leave it out"
    takes = ", ".join(known) or "no options"
    return UserError(f"{given} does not apply to {name}: {todo} ({name} takes {takes}).")


def _type(parameter: inspect.Parameter, module: str) -> Any:
    annotation = parameter.annotation
    if annotation is parameter.empty:
        return str if parameter.default is None else type(parameter.default)
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, dict(vars(sys.modules[module])))
    except NameError:  # a name that is only imported for type checkers
        return str
