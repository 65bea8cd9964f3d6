"""What builders share: facts verified against annotations, and the report of a build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vid2vidmr.errors import DataError, UserError
from vid2vidmr.records import read_record

if TYPE_CHECKING:
    import pandas as pd

    from vid2vidmr.data.dataset import Dataset
    from vid2vidmr.data.info import DatasetInfo


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


DAMAGED = "the annotation files are damaged: reinstall vid2vidmr"


def check_facts(title: str, facts: Sequence[Fact], todo: str = DAMAGED) -> None:
    """Print the facts as a table under a title and refuse annotations that differ.

    Parameters
    ----------
    todo : str
        What is wrong then, and what to do.

    Raises
    ------
    DataError
        Naming the first fact that does not hold.
    """
    show_facts(title, facts)
    for fact in facts:
        if not fact.holds:
            raise DataError(
                f"{title}: {fact.name} should be {_text(fact.expected)}, found "
                f"{_text(fact.found)}; {todo}."
            )


def show_facts(title: str, facts: Sequence[Fact]) -> None:
    """Print the facts as a table under a title."""
    from rich.console import Console
    from rich.table import Table

    table = Table("fact", "expected", "found", "", title=title)
    for fact in facts:
        mark = "[green]ok[/]" if fact.holds else "[red]differs[/]"
        table.add_row(fact.name, _text(fact.expected), _text(fact.found), mark)
    Console().print(table)


def licence(info: DatasetInfo) -> tuple[str, str]:
    """Say under which licence labels are that the user has, for `print_contents`."""
    return "licence", info.licence


def print_contents(
    dataset: Dataset,
    origin: str,
    missing: Sequence[tuple[str, str]] = (),
    notes: Sequence[tuple[str, str]] = (),
) -> None:
    """Print what a build holds, what it lacks, and what is odd about it.

    Parameters
    ----------
    origin : str
        Where video files come from that are not here, and what fetches them.
    missing : sequence of (str, str)
        What else is not there, and where it is to come from.
    notes : sequence of (str, str)
        What is odd, and what became of it.
    """
    from rich.console import Console
    from rich.table import Table

    table = Table("what", "state", title=f"{dataset.name} in {dataset.path}")
    for split, pairs in dataset.counts["pairs"].items():
        table.add_row(f"{split} pairs", f"[green]{_text(pairs)}[/]")
    table.add_row("moments", f"[green]{_text(dataset.counts['moments'])}[/]")
    gone = int(dataset.videos["path"].isna().sum())
    files = f"{gone:,} of {len(dataset.videos):,}; {origin}"
    for what, state in [*missing, *[("video files", files)] * bool(gone)]:
        table.add_row(what, f"[yellow]missing[/]: {state}")
    for what, state in notes:
        table.add_row(what, state)
    table.add_row("fingerprint", dataset.fingerprint)
    Console().print(table)


def missing_videos(
    video_id: pd.Series, source_id: pd.Series, duration_s: pd.Series
) -> pd.DataFrame:
    """Table of videos (`vid2vidmr.data.info.VIDEO_COLUMNS`) of which no file is here yet.

    `duration_s` is NaN where it is not known.
    """
    import pandas as pd

    none = pd.Series(None, index=video_id.index, dtype="str")
    return pd.DataFrame(
        {
            "video_id": video_id,
            "source_id": source_id,
            "path": none,
            "duration_s": duration_s,
            "sha256": none,
            "status": "missing",
        }
    )


def require_folder_of(name: str, out: Path) -> None:
    """Refuse to build into the folder of another data set."""
    path, there = out / "dataset.json", "choose another folder with --out"
    if not path.exists():
        return
    found = read_record(path, dict[str, Any], "description of a data set", there).get("name")
    if found != name:
        raise UserError(f"{out} holds the data set {found}: {there}.")


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} -> {item}" for key, item in value.items())
    if isinstance(value, set):
        return ", ".join(map(_text, sorted(value)))
    if isinstance(value, tuple):
        return ", ".join(map(_text, value))
    return f"{value:,}" if isinstance(value, int) else str(value)
