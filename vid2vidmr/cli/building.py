"""The command ``build``: one command a registered data set, with the options of its builder."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import typer
from typer.core import TyperCommand, TyperGroup

from vid2vidmr.cli.options import LONGEST
from vid2vidmr.cli.output import count, print_json, print_table
from vid2vidmr.cli.usage import flowing
from vid2vidmr.data.options import Option, not_taken
from vid2vidmr.errors import UnknownNameError, UserError
from vid2vidmr.registry import registered_names
from vid2vidmr.text import counted

STATUS = "Build nothing: tell which videos are here, and why."
JSON = "With --status: print JSON, for programs."
METAVARS = {int: "<int>", float: "<float>", Path: "<path>"}


def build() -> None:
    """Build a data set: videos, moments, pairs.

    A build that was stopped continues when called again.

    Each data set has its own options, see vid2vidmr build NAME --help.

    What the data sets are tells vid2vidmr datasets.
    """


class Builders(TyperGroup):
    """A command for each registered data set; builders are imported when one is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: D102
        return registered_names("dataset")

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Give what lists and completion show: nothing but a name."""
        return TyperCommand(cmd_name, rich_help_panel="Data sets")

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the builder that is asked for."""
        if args[0] in registered_names("dataset"):
            return args[0], _command(args[0]), args[1:]
        if ctx.resilient_parsing:  # completion, behind a name that nobody knows
            return None, None, args[1:]
        raise UnknownNameError("data set", args[0], registered_names("dataset"))


class _OfBuilder(TyperCommand):
    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        flags = (flag for param in self.params for flag in (*param.opts, *param.secondary_opts))
        known = {flag for flag in flags if flag.startswith("--")}
        for flag in (arg.partition("=")[0] for arg in args):
            if flag.startswith("--") and flag not in {*known, "--", "--help"}:
                raise not_taken(str(self.name), flag, sorted(known))
        return super().parse_args(ctx, args)


def _command(name: str) -> Any:
    """Make the command that builds a data set."""
    from vid2vidmr.data.builder import (
        build_dataset,
        builder_options,
        dataset_builder,
        usual_folder,
    )

    builder = dataset_builder(name)
    options = builder_options(builder)

    def run(
        context: typer.Context, out: Path | None, status: bool, as_json: bool, **given: Any
    ) -> None:
        asked = {k: _value(o, given) for k, o in options.items()}
        if status:
            _status(usual_folder(name, asked) if out is None else out, as_json)
            return
        if as_json:
            raise UserError("--json is of --status: add it, or leave --json out.")
        if context.args:
            raise not_taken(name, f"MOMENTS {context.args[0]}", (o.flag for o in options.values()))
        built = build_dataset(name, out, asked)
        typer.echo(f"{built.name} is built in {built.path} (fingerprint {built.fingerprint}).")

    about = re.split(r"\n\n\w+\n---", inspect.getdoc(builder) or "")[0].replace("`", "")
    run.__doc__ = f"{builder.info.title}.\n\n{about}"
    run.__annotations__ = {}
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            _keyword("context", typer.Context),
            *(_parameter(option) for option in options.values()),
            _keyword(
                "out",
                Annotated[
                    Path | None,
                    typer.Option(help="Folder to build into (default: in data, by its name)."),
                ],
            ),
            _keyword("status", Annotated[bool, typer.Option("--status", help=STATUS)], False),
            _keyword("as_json", Annotated[bool, typer.Option("--json", help=JSON)], False),
            *(
                _parameter(part, f"With {option.flag}")
                for option in options.values()
                for part in option.parts.values()
            ),
        ]
    )
    settings = {"help_option_names": ["-h", "--help"], "allow_extra_args": True}
    single = typer.Typer(rich_markup_mode="rich", add_completion=False)
    single.command(name, cls=_OfBuilder, context_settings=settings)(run)
    return flowing(typer.main.get_command(single))


def _parameter(option: Option, panel: str | None = None) -> inspect.Parameter:
    """Make a parameter for Typer: a flag, or text that the core makes what the builder expects."""
    if option.flag == "MOMENTS":
        return _keyword(
            "moments", Annotated[Path | None, typer.Argument(help=option.help, metavar="MOMENTS")]
        )
    flag = option.type is bool or option.dataclass is not None
    shown = None if flag or option.default in (None, inspect.Parameter.empty) else option.default
    made = typer.Option(
        f"{option.flag}/--no-{option.flag[2:]}" if option.default is True else option.flag,
        help=option.help,
        metavar=None if flag else _metavar(option.type),
        show_default=False if shown is None else str(shown),
        rich_help_panel=panel,
    )
    return _keyword(option.name, Annotated[(bool if flag else str) | None, made])


def _keyword(name: str, kind: Any, default: Any = None) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default)


def _metavar(kind: Any) -> str:
    """Say what is expected: of a union or an annotated type, its first."""
    if get_origin(kind) is Literal:
        choices = "|".join(map(str, get_args(kind)))
        return f"<{choices}>" if len(choices) <= LONGEST else "<name>"
    if kind in METAVARS or not get_args(kind):
        return METAVARS.get(kind, "<str>")
    return _metavar(get_args(kind)[0])


def _value(option: Option, given: dict[str, Any]) -> Any:
    """Give the value of an option, a dataclass from what was given for its fields."""
    if option.dataclass is None:
        return given[option.name]
    parts = {k: part for k, part in option.parts.items() if given[k] is not None}
    if given[option.name]:
        return option.dataclass(**{k: part.typed(given[k]) for k, part in parts.items()})
    for k, part in parts.items():
        raise UserError(f"{part.flag} {given[k]} is of {option.flag}: add that, or leave it out.")
    return None


def _status(folder: Path, as_json: bool) -> None:
    """Tell how many videos are in which state, for which reason."""
    from vid2vidmr.downloads import status

    found = status(folder)
    if as_json:
        print_json([row._asdict() for row in found])
        return
    rows = [[row.state, row.reason, count(row.videos), row.retried] for row in found]
    total = sum(row.videos for row in found)
    print_table(
        f"{folder}: {counted(total, 'video')}", ["state", "reason", "videos", "retried"], rows
    )
