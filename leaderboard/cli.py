"""Commands of the leaderboard, see the entry points ``vid2vidmr.commands``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vid2vidmr.cli.options import AsJson
from vid2vidmr.cli.output import print_json, print_table
from vid2vidmr.text import counted

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="Build, serve and verify the leaderboard.",
)

Root = Annotated[
    Path | None, typer.Option("--submissions", help="Folder of submissions (default: our own).")
]


def submit(
    predictions: Annotated[
        list[Path] | None,
        typer.Argument(help="Predictions files, or folders of runs that bench wrote."),
    ] = None,
    card: Annotated[
        Path | None, typer.Option(help="What the method is, YAML, see --template.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "--submissions", help="Folder of them (default: the checkout's)."),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite one of this name.")] = False,
    template: Annotated[bool, typer.Option("--template", help="Print a card to fill in.")] = False,
) -> None:
    """Check predictions and add them to the leaderboard.

    Every number is computed again from the predictions. Nothing is written if anything is wrong.
    """
    from leaderboard.store import own_submissions
    from leaderboard.submit import TEMPLATE
    from leaderboard.submit import submit as take

    if template:
        typer.echo(TEMPLATE, nl=False)
        return
    if not predictions or card is None:
        raise typer.BadParameter("expected predictions and --card FILE (see --template).")
    folder = take(predictions, card, root=out or own_submissions(), replace=replace)
    typer.echo(f"Submitted: {folder}")


@app.command(epilog="Example: [bold]vid2vidmr leaderboard verify minimatch/matr[/]")
def verify(
    name: Annotated[
        str | None, typer.Argument(metavar="[DATASET/ID]", help="One submission (default: all).")
    ] = None,
    submissions: Root = None,
) -> None:
    """Derive every number of the board again from its predictions.

    Exit status 1 with a line a difference.
    """
    from leaderboard.store import SUBMISSIONS
    from leaderboard.verify import verify as check

    checked, differences = check(submissions or SUBMISSIONS, name)
    for line in differences:
        typer.echo(line, err=True)
    typer.echo(
        f"{counted(checked, 'predictions file')} scored, {counted(len(differences), 'difference')}."
    )
    if differences:
        raise typer.Exit(1)


@app.command(epilog="Example: [bold]vid2vidmr leaderboard reported --dataset sportsmoments[/]")
def reported(
    dataset: Annotated[str | None, typer.Option(help="Of one data set only.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what papers report, and what is wrong with it.

    These numbers were not reproduced here; they never share a table with ours.
    """
    from leaderboard.reported import CONTRADICTIONS, flags, reported_rows

    rows = [row for row in reported_rows() if dataset in (None, row.dataset)]
    if as_json:
        print_json(
            {
                "rows": [row.model_dump(mode="json") | {"flags": flags(row)} for row in rows],
                "contradictions": [c.model_dump(mode="json") for c in CONTRADICTIONS],
            }
        )
        return
    table = [
        [
            row.method, row.variant or "", row.dataset,
            *(f"{row.metrics[m]:.1f}" if m in row.metrics else "" for m in ("mIoU", "R1@0.5")),
            "!" if flags(row) else "",
        ]
        for row in rows
    ]  # fmt: skip
    print_table("Reported rows", ["method", "variant", "data set", "mIoU", "R1@0.5", ""], table)
    for citation in dict.fromkeys(row.citation for row in rows):
        typer.echo(f"Source: {citation}.")
    for text in dict.fromkeys(text for row in rows for text in flags(row)):
        typer.echo(f"! {text}")
    for note in CONTRADICTIONS:
        typer.echo(f"! {note.text}")


@app.command(epilog="Example: [bold]vid2vidmr leaderboard build --out site --videos[/]")
def build(
    out: Annotated[Path, typer.Option(help="Folder of the site.")] = Path("site"),
    submissions: Root = None,
    videos: Annotated[
        bool, typer.Option("--videos", help="With the videos of data sets that are built here.")
    ] = False,
    analyses: Annotated[
        bool,
        typer.Option("--analyses", help="With a page of the errors of every method."),
    ] = False,
) -> None:
    """Score every submission and write the leaderboard: pages, Markdown, CSV, LaTeX.

    The folder works offline from the file system, and is a static Space of Hugging Face as it is.
    """
    from leaderboard.site import build_site
    from leaderboard.store import SUBMISSIONS

    built = build_site(submissions or SUBMISSIONS, out, videos=videos, analyses=analyses)
    for name, reason in built.not_shown.items():
        typer.echo(f"Not shown: {name}: {reason}", err=True)
    for board in built.boards:
        pairs = counted(len(next(iter(board.pairs.values()))), "pair")
        entries = counted(len(board.entries), "submission")
        typer.echo(f"{board.slug}: {entries}, {', '.join(board.tables)}, {pairs}.")
    for pool in built.pools:
        rows = counted(len(pool.entries), "row")
        typer.echo(
            f"{pool.slug}: {rows} in all {len(pool.boards)} worlds, {', '.join(pool.tables)}."
        )
    if videos:
        typer.echo(f"{counted(built.videos, 'video')} to play.")
    typer.echo(f"Open {out / 'index.html'}, or run `vid2vidmr leaderboard serve --out {out}`.")


@app.command(epilog="Example: [bold]vid2vidmr leaderboard serve --out site[/]")
def serve(
    out: Annotated[Path, typer.Option(help="Folder of the site.")] = Path("site"),
    port: Annotated[
        int, typer.Option(help="0 for any that is free.", metavar="<int>", min=0, max=65535)
    ] = 8000,
) -> None:
    """Serve a site that was built, to this machine only."""
    from leaderboard.serve import HOST, server

    with server(out, port) as running:
        typer.echo(f"http://{HOST}:{running.server_address[1]}/ (Ctrl-C ends it)")
        running.serve_forever()
