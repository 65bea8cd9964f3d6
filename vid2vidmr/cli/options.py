"""Options that several commands take: one name, one meaning, completed by the shell."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from enum import StrEnum
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from vid2vidmr.registry import registered_names


class Fusion(StrEnum):
    """What counts of several queries."""

    mean = "mean"
    best = "best"
    barycentre = "barycentre"


LONGEST = 20
"""Letters of choices that are shown as the type of an option; of more, its help tells."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def _among(names: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """Complete one of a list, the last where several are given with commas between."""

    def complete(incomplete: str) -> list[str]:
        head, comma, last = incomplete.rpartition(",")
        return [head + comma + name for name in names() if name.startswith(last)]

    return complete


def _datasets() -> Iterator[str]:
    """Give data sets that can be built, and those of the data folder that are."""
    from vid2vidmr.data.dataset import data_home

    yield from registered_names("dataset")
    built = (folder.parent for folder in sorted(data_home().glob("*/dataset.json")))
    yield from (str(folder) for folder in built if folder.name not in registered_names("dataset"))


def _protocols() -> Iterator[str]:
    from vid2vidmr.data.protocols import ALONE, CUTS

    yield from (*CUTS, *ALONE)


def _presets(method: str) -> list[str]:
    """Give the presets of a method, none where there is no such method."""
    from vid2vidmr.errors import UserError
    from vid2vidmr.methods.load import method_class

    try:
        return list(method_class(method).presets)
    except UserError:
        return []


def _methods(incomplete: str) -> list[str]:
    """Complete methods with commas between, behind an @ their presets."""
    method, at, _ = incomplete.rpartition(",")[2].partition("@")
    names = [f"{method}@{preset}" for preset in _presets(method)] if at else []
    return _among(lambda: names or registered_names("method"))(incomplete)


def _presets_of_method(ctx: typer.Context, incomplete: str) -> list[str]:
    """Complete a preset of the methods that were named before."""
    # An option that still lacks its value leaves arguments where they were.
    named = ctx.params.get("method") or ctx.params.get("methods") or " ".join(ctx.args[:1])
    found = [preset for method in named.split(",") for preset in _presets(method)]
    names = dict.fromkeys(found) if found else ("small", "paper")
    return [name for name in names if name.startswith(incomplete)]


def _seed(seed: int) -> int:
    """Refuse what a generator does not take; the bounds would widen the page of help."""
    if not 0 <= seed < 2**32:
        raise typer.BadParameter(f"{seed} is out of bounds: expected 0 to {2**32 - 1}.")
    return seed


def _choose_device(ctx: typer.Context, device: str | None) -> str | None:
    """Have networks run on a device, as long as the command does."""
    if device is not None and not ctx.resilient_parsing:
        from vid2vidmr.devices import computing_on

        ctx.with_resource(computing_on(device))
    return device


complete_datasets = _among(_datasets)
complete_encoders = _among(lambda: registered_names("encoder"))
complete_methods = _methods
complete_protocols = _among(_protocols)

MethodName = Annotated[
    str,
    typer.Argument(
        metavar="METHOD",
        help="Method, see `vid2vidmr methods`; or ./FILE.py:CLASS.",
        autocompletion=_methods,
    ),
]
DatasetOption = Annotated[
    str,
    typer.Option(
        help="A built data set: name, folder, or USER/NAME on the Hub.",
        autocompletion=complete_datasets,
    ),
]
EncoderOption = Annotated[
    str | None,
    typer.Option(
        help="Encoder of the features (default: the data set's own).",
        autocompletion=complete_encoders,
    ),
]
StepOption = Annotated[
    float | None,
    typer.Option(metavar="<float>", min=0, help="Seconds between two features (default: 2)."),
]
PresetOption = Annotated[
    str,
    typer.Option(
        help="small, paper, more in `methods show`, or a file of `tune`.",
        autocompletion=_presets_of_method,
    ),
]
SeedOption = Annotated[int, typer.Option(callback=_seed, help="Seed of every random draw.")]
CheckpointOption = Annotated[
    str | None,
    typer.Option(help="Folder that `train` wrote, or USER/NAME on the Hub."),
]
DeviceOption = Annotated[
    str | None,
    typer.Option(
        help="cpu, cuda, cuda:1 or mps (default: the best).",
        callback=_choose_device,
    ),
]
EncodingDevice = Annotated[
    str | None, typer.Option(help="cpu, cuda, cuda:1 or mps (default: the best).")
]
"""As `DeviceOption`, of commands that hand it on: to another machine, for one."""
ShardOption = Annotated[
    str | None,
    typer.Option(metavar="I/N", help="Encode the I-th of N shares of the videos."),
]


class Where(StrEnum):
    """Where videos are encoded, or searched."""

    local = "local"
    ray = "ray"


EngineOption = Annotated[Where, typer.Option(help="On this machine, or on a Ray cluster.")]
TrainOnVal = Annotated[
    bool, typer.Option("--train-on-val", help="Learn from val where there are no train pairs.")
]
FuseOption = Annotated[
    Fusion, typer.Option(metavar="<name>", help="Of several queries: mean, best or barycentre.")
]
SplitOption = Annotated[
    str,
    typer.Option(
        help="train, val or test.", autocompletion=_among(lambda: ("train", "val", "test"))
    ),
]


class TakesDataset(TyperCommand):
    """Takes earlier forms, too: ``features NAME``, and ``--features`` for ``--encoder``."""

    def make_parser(self, ctx: Any) -> Any:
        """Read a first argument as --dataset."""
        parser: Any = super().make_parser(ctx)
        parse = parser.parse_args

        def parse_args(args: list[str]) -> Any:
            args = [re.sub("^--features(?==|$)", "--encoder", arg) for arg in args]
            given, rest, order = parse(args=args)
            if rest and given.get("dataset") is None:
                given["dataset"] = rest.pop(0)
            return given, rest, order

        parser.parse_args = parse_args
        return parser
