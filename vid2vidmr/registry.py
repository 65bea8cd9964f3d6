"""Plug-ins are found by entry points, so that a third party adds one from outside.

Groups: ``vid2vidmr.methods`` (subclasses of `vid2vidmr.Method`), ``vid2vidmr.datasets``
(subclasses of `vid2vidmr.DatasetBuilder`), ``vid2vidmr.encoders`` (functions that load an encoder,
see `vid2vidmr.features.load`), ``vid2vidmr.reports`` (functions that give the rows of a
table of a publication by its name) and ``vid2vidmr.commands`` (Typer apps or functions that become
commands). ``vid2vidmr.method_groups`` are mappings of names to such subclasses: the method
``vlm:qwen3-vl-8b`` is ``qwen3-vl-8b`` of the group ``vlm``. Nothing is imported before it is asked
for.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

from vid2vidmr.errors import UnknownNameError, UserError


def _entries(kind: str) -> dict[str, EntryPoint]:
    entries: dict[str, EntryPoint] = {}
    for entry in entry_points(group=f"vid2vidmr.{kind}s"):
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
        ``GROUP:NAME`` is a member of a mapping that is registered as ``{kind}_group``.

    Raises
    ------
    UnknownNameError
        With the nearest registered name.
    UserError
        If it cannot be imported.
    """
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
        shown = {"dataset": "data set", "method_group": "group of methods"}.get(kind, kind)
        raise UnknownNameError(shown, name, entries)
    try:
        return entries[name].load()
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"The {kind} {name!r} cannot be imported from {entries[name].value} ({error}): install "
            "what it needs, or uninstall the package that registers it."
        ) from error
