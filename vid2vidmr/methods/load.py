"""Methods, presets and checkpoints by name."""

from __future__ import annotations

import os.path
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from inspect import isabstract
from pathlib import Path
from typing import Any

from vid2vidmr.errors import DataError, UnknownNameError, UserError
from vid2vidmr.files import read_json
from vid2vidmr.methods.base import Method
from vid2vidmr.methods.checkpoint import NAME, read_checkpoint
from vid2vidmr.methods.info import MethodInfo
from vid2vidmr.methods.presets import checked_config
from vid2vidmr.registry import registered, registered_names


def preset_config(name: str, preset: str | None = None) -> Any:
    """Config of a preset; methods without presets of that kind give their only one.

    Parameters
    ----------
    preset : str, optional
        Name, or a JSON file such as `vid2vidmr tune` writes; by default the first preset.

    Raises
    ------
    DataError
        If the file holds no config of this method.
    UnknownNameError
        If a method that must be trained has no such preset.
    """
    cls, preset = method_class(name), preset_name(name, preset)
    if preset.endswith(".json"):
        return _config_file(cls, Path(preset))
    return cls.presets[preset]


def preset_name(name: str, preset: str | None = None) -> str:
    """Name of the preset that `preset_config` gives for a name; a file's is its path.

    Raises
    ------
    UnknownNameError
        If a method that must be trained has no such preset.
    """
    cls = method_class(name)
    if preset is not None and (preset.endswith(".json") or preset in cls.presets):
        return preset
    if preset is not None and cls.info.needs_training:
        raise UnknownNameError(f"preset of {name}", preset, cls.presets)
    return next(iter(cls.presets))


def preset_label(name: str, preset: str | None) -> str | None:
    """Name in tables of a preset that was asked for: of a file that `tune` wrote ``tuned``.

    Of one that it started from another preset than usual, ``tuned-PRESET``. None if the method has
    no such preset, and gives another one.
    """
    cls = method_class(name)
    if preset is None or not preset.endswith(".json"):
        return preset if preset in cls.presets else None
    start = Path(preset).stem.removeprefix(f"tuned-{cls.info.name}-")
    if start == Path(preset).stem:
        return start
    return "tuned" if start in ("small", next(iter(cls.presets))) else f"tuned-{start}"


def _config_file(cls: type[Method], path: Path) -> Any:
    value = read_json(path)
    if not isinstance(value, dict) or value.get("method") != cls.info.name:
        raise DataError(
            f"{path} holds no config of {cls.info.name}: expected "
            f'{{"method": "{cls.info.name}", "config": {{...}}}}.'
        )
    kind = type(next(iter(cls.presets.values())))
    return checked_config(kind, value.get("config"), f"{cls.info.name} in {path}")


def load_method(name: str, checkpoint: str | Path | None = None) -> Method:
    """Give a method ready to predict.

    Parameters
    ----------
    name : str
        Registered name, see ``vid2vidmr methods``, or ``PATH.py:CLASS``.
    checkpoint : str or Path, optional
        Folder written by training, or ``user/name`` of a repository of the Hub. Methods that
        must be trained need it; those that come trained do not.

    Raises
    ------
    UserError
        If the method must be trained and no checkpoint is given.

    Examples
    --------
    >>> import vid2vidmr as v
    >>> v.load_method("matr", "matr-1").retrieve("goal.mp4", "match.mp4").windows[0]
    >>> v.load_method("./early.py:Early")  # a class of your own, without installing it
    """
    cls = method_class(name)
    if checkpoint is not None:
        return cls.from_pretrained(checkpoint)
    if cls.info.needs_training:
        raise UserError(
            f"{name} must be trained: pass a checkpoint folder written by `vid2vidmr train {name}`."
        )
    return cls()


def require_methods(names: Sequence[str]) -> None:
    """Refuse names, ``METHOD@PRESET`` among them, of methods or presets that are not there.

    ``all`` and ``tuned``, as a method or as a preset, are left to who knows what they mean.

    Raises
    ------
    UnknownNameError
        With the nearest name.
    """
    for name in names:
        method, at, preset = name.partition("@")
        if method in ("all", "tuned"):
            continue
        presets = method_class(method).presets
        if at and preset != "tuned" and not preset.endswith(".json") and preset not in presets:
            raise UnknownNameError(f"preset of {method}", preset, presets)


def method_names() -> list[str]:
    """Names of all registered methods, sorted."""
    return registered_names("method")


def method_class(name: str) -> type[Method]:
    """Return the class registered for a method, or that of ``PATH.py:CLASS``.

    Raises
    ------
    UnknownNameError
        With the nearest registered name.
    UserError
        If it is no method; of a checkpoint, how it is given.
    """
    try:
        found: type[Method] = registered("method", name)
    except UnknownNameError:
        _refuse_path(name)
        raise
    if not (isinstance(found, type) and issubclass(found, Method) and not isabstract(found)):
        raise UserError(
            f"{name} is no method: expected a subclass of vid2vidmr.Method with predict."
        )
    if not isinstance(getattr(found, "info", None), MethodInfo):
        raise UserError(
            f"{name} does not say what it is: expected info = v.MethodInfo(name=..., ...)."
        )
    presets = getattr(found, "presets", None)
    if not (isinstance(presets, Mapping) and presets and all(map(_is_config, presets.values()))):
        raise UserError(
            f"{name} has no presets: expected a mapping of names to configs, instances of a "
            'dataclass, such as presets = {"default": MyConfig()}.'
        )
    return found


def _refuse_path(name: str) -> None:
    """Say how a checkpoint is given, where one is in the place of the method."""
    if os.path.isfile(os.path.join(name, NAME)):  # noqa: PTH113, PTH118 - never raises
        method, what = read_checkpoint(Path(name)).method, "a checkpoint"
    elif "/" in name:
        method, what = "METHOD", "a path"
    else:
        return
    raise UserError(
        f"{name} is {what}, where the name of a method was expected: give both, "
        f'load_method("{method}", "{name}") or {method} with --checkpoint {name}.'
    )


def _is_config(value: Any) -> bool:
    return is_dataclass(value) and not isinstance(value, type)


def method_group_names() -> list[str]:
    """Names of all groups of methods, sorted."""
    return registered_names("method_group")


def method_group(name: str) -> Mapping[str, type[Method]]:
    """Return the methods of a group by their names in it.

    Raises
    ------
    UnknownNameError
        With the nearest registered name.
    """
    return registered("method_group", name)  # type: ignore[no-any-return]
