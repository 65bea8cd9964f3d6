"""Commands about data sets: features, datasets."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vid2vidmr.cli.options import (
    AsJson,
    DatasetOption,
    EncodingDevice,
    EngineOption,
    ShardOption,
    StepOption,
    Where,
    complete_encoders,
)
from vid2vidmr.cli.output import count, print_json, print_table
from vid2vidmr.errors import UserError
from vid2vidmr.registry import registered_names
from vid2vidmr.text import counted

if TYPE_CHECKING:
    from vid2vidmr.features.local import Engine


OTHERS = "With --import"


def features(
    dataset: DatasetOption,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="Encoder (default: the data set's own; for captions clip-vit-b32).",
            autocompletion=complete_encoders,
        ),
    ] = None,
    step: StepOption = None,
    captions: Annotated[
        Path | None,
        typer.Option(help="Encode captions instead: JSON Lines or CSV (moment_id, caption)."),
    ] = None,
    device: EncodingDevice = None,
    shard: ShardOption = None,
    engine: EngineOption = Where.local,
    imported: Annotated[
        Path | None,
        typer.Option(
            "--import",
            metavar="PATH",
            help="Take those of others: a folder of .npz, .npy or .pt, or an .h5.",
        ),
    ] = None,
    named: Annotated[
        str | None,
        typer.Option("--as", metavar="NAME", help="What they are called.", rich_help_panel=OTHERS),
    ] = None,
    every: Annotated[
        str | None,
        typer.Option(
            help="Seconds between two rows (default: the step); even: spread over the video.",
            rich_help_panel=OTHERS,
        ),
    ] = None,
    offset: Annotated[
        float,
        typer.Option(
            help="Second of the video for which the first row stands.", rich_help_panel=OTHERS
        ),
    ] = 0.0,
    names: Annotated[
        str,
        typer.Option(
            help="As v_{video}; or a CSV file (video_id, file, every).",
            rich_help_panel=OTHERS,
        ),
    ] = "{video}",
) -> None:
    """Encode a data set's videos or captions; import features.

    Videos give a feature every 2 s (--step), captions one a token.

    Only what is missing is computed: call it again after a stop.
    """
    from vid2vidmr.contract import features_at, named_features
    from vid2vidmr.data.dataset import load_dataset
    from vid2vidmr.features.shards import Shard

    part = None if shard is None else Shard.parse(shard)
    built = load_dataset(dataset)
    others = {
        "--as": named,
        "--every": every,
        "--offset": offset,
        "--names": names != "{video}",
    }
    if imported is None:
        _require_none(others, "is of --import: add that, or leave it out.")
    else:
        given = {"--encoder": encoder, "--captions": captions, "--shard": part}
        _require_none(given, "is not of imported features: leave it out with --import.")
        from vid2vidmr.features.imported import import_features

        if named is None:
            raise UserError("--import needs a name for the features: add --as NAME.")
        import_features(
            built, imported, named, step_s=step, every_s=every, offset_s=offset, names=names
        )
        return
    name = named_features(features_at(encoder, step), built.info.default_encoder)
    if captions is not None:
        of_videos = {"--shard": part, "--engine ray": engine is Where.ray, "--step": step}
        _require_none(of_videos, "is of videos: leave it out with --captions.")
        from vid2vidmr.contract import DEFAULT_ENCODER
        from vid2vidmr.features.captions import encode_captions

        typer.echo(encode_captions(built, captions, encoder or DEFAULT_ENCODER, device=device)[1])
        return
    from vid2vidmr.features.names import require_encoder

    require_encoder(name, built)
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


def _require_none(given: Mapping[str, object], todo: str) -> None:
    """Refuse the first option that was given; `todo` says why and what to do."""
    for option, value in given.items():
        if value:
            raise UserError(f"{option} {todo}")


def datasets(as_json: AsJson = False) -> None:
    """List the data sets, and which of them are built here."""
    from vid2vidmr.data.builder import dataset_builder
    from vid2vidmr.data.dataset import data_home, load_dataset

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
            state = f"{row['path']}: {counted(row['counts']['videos'], 'video')}; pairs: {pairs}"
        title = f"{row['title']} (synthetic)" if row["synthetic"] else str(row["title"])
        lines.append([str(row["name"]), f"{title}\n{state}"])
    print_table("Data sets", ["name", "what it is, and what is built here"], lines)
