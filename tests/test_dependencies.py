"""What is imported is declared in pyproject.toml, and what is declared is imported."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("vid2vidmr", "builders", "baselines", "leaderboard")
BESIDE = ("tests", "benchmarks")

NOT_IMPORTED = {
    # Others import them in our place: torch.utils.tensorboard, torch.onnx, SmolVLM's processor.
    "tensorboard", "onnx", "num2words",
    # OpenTimelineIO finds them by their entry points.
    "otio-cmx3600-adapter", "otio-fcpx-xml-adapter",
    # Run as commands; pandas-stubs is read by mypy, setuptools builds CONTRIBUTING's package.
    "import-linter", "mypy", "pandas-stubs", "pre-commit", "pytest-xdist", "ruff", "setuptools",
    # They make the guide; the kernel runs its notebook.
    "mkdocs", "mkdocs-material", "mkdocstrings", "ipykernel",
}  # fmt: skip


def imports(tree: ast.AST, lazy: bool = False) -> Iterator[tuple[str, bool]]:
    """Give the top-level name of every import, and whether it waits until something is called."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name.split(".")[0], lazy) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield (node.module or "").split(".")[0], lazy
        elif isinstance(node, ast.Call) and (name := imported_by_call(node)):
            yield name.split(".")[0], True
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        types = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        yield from imports(node, lazy or inside or types)


def imported_by_call(node: ast.Call) -> str | None:
    """Give "x" of ``import_module("x")``, ``find_spec("x")`` and ``importorskip("x")``."""
    called = getattr(node.func, "attr", getattr(node.func, "id", None))
    if called not in ("import_module", "find_spec", "importorskip") or not node.args:
        return None
    name = node.args[0]
    return name.value if isinstance(name, ast.Constant) and isinstance(name.value, str) else None


@cache
def imported(folders: tuple[str, ...]) -> dict[str, dict[bool, str]]:
    """Per name that is neither ours nor of Python: whether lazily -> a file that imports it."""
    files = [file for folder in folders for file in sorted((ROOT / folder).rglob("*.py"))]
    beside = {file.stem for folder in BESIDE for file in (ROOT / folder).rglob("*.py")}
    found: dict[str, dict[bool, str]] = {}
    for file in files:
        for name, lazy in imports(ast.parse(file.read_text("utf-8"))):
            if name not in {*PACKAGES, *beside, *sys.stdlib_module_names}:
                found.setdefault(name, {})[lazy] = str(file.relative_to(ROOT))
    return found


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


installed = cache(packages_distributions)


def distributions(name: str) -> frozenset[str]:
    """Give the distributions that a name can be imported from; its own where none is installed."""
    return frozenset(map(normal, installed().get(name, [name])))


@cache
def declared() -> dict[str, frozenset[str]]:
    """Names of the distributions of each extra; those that are always installed under ""."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lists = {"": project["dependencies"], **project["optional-dependencies"]}
    names = {
        extra: {normal(re.split(r"[\[<>=!~; ]", requirement)[0]) for requirement in requirements}
        for extra, requirements in lists.items()
    }
    return {extra: frozenset(found - {project["name"]}) for extra, found in names.items()}


@pytest.mark.parametrize("folders", [PACKAGES, BESIDE])
def test_what_is_imported_is_declared(folders: tuple[str, ...]) -> None:
    # The packages import an extra where it is used, and nothing of `dev`.
    leave = {"dev"} if folders == PACKAGES else set()
    extras = frozenset().union(*(declared()[extra] for extra in declared().keys() - leave))
    missing = {
        name: file
        for name, by_lazy in imported(folders).items()
        for lazy, file in by_lazy.items()
        if not distributions(name) & (extras if lazy or folders == BESIDE else declared()[""])
    }
    assert missing == {}


def test_what_is_declared_is_imported() -> None:
    used = frozenset().union(*map(distributions, imported(PACKAGES)))
    anywhere = used.union(*map(distributions, imported(BESIDE)))
    never = {
        extra: names - (anywhere if extra == "dev" else used) - NOT_IMPORTED
        for extra, names in declared().items()
    }
    assert {extra: sorted(names) for extra, names in never.items() if names} == {}


def test_exceptions_are_declared_and_not_imported() -> None:
    used = frozenset().union(*map(distributions, imported(PACKAGES)))
    assert frozenset().union(*declared().values()) >= NOT_IMPORTED
    assert used & NOT_IMPORTED == set()
