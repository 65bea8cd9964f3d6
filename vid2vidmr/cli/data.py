"""Commands about data sets: features, datasets."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vid2vidmr.cli.methods import StepOption
from vid2vidmr.cli.output import AsJson, count, print_json, print_table
from vid2vidmr.registry import registered_names

if TYPE_CHECKING:
    from vid2vidmr.features.local import Engine


def _registered(kind: str) -> Callable[[str], list[str]]:
    """Complete names that are registered."""
    return lambda incomplete: [n for n in registered_names(kind) if n.startswith(incomplete)]


Built = Annotated[
    str,
    typer.Argument(
        metavar="DATASET",
        help="Name, folder or Hub repository of a data set.",
        autocompletion=_registered("dataset"),
    ),
]


class Where(StrEnum):
    """Where videos are encoded."""

    local = "local"
    ray = "ray"


def features(
    dataset: Built,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="Encoder (default: the data set's own, of captions clip-vit-b32).",
            autocompletion=_registered("encoder"),
        ),
    ] = None,
    step: StepOption = None,
    captions: Annotated[
        Path | None,
        typer.Option(
            help="Encode captions of moments instead, from JSON Lines or CSV (moment_id, caption)."
        ),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="Where to compute: cpu, cuda, ... (default: the best).")
    ] = None,
    shard: Annotated[
        str | None,
        typer.Option(
            metavar="I/N",
            help="Encode the I-th of N shares of the videos, see docs/features.md.",
        ),
    ] = None,
    engine: Annotated[
        Where, typer.Option(help="Encode on this machine, or on a Ray cluster.")
    ] = Where.local,
) -> None:
    """Encode a data set's videos, or captions of its moments.

    Videos give a feature every 2 s (--step), captions one a token.

    Only what is missing is computed: call it again after a stop.
    """
    from vid2vidmr.contract import features_at, named_features
    from vid2vidmr.data.dataset import load_dataset
    from vid2vidmr.errors import UserError
    from vid2vidmr.features.shards import Shard

    part = None if shard is None else Shard.parse(shard)
    built = load_dataset(dataset)
    name = named_features(features_at(encoder, step), built.info.default_encoder)
    if captions is not None:
        given = {"--shard": part, "--engine ray": engine is Where.ray, "--step": step}
        for option in (option for option, value in given.items() if value):
            raise UserError(f"{option} is of videos: leave it out with --captions.")
        from vid2vidmr.contract import DEFAULT_ENCODER
        from vid2vidmr.features.captions import encode_captions

        typer.echo(encode_captions(built, captions, encoder or DEFAULT_ENCODER, device=device)[1])
        return
    from vid2vidmr.features.extract import extract_features, extract_shard
    from vid2vidmr.features.local import encode_here

    where: Engine = encode_here
    if engine is Where.ray:
        from vid2vidmr.features.on_ray import encode_on_ray

        where = partial(encode_on_ray, device=device)
        device = "cpu"  # this process only stores; workers have the device that was asked for
    if part is None:
        extract_features(built, name, device=device, engine=where)
    else:
        extract_shard(built, name, part, device=device, engine=where)


def datasets(as_json: AsJson = False) -> None:
    """List the data sets, and which of them are built here."""
    from vid2vidmr.data.builder import dataset_builder
    from vid2vidmr.data.dataset import data_home, load_dataset
    from vid2vidmr.errors import UserError

    rows = []
    for name in registered_names("dataset"):
        info = dataset_builder(name).info
        folder = data_home() / name
        built, fault = None, None
        try:
            built = load_dataset(folder) if (folder / "dataset.json").exists() else None
        except UserError as error:
            fault = str(error)
        rows.append(
            {
                **info.model_dump(),
                "path": str(folder) if built else None,
                "fingerprint": built.fingerprint if built else None,
                "counts": built.counts if built else None,
                "fault": fault,
            }
        )
    if as_json:
        print_json(rows)
        return
    lines = []
    for row in rows:
        state = row["fault"] or f"not built: vid2vidmr build {row['name']}"
        if isinstance(row["counts"], dict):
            pairs = ", ".join(f"{count(n)} {s}" for s, n in row["counts"]["pairs"].items())
            state = f"{row['path']}: {count(row['counts']['videos'])} videos; pairs: {pairs}"
        title = f"{row['title']} (synthetic)" if row["synthetic"] else str(row["title"])
        lines.append([str(row["name"]), f"{title}\n{state}"])
    print_table("Data sets", ["name", "what it is, and what is built here"], lines)
