"""Commands that look behind scores: analyze and compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vid2vidmr.cli.options import AsJson
from vid2vidmr.cli.output import print_json

_RUN = "A result.json, or predictions (.jsonl) with a header."
Of = Annotated[
    str | None,
    typer.Option(help="Name or folder of the built data set (default: the name in the file)."),
]


def analyze(
    result: Annotated[Path, typer.Argument(metavar="RESULT", help=_RUN)],
    dataset: Of = None,
    out: Annotated[
        Path | None, typer.Option(help="Page to write (default: analysis.html beside).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say where a run's errors come from.

    Types of errors, and the points that mending each would give.

    The score by lengths, ratios, position, class and source.

    What it owes to its query, if bench left its run with wrong queries beside.

    Of open targets: what is answered and rejected, how sure it is, and how rightly.
    """
    from rich.console import Console

    from vid2vidmr.analysis import OpenAnalysis, analyse
    from vid2vidmr.analysis.page import analysis_page
    from vid2vidmr.analysis.terminal import analysis_lines, open_lines
    from vid2vidmr.files import write_text

    found = analyse(result, dataset)
    page = result.with_name("analysis.html") if out is None else out
    lines = open_lines(found) if isinstance(found, OpenAnalysis) else analysis_lines(found)
    write_text(page, analysis_page(found))
    if as_json:
        print_json({**found.model_dump(mode="json"), "page": str(page)})
        return
    Console().print(lines)
    typer.echo(f"Page: {page}")


def compare(
    first: Annotated[Path, typer.Argument(metavar="A", help=_RUN)],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another, on the same pairs.")],
    dataset: Of = None,
    top: Annotated[
        int, typer.Option(metavar="<int>", min=0, help="Pairs to name in either direction.")
    ] = 10,
    out: Annotated[Path | None, typer.Option(help="Page to write (default: none).")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare two runs pair by pair.

    Every metric's difference with its 95 % interval, and where they disagree most.
    """
    from rich.console import Console

    from vid2vidmr.analysis import compare as compare_runs
    from vid2vidmr.analysis.page import comparison_page
    from vid2vidmr.analysis.terminal import comparison_lines
    from vid2vidmr.files import write_text

    found = compare_runs(first, second, dataset, top=top)
    if out is not None:
        write_text(out, comparison_page(found))
    if as_json:
        print_json({**found.model_dump(mode="json"), "page": out and str(out)})
        return
    Console().print(comparison_lines(found))
    if out is not None:
        typer.echo(f"Page: {out}")
