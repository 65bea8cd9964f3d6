"""The house: no circle of imports, no file and no function that does not fit a reader's head."""

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("vid2vidmr", "builders", "baselines", "leaderboard")
MAX_FILE, MAX_FUNCTION = 400, 60


@cache
def _trees(*folders: str) -> dict[Path, ast.Module]:
    files = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return {path.relative_to(ROOT): ast.parse(path.read_text("utf-8")) for path in files}


def _graph(trees: dict[Path, ast.Module]) -> dict[str, set[str]]:
    """Module to the modules it imports: in functions and for types, too, and what they run.

    ``import a.b.c`` runs the ``__init__`` of ``a.b``, which is running already for modules in it.
    That of ``vid2vidmr`` itself runs nothing: its names are lazy.
    """
    names = {path: ".".join(path.with_suffix("").parts) for path in trees}
    names = {path: name.removesuffix(".__init__") for path, name in names.items()}
    known, graph = set(names.values()), {}
    for path, tree in trees.items():
        found = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0 and node.module, f"{path}: relative import"
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= inner & known if inner <= known else (inner & known) | {node.module}
        found &= known
        own = f"{names[path]}."
        parents = {".".join(p[:i]) for p in (n.split(".") for n in found) for i in range(2, len(p))}
        found |= {parent for parent in parents & known if not own.startswith(f"{parent}.")}
        graph[names[path]] = found - {names[path]}
    return graph


def _in_circles(graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """What is left when modules that import nothing left, or nothing left imports, go."""
    left = dict(graph)
    while True:
        imported = set().union(*left.values())
        kept = {n: i & left.keys() for n, i in left.items() if i & left.keys() and n in imported}
        if kept == left:
            return left
        left = kept


def test_no_circle_of_imports() -> None:
    circle = {"b": {"c"}, "c": {"b"}}
    assert _in_circles({"a": {"b"}, "b": {"c", "d"}, "c": {"b"}, "d": set()}) == circle
    assert _in_circles(_graph(_trees(*PACKAGES))) == {}


def test_no_file_is_above_400_lines() -> None:
    trees = _trees(*PACKAGES, "benchmarks", "tests")
    lines = {str(path): len((ROOT / path).read_text("utf-8").splitlines()) for path in trees}
    assert {path: count for path, count in lines.items() if count > MAX_FILE} == {}


def _length(function: ast.FunctionDef) -> int:
    """Lines without the docstring; of a command without its signature, which is its help page."""
    said = function.body[0] if ast.get_docstring(function) else None
    docstring = said.end_lineno - said.lineno + 1 if said else 0  # type: ignore[operator]
    command = any("typer" in ast.unparse(node) for node in function.args.args if node.annotation)
    first = function.body[0].lineno if command else function.lineno
    return (function.end_lineno or first) - first + 1 - docstring


def _functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_no_function_is_above_60_lines() -> None:
    lengths = {
        f"{path}: {function.name}": _length(function)
        for path, tree in _trees(*PACKAGES, "benchmarks").items()
        for function in _functions(tree)
    }
    assert {name: count for name, count in lengths.items() if count > MAX_FUNCTION} == {}


def test_no_two_test_files_have_one_name():
    """Without packages pytest takes the second for the first, and ends before any test."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
