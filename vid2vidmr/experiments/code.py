"""A hash of the code that decides what a method learns and predicts.

It is part of a run's key. A warning would not do: a table must not mix what different code made,
and nobody reads the log of a night. So that nobody loses a training for nothing, comments,
docstrings and layout do not count, nor does code that the method does not import; what other code
made stays in its folder and can be named as a checkpoint.
"""

from __future__ import annotations

import ast
import hashlib
import sys
from functools import cache
from pathlib import Path

from vid2vidmr.errors import UserError

CORE = Path(__file__).parents[1]
ROOMS = ("alignment", "contract", "methods", "nn", "train", "windows")
"""Parts of the core that decide; features and data say themselves what made them."""


@cache
def code_hash(method: type) -> str:
    """Hash a method's package (or file), those of its base classes, and what they use of `ROOMS`.

    Raises
    ------
    UserError
        If its code is in no file.
    """
    return _hash([path for cls in method.__mro__ for path in _own_files(cls)], ROOMS)


@cache
def search_hash() -> str:
    """Hash the code that decides which windows of an archive a method reads."""
    return _hash([CORE / "archive" / "search.py"], (*ROOMS, "archive"))


@cache
def existence_hash() -> str:
    """Hash the code that makes probabilities of scores, and chooses what is rejected."""
    return _hash([CORE / "experiments" / "existence.py"], ())


def _hash(todo: list[Path], rooms: tuple[str, ...]) -> str:
    code: dict[Path, str] = {}
    while todo:
        path = todo.pop()
        if path not in code:
            code[path], imported = _read(path, path.stat().st_mtime_ns, rooms)
            todo += imported
    parts = sorted((path.parent.name, path.name, text) for path, text in code.items())
    return hashlib.sha256("\x1f".join(map("\x1e".join, parts)).encode()).hexdigest()


def _own_files(cls: type) -> list[Path]:
    """Files of a class: all of its package, or the one that it is in."""
    if cls.__module__.partition(".")[0] in sys.stdlib_module_names:
        return []
    module = sys.modules[cls.__module__]
    file = Path(getattr(module, "__file__", None) or "")
    if not file.is_file():
        raise UserError(f"The code of {cls.__name__} is in no file: write it into one.")
    alone = file.is_relative_to(CORE) or not module.__package__
    return [file] if alone else sorted(file.parent.rglob("*.py"))


@cache
def _read(path: Path, changed_ns: int, rooms: tuple[str, ...] = ROOMS) -> tuple[str, list[Path]]:
    """Code of a file, and the files that it imports anywhere: of `rooms`, or lying beside it."""
    tree = ast.parse(path.read_bytes())
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        if isinstance(body := getattr(node, "body", None), list):
            node.body = [line for line in body if not _is_text(line)]  # type: ignore[attr-defined]
    modules = []
    for name in names:
        top, *rest = name.split(".")
        if top != CORE.name:
            modules.append(path.parent / top)
        elif rest and rest[0] in rooms:
            modules.append(CORE.joinpath(*rest))
    files = [file for each in modules for file in (each.with_suffix(".py"), each / "__init__.py")]
    return ast.unparse(tree), [file for file in files if file.is_file()]


def _is_text(line: ast.stmt) -> bool:
    value = line.value if isinstance(line, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)
