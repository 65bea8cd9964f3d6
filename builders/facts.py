"""Facts that a builder verifies against the annotations, and the report that a build prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vid2vidmr.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

    from vid2vidmr.data.dataset import Dataset


@dataclass(frozen=True)
class Fact:
    """Something known of the annotations, and what was found in them.

    Attributes
    ----------
    name : str
        What was counted or measured.
    expected, found : object
        Equal where the fact holds.
    """

    name: str
    expected: Any
    found: Any

    @property
    def holds(self) -> bool:
        """Whether the annotations are as expected."""
        return bool(self.expected == self.found)


def check_facts(title: str, facts: Sequence[Fact]) -> None:
    """Print the facts as a table and refuse annotations that differ.

    Parameters
    ----------
    title : str
        Heading of the table.
    facts : sequence of Fact

    Raises
    ------
    DataError
        Naming the first fact that does not hold.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table("fact", "expected", "found", "", title=title)
    for fact in facts:
        mark = "[green]ok[/]" if fact.holds else "[red]differs[/]"
        table.add_row(fact.name, _text(fact.expected), _text(fact.found), mark)
    Console().print(table)
    for fact in facts:
        if not fact.holds:
            raise DataError(
                f"{title}: {fact.name} should be {_text(fact.expected)}, found "
                f"{_text(fact.found)}; the annotation files are damaged: reinstall vid2vidmr."
            )


def print_contents(
    dataset: Dataset,
    missing: Sequence[tuple[str, str]],
    notes: Sequence[tuple[str, str]] = (),
) -> None:
    """Print what a build holds, what it lacks, and what is odd about it.

    Parameters
    ----------
    dataset : Dataset
        The data set that was built.
    missing : sequence of (str, str)
        What is not there, and where it is to come from.
    notes : sequence of (str, str)
        What is odd, and what became of it.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table("what", "state", title=f"{dataset.name} in {dataset.path}")
    for split, pairs in dataset.counts["pairs"].items():
        table.add_row(f"{split} pairs", f"[green]{_text(pairs)}[/]")
    table.add_row("moments", f"[green]{_text(dataset.counts['moments'])}[/]")
    for what, state in missing:
        table.add_row(what, f"[yellow]missing[/]: {state}")
    for what, state in notes:
        table.add_row(what, state)
    table.add_row("fingerprint", dataset.fingerprint)
    Console().print(table)


def missing_videos(
    video_id: pd.Series, source_id: pd.Series, duration_s: pd.Series
) -> pd.DataFrame:
    """Table of videos of which no file is here yet.

    Parameters
    ----------
    video_id, source_id : Series of str
    duration_s : Series of float
        Seconds, NaN where not known.

    Returns
    -------
    DataFrame
        With the columns `vid2vidmr.data.info.VIDEO_COLUMNS`, status ``missing``.
    """
    import pandas as pd

    return pd.DataFrame(
        {
            "video_id": video_id,
            "source_id": source_id,
            "path": pd.Series(None, index=video_id.index, dtype="str"),
            "duration_s": duration_s,
            "sha256": pd.Series(None, index=video_id.index, dtype="str"),
            "status": "missing",
        }
    )


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} -> {item}" for key, item in value.items())
    if isinstance(value, set):
        return ", ".join(map(_text, sorted(value)))
    if isinstance(value, tuple):
        return ", ".join(map(_text, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
