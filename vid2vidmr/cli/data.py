"""Commands about data sets: build, features, datasets."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vid2vidmr.cli.output import AsJson, count, print_json, print_table

if TYPE_CHECKING:
    from vid2vidmr.downloads import DownloadOptions
    from vid2vidmr.features.local import Engine


class SplitBy(StrEnum):
    """What splits have nothing of in common."""

    class_ = "class"
    video = "video"


Built = Annotated[
    str, typer.Argument(metavar="DATASET", help="Name, folder or Hub repository of a data set.")
]


class Where(StrEnum):
    """Where videos are encoded."""

    local = "local"
    ray = "ray"


DOWNLOADS = "Downloads (see docs/downloads.md)"
OWN = "Moments of your own (see docs/custom.md)"


def build(
    name: Annotated[str, typer.Argument(help="Data set, see `vid2vidmr datasets`.")],
    moments: Annotated[
        Path | None,
        typer.Argument(help="Moments of your own, CSV: for custom, and for sportsmoments."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder to build into (default: data/NAME).")
    ] = None,
    videos: Annotated[
        str | None,
        typer.Option(help="Number of videos (minimatch), or the folder that holds them (custom)."),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of what is rendered or drawn.")
    ] = None,
    cut: Annotated[
        bool, typer.Option("--cut", help="Write every reference clip as a file of its own, too.")
    ] = False,
    margin: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Seconds of the video that a target keeps around its moment (default: all; "
            "sportsmoments 46).",
            rich_help_panel=OWN,
        ),
    ] = None,
    split_by: Annotated[
        SplitBy | None,
        typer.Option(
            help="What the splits do not share, where the CSV does not say the split (default: "
            "class).",
            rich_help_panel=OWN,
        ),
    ] = None,
    cross_video_only: Annotated[
        bool,
        typer.Option(
            "--cross-video-only",
            help="No pairs within one video.",
            rich_help_panel=OWN,
        ),
    ] = False,
    distractors: Annotated[
        bool,
        typer.Option(
            "--distractors",
            help="Keep other moments of the class in a target, as wrong answers.",
            rich_help_panel=OWN,
        ),
    ] = False,
    max_pairs_per_class: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Hard limit on the pairs of a class in a split, drawn with --seed "
            "(activitynet-vrl: of train).",
            rich_help_panel=OWN,
        ),
    ] = None,
    status: Annotated[
        bool, typer.Option("--status", help="Build nothing: tell which videos are here, and why.")
    ] = False,
    download: Annotated[
        bool,
        typer.Option("--download", help="Fetch the videos.", rich_help_panel=DOWNLOADS),
    ] = False,
    cookies: Annotated[
        Path | None,
        typer.Option(help="Cookies for yt-dlp, Netscape's format.", rich_help_panel=DOWNLOADS),
    ] = None,
    proxy: Annotated[
        str | None, typer.Option(help="Proxy for yt-dlp.", rich_help_panel=DOWNLOADS)
    ] = None,
    mirror: Annotated[
        str | None,
        typer.Option(
            help="Where the videos lie instead of YouTube: an address with {id} in it.",
            rich_help_panel=DOWNLOADS,
        ),
    ] = None,
    pause: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Seconds between the starts of two videos, at least (default: 1).",
            rich_help_panel=DOWNLOADS,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --status: print JSON, for programs.")
    ] = False,
) -> None:
    """Build a data set: videos, moments, pairs.

    A build that was stopped continues when called again.

    A data set refuses options that do not apply to it.
    """
    from vid2vidmr.data.builder import build_dataset
    from vid2vidmr.data.dataset import data_home
    from vid2vidmr.errors import UserError

    folder = data_home() / name if out is None else out
    if status:
        _status(folder, as_json)
        return
    if as_json:
        raise UserError("--json is of --status: add it, or leave --json out.")
    built = build_dataset(
        name,
        folder,
        {
            "moments": moments,
            "videos": videos,
            "seed": seed,
            "margin": margin,
            "split_by": split_by and split_by.value,
            "cross_video_only": cross_video_only,
            "distractors": distractors,
            "max_pairs_per_class": max_pairs_per_class,
            "cut": cut,
            "download": _download_options(download, cookies, proxy, mirror, pause),
        },
    )
    if as_json:
        print_json({"path": str(folder), "fingerprint": built.fingerprint, "counts": built.counts})
        return
    typer.echo(f"{built.name} is built in {built.path} (fingerprint {built.fingerprint}).")


def _download_options(
    asked: bool, cookies: Path | None, proxy: str | None, mirror: str | None, pause: float | None
) -> DownloadOptions | None:
    from vid2vidmr.downloads.fetch import DownloadOptions
    from vid2vidmr.errors import UserError

    if asked:
        options = DownloadOptions(cookies=cookies, proxy=proxy, mirror=mirror)
        return options if pause is None else replace(options, pause_s=pause)
    given = {"--cookies": cookies, "--proxy": proxy, "--mirror": mirror, "--pause": pause}
    for option, value in given.items():
        if value is not None:
            raise UserError(f"{option} {value} is of downloads: add --download, or leave it out.")
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
    print_table(f"{folder}: {count(total)} videos", ["state", "reason", "videos", "retried"], rows)


def features(
    dataset: Built,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="Encoder (default: the data set's own, of captions clip-vit-b32); simulated needs "
            "no video."
        ),
    ] = None,
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

    Videos give a feature every 2 s, captions one a token.

    Only what is missing is computed: call it again after a stop.
    """
    from vid2vidmr.data.dataset import load_dataset
    from vid2vidmr.errors import UserError
    from vid2vidmr.features.shards import Shard

    part = None if shard is None else Shard.parse(shard)
    built = load_dataset(dataset)
    name = encoder or built.info.default_encoder
    if captions is not None or name == "simulated":
        what = "--captions" if captions is not None else "--encoder simulated"
        if part is not None:
            raise UserError(f"--shard is of videos: leave it out with {what}.")
        if engine is Where.ray:
            raise UserError(f"--engine ray is of videos: leave it out with {what}.")
    if captions is not None:
        from vid2vidmr.features.captions import ENCODER, encode_captions

        typer.echo(encode_captions(built, captions, encoder or ENCODER, device=device)[1])
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
    from vid2vidmr.registry import registered_names

    rows = []
    for name in registered_names("dataset"):
        info = dataset_builder(name).info
        folder = data_home() / name
        built = load_dataset(folder) if (folder / "dataset.json").exists() else None
        rows.append(
            {
                **info.model_dump(),
                "path": str(folder) if built else None,
                "fingerprint": built.fingerprint if built else None,
                "counts": built.counts if built else None,
            }
        )
    if as_json:
        print_json(rows)
        return
    lines = []
    for row in rows:
        state = f"not built: vid2vidmr build {row['name']}"
        if isinstance(row["counts"], dict):
            pairs = ", ".join(f"{count(n)} {s}" for s, n in row["counts"]["pairs"].items())
            state = f"{row['path']}: {count(row['counts']['videos'])} videos; pairs: {pairs}"
        title = f"{row['title']} (synthetic)" if row["synthetic"] else str(row["title"])
        lines.append([str(row["name"]), f"{title}\n{state}"])
    print_table("Data sets", ["name", "what it is, and what is built here"], lines)
