"""Plug-ins are found by entry points, so that a third party adds one from outside.

Groups: ``vid2vidmr.methods`` (subclasses of `vid2vidmr.Method`), ``vid2vidmr.datasets``
(subclasses of `vid2vidmr.DatasetBuilder`), ``vid2vidmr.encoders`` (functions that load an encoder,
see `vid2vidmr.features.load`), ``vid2vidmr.reports`` (functions that give the rows of a
table of a publication by its name) and ``vid2vidmr.commands`` (Typer apps or functions that become
commands). ``vid2vidmr.method_groups`` are mappings of names to such subclasses: the method
``vlm:qwen3-vl-8b`` is ``qwen3-vl-8b`` of the group ``vlm``. Nothing is imported before it is asked
for. ``./early.py:Early`` is a class that no package registers.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module, metadata, reload
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vid2vidmr.errors import UnknownNameError, UserError
from vid2vidmr.records import fault

entry_points = cache(metadata.entry_points)
"""Of what is installed; a look through all packages, once a process and group."""
_SHOWN = {"dataset": "data set", "method_group": "group of methods"}
_from_files: list[EntryPoint] = []
"""What was asked for by its file, registered as long as this process lives."""
_read_at: dict[Path, int] = {}
"""When such a file had been written when it was read: a notebook edits it and asks again."""


def _entries(kind: str) -> dict[str, EntryPoint]:
    group = f"vid2vidmr.{kind}s"
    entries: dict[str, EntryPoint] = {}
    for entry in [*entry_points(group=group), *(e for e in _from_files if e.group == group)]:
        # An editable install can list the same entry twice: only a different target is a collision.
        if entry.name in entries and entries[entry.name].value != entry.value:
            raise UserError(
                f"Two packages register the {kind} {entry.name!r} ({entries[entry.name].value} and "
                f"{entry.value}): uninstall or rename one."
            )
        entries[entry.name] = entry
    return entries


def registered_names(kind: str) -> list[str]:
    """Names that are registered for a kind (``"method"``, ``"dataset"``, ...), sorted."""
    return sorted(_entries(kind))


def registered(kind: str, name: str) -> Any:
    """Import what is registered under a name.

    Parameters
    ----------
    kind : str
        Group of entry points without ``vid2vidmr.`` and the plural's s.
    name : str
        ``GROUP:NAME`` is a member of a mapping that is registered as ``{kind}_group``;
        ``PATH.py:CLASS`` is a class of a file, registered from then on by the name in its `info`.

    Raises
    ------
    UnknownNameError
        With the nearest registered name.
    UserError
        If it is the name of something of another kind, or cannot be imported.
    """
    path, is_file, member = name.rpartition(".py:")
    if is_file:
        return _from_file(kind, Path(f"{path}.py"), member)
    group, colon, member = name.partition(":")
    if colon:
        members = registered(f"{kind}_group", group)
        try:
            return members[member]
        except KeyError:
            known = [f"{group}:{each}" for each in members]
            raise UnknownNameError(kind, name, known) from None
    entries = _entries(kind)
    if name not in entries:
        shown = _SHOWN.get(kind, kind)
        for other in ("method", "dataset"):
            if name in registered_names(other):
                raise UserError(
                    f"{name} is a {_SHOWN.get(other, other)}, where another kind of name "
                    f"({shown}) was expected."
                )
        raise UnknownNameError(shown, name, entries)
    try:
        return entries[name].load()
    except ValidationError as error:
        raise UserError(
            f"The {kind} {name!r} cannot be imported: {error.title} {fault(error)}."
        ) from error
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"The {kind} {name!r} cannot be imported from {entries[name].value} ({error}): install "
            "what it needs, or uninstall the package that registers it."
        ) from error


def _from_file(kind: str, path: Path, member: str) -> Any:
    file = path.resolve()
    if not file.is_file():
        raise UserError(f"There is no file {path}: expected PATH.py:CLASS.")
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))  # spawned processes inherit it, and can import the class
    try:
        module, written = import_module(file.stem), file.stat().st_mtime_ns
        own = Path(module.__file__ or "").resolve() == file
        if own and _read_at.setdefault(file, written) != written:
            reload(module)
            _read_at[file] = written
    except ValidationError as error:
        raise UserError(f"{path} cannot be imported: {error.title} {fault(error)}.") from error
    except Exception as error:
        raise UserError(f"{path} cannot be imported: {type(error).__name__}: {error}.") from error
    if not own:
        raise UserError(
            f"{path} cannot be imported, {file.stem!r} is the name of another module "
            f"({module.__file__ or 'built in'}): rename the file."
        )
    if member not in vars(module):
        known = [name for name, value in vars(module).items() if isinstance(value, type)]
        raise UnknownNameError(f"class of {path}", member, known)
    found = getattr(module, member)
    name = getattr(getattr(found, "info", None), "name", None)
    entry = EntryPoint(str(name), f"{file.stem}:{member}", f"vid2vidmr.{kind}s")
    taken = _entries(kind).get(entry.name, entry)
    if taken != entry:
        raise UserError(
            f"{path}:{member} calls itself {name!r}, as {taken.value} does: give it another name."
        )
    if name is not None and entry not in _from_files:
        _from_files.append(entry)
    return found
