"""The commands and their order; nothing heavy is imported before a command runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from vid2vidmr.cli import (
    analyses,
    archive,
    building,
    checkpoints,
    data,
    experiments,
    machine,
    methods,
    publishing,
    scores,
)
from vid2vidmr.cli.options import TakesDataset
from vid2vidmr.cli.usage import flowing
from vid2vidmr.registry import registered, registered_names

EPILOG = """
[bold]From nothing to a table[/] (the embedded data set needs no download):

  vid2vidmr build minimatch               [dim]render videos and annotations[/]

  vid2vidmr features --dataset minimatch  [dim]encode one frame every 2 s[/]

  vid2vidmr bench --dataset minimatch     [dim]train, predict, evaluate[/]

[bold]One video in another:[/]

  vid2vidmr retrieve goal.mp4 match.mp4 --encoder efficientnet-lite0

[bold]Hours of video:[/]

  vid2vidmr index matches --out archive --encoder efficientnet-lite0

  vid2vidmr search goal.mp4 --archive archive
"""

COMMANDS: dict[str, dict[Callable[..., None], str]] = {
    "Data": {
        building.build: "vid2vidmr build minimatch --videos 30 --out data/small",
        data.features: "vid2vidmr features --dataset minimatch --encoder efficientnet-lite0",
        data.datasets: "vid2vidmr datasets --json",
        publishing.export: (
            "vid2vidmr export --dataset minimatch --layout lighthouse --out lighthouse-data"
        ),
        publishing.push: "vid2vidmr push --dataset minimatch --to user/minimatch",
    },
    "Methods": {
        methods.methods: "vid2vidmr methods --json",
        methods.pretrain: "vid2vidmr pretrain matr --videos minimatch --out matr-pretrained",
        experiments.tune: "vid2vidmr tune moment_detr --dataset minimatch --trials 8",
        methods.train: "vid2vidmr train matr --dataset minimatch --seed 1 --out matr-1",
        methods.predict: (
            "vid2vidmr predict matr --dataset minimatch --checkpoint matr-1 --out matr.jsonl"
        ),
        methods.retrieve: (
            "vid2vidmr retrieve goal.mp4 match.mp4 --method matr --checkpoint matr-1 --json"
        ),
        checkpoints.import_checkpoint: (
            "vid2vidmr import-checkpoint matr model_best.ckpt --out matr-published"
        ),
    },
    "Archive": {
        archive.index: "vid2vidmr index matches --out archive --encoder efficientnet-lite0",
        archive.search: (
            "vid2vidmr search matches/cup.mp4@12:03-12:15 --archive archive --export goals.edl"
        ),
        archive.app: "vid2vidmr app --archive archive",
    },
    "Scores": {
        scores.bench: "vid2vidmr bench --dataset minimatch --methods matr,dtw-match --seeds 0,1,2",
        experiments.ablate: "vid2vidmr ablate matr --table 2 --dataset minimatch --seeds 3",
        scores.evaluate: "vid2vidmr evaluate matr.jsonl --dataset minimatch",
        analyses.analyze: "vid2vidmr analyze runs/minimatch/matr/KEY-seed0/official/result.json",
        experiments.runs: "vid2vidmr runs",
        analyses.compare: "vid2vidmr compare matr.jsonl dtw.jsonl --top 5 --out compared.html",
    },
    "This machine": {
        machine.info: "vid2vidmr info --json",
        machine.doctor: "vid2vidmr doctor",
    },
}
"""Panel of the help page to its commands, each with an example."""
TAKES_DATASET = (data.features, publishing.export, publishing.push)
SUBCOMMANDS: dict[Callable[..., None], dict[Callable[..., None], str]] = {
    methods.methods: {methods.show: "vid2vidmr methods show univtg"}
}
"""Command to commands below it."""


SETTINGS = {"help_option_names": ["-h", "--help"]}


class _InOrder(TyperGroup):
    """Lists its commands in the order of `COMMANDS`, groups among them, then registered ones.

    Those are imported when they are asked for, or listed.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        found = super().list_commands(ctx)
        order = [f.__name__.replace("_", "-") for few in COMMANDS.values() for f in few]
        return [*sorted(found, key=order.index), *registered_names("command")]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        known = super().get_command(ctx, cmd_name)
        if known is not None or cmd_name not in registered_names("command"):
            return known and flowing(known)
        single = found = registered("command", cmd_name)
        panel = getattr(getattr(found, "info", None), "rich_help_panel", None)
        if not isinstance(found, typer.Typer):
            single = typer.Typer(context_settings=SETTINGS, add_completion=False)
            single.command()(found)
        made: Any = typer.main.get_command(single)
        made.name = cmd_name
        made.rich_help_panel = panel if isinstance(panel, str) else "Leaderboard"
        return flowing(made)


app = typer.Typer(
    cls=_InOrder,
    name="vid2vidmr",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings=SETTINGS,
)
for _panel, _commands in COMMANDS.items():
    for _command, _example in _commands.items():
        _shown: dict[str, Any] = {
            "rich_help_panel": _panel,
            "epilog": f"Example: [bold]{_example}[/]",
        }
        if _command is building.build:
            _shown |= {"subcommand_metavar": "NAME [OPTIONS]", "options_metavar": ""}
            _group = typer.Typer(cls=building.Builders, callback=_command, no_args_is_help=True)
        elif _command not in SUBCOMMANDS:
            app.command(cls=TakesDataset if _command in TAKES_DATASET else None, **_shown)(_command)
            continue
        else:
            _group = typer.Typer(callback=_command, invoke_without_command=True)
        for _sub, _sub_example in SUBCOMMANDS.get(_command, {}).items():
            _group.command(epilog=f"Example: [bold]{_sub_example}[/]")(_sub)
        app.add_typer(_group, name=_command.__name__, **_shown)


def _version(asked: bool) -> None:
    if asked:
        from vid2vidmr import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Find the moment of one video in another, and measure how well a method does it."""
