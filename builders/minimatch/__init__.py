"""minimatch: match-like broadcasts that the project renders itself, from a seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from builders.minimatch.builder import Minimatch

__all__ = ["Minimatch"]


def __getattr__(name: str) -> Any:
    # Late, so that a render worker starts without pandas and the core.
    if name == "Minimatch":
        from builders.minimatch.builder import Minimatch

        return Minimatch
    raise AttributeError(f"module 'builders.minimatch' has no attribute {name!r}")
