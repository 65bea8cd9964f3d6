"""Commands about archives: index, search, app."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vid2vidmr.cli.options import (
    AsJson,
    DeviceOption,
    EncodingDevice,
    EngineOption,
    FuseOption,
    Fusion,
    ShardOption,
    Where,
    complete_encoders,
    complete_methods,
)
from vid2vidmr.cli.output import print_found, print_json
from vid2vidmr.text import counted

if TYPE_CHECKING:
    from vid2vidmr.archive.scan import Engine as ScanEngine
    from vid2vidmr.archive.search import Found
    from vid2vidmr.features.local import Engine


def index(
    videos: Annotated[
        list[str],
        typer.Argument(metavar="VIDEOS...", help="Video files, folders of them, built data sets."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the archive; one that is there grows.")],
    encoder: Annotated[
        str | None,
        typer.Option(
            help="Encoder (default: the archive's, else clip-vit-b32).",
            autocompletion=complete_encoders,
        ),
    ] = None,
    device: EncodingDevice = None,
    shard: ShardOption = None,
    engine: EngineOption = Where.local,
) -> None:
    """Make an archive of videos that `search` looks through.

    Only what is new or has changed is encoded: call it again after a stop, and whenever videos
    have come. What cannot be read, has changed or vanished is told; nothing else is lost.
    """
    from vid2vidmr.contract import DEFAULT_ENCODER
    from vid2vidmr.features.names import require_encoder

    require_encoder(encoder or DEFAULT_ENCODER)
    from vid2vidmr.archive.index import index
    from vid2vidmr.features.local import encode_here
    from vid2vidmr.features.shards import Shard

    part = None if shard is None else Shard.parse(shard)
    where: Engine = encode_here
    if engine is Where.ray:
        from vid2vidmr.features.on_ray import encode_on_ray

        where = partial(encode_on_ray, device=device)
        device = "cpu"  # this process only stores; workers have the device that was asked for
    archive = index(videos, out, encoder, device, where, part)
    if archive is not None:
        typer.echo(f"{out} holds {archive.hours:.1f} hours of {counted(len(archive), 'video')}.")


def search(
    queries: Annotated[
        list[str],
        typer.Argument(
            metavar="QUERY...",
            help="Examples of the moment: files, or parts such as match.mp4@12:03-12:15.",
        ),
    ],
    archive: Annotated[Path, typer.Option(help="Folder that `vid2vidmr index` wrote.")],
    negatives: Annotated[
        list[str] | None, typer.Option("--not", help="An example of what is not meant; repeatable.")
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="What reads candidates again; scan: nothing does.",
            autocompletion=complete_methods,
        ),
    ] = "align_refine",
    checkpoint: Annotated[
        str | None, typer.Option(help="Of a method that must be trained: folder or Hub.")
    ] = None,
    top: Annotated[
        int, typer.Option(metavar="<int>", min=1, help="How many windows at most.")
    ] = 10,
    min_score: Annotated[
        float, typer.Option(metavar="<float>", min=0, max=1, help="Least probability of a window.")
    ] = 0.2,
    fuse: FuseOption = Fusion.mean,
    approximate: Annotated[
        bool,
        typer.Option("--approximate", help="By an approximate index (needs the extra ann)."),
    ] = False,
    engine: Annotated[
        Where, typer.Option(help="Scan on this machine, or on a Ray cluster.")
    ] = Where.local,
    clips: Annotated[
        Path | None, typer.Option(help="Folder to which the windows are cut, as MP4 files.")
    ] = None,
    lead: Annotated[
        float, typer.Option(metavar="<float>", min=0, help="Seconds before a window, in clips.")
    ] = 0.0,
    lag: Annotated[
        float, typer.Option(metavar="<float>", min=0, help="Seconds behind a window, in clips.")
    ] = 0.0,
    export: Annotated[
        list[Path] | None,
        typer.Option(
            help="File to write: .csv, .json, .vtt, .xml, .edl, .fcpxml or .otio; repeatable."
        ),
    ] = None,
    page: Annotated[
        Path | None,
        typer.Option(help="New folder for a page of it that works offline."),
    ] = None,
    device: DeviceOption = None,
    as_json: AsJson = False,
) -> None:
    """Find moments like these in an archive.

    Prints windows in seconds, best first, with the probability that each holds the moment. Where
    none is likely enough it says so. Of --export, .xml is of Sportscode and .edl CMX 3600.
    """
    from vid2vidmr.archive.scan import scan_here
    from vid2vidmr.archive.search import search

    _require_room(clips, export or [], page)
    scanned: ScanEngine = scan_here
    if engine is Where.ray:
        from vid2vidmr.archive.on_ray import scan_on_ray

        if approximate:
            raise typer.BadParameter("--approximate looks here only: leave --engine ray away.")
        scanned = scan_on_ray
    found = search(
        queries, archive, method, checkpoint, negatives=negatives or [], top=top,
        min_score=min_score, fuse=fuse.value, approximate=approximate, engine=scanned,
    )  # fmt: skip
    if as_json:
        print_json(found.model_dump(mode="json"))
    else:
        print_found(found)
    _take_out(found, archive, clips, page, lead, lag)
    _export(found, archive, export or [])


def app(
    archive: Annotated[Path, typer.Option(help="Folder that `vid2vidmr index` wrote.")],
    method: Annotated[
        str,
        typer.Option(
            help="What reads candidates again; scan: nothing does.",
            autocompletion=complete_methods,
        ),
    ] = "align_refine",
    checkpoint: Annotated[
        str | None, typer.Option(help="Of a method that must be trained: folder or Hub.")
    ] = None,
    port: Annotated[
        int, typer.Option(help="0 for any that is free.", metavar="<int>", min=0, max=65535)
    ] = 8000,
    device: DeviceOption = None,
) -> None:
    """Search an archive in the browser, on this machine only.

    Mark a moment or drop a file, see the hits on a time line, play, accept and reject them, search
    again, export. Needs the extra app.
    """
    from vid2vidmr.app.server import serve

    serve(archive, method, checkpoint, port, typer.echo)


def _require_room(clips: Path | None, files: list[Path], page: Path | None) -> None:
    """Refuse what cannot be written before anything is searched."""
    from vid2vidmr.archive.export import require_form
    from vid2vidmr.files import require_folder, require_no_folder

    for file in files:
        require_form(file)
        require_no_folder(file)
    for folder in [*(file.parent for file in files), *([clips] if clips else [])]:
        require_folder(folder)
    if page is not None:
        from vid2vidmr.app.static import require_new

        require_new(page)


def _take_out(
    found: Found, archive: Path, clips: Path | None, page: Path | None, lead: float, lag: float
) -> None:
    """Cut clips and write a page."""
    if clips is not None and found.windows:
        from vid2vidmr.archive.clips import cut_clips

        cut, failed = cut_clips(found, archive, clips, lead_s=lead, lag_s=lag)
        typer.echo(f"Written to {clips}: {counted(len(cut), 'clip')}.", err=True)
        _tell_failed(failed)
    if page is not None:
        from vid2vidmr.app.static import write_page

        _tell_failed(write_page(found, archive, page))
        typer.echo(f"Open {page / 'index.html'}.", err=True)


def _export(found: Found, archive: Path, files: list[Path]) -> None:
    """Write files."""
    from vid2vidmr.archive.export import export

    for file in files:
        files_written = export(found, archive, file)
        for written in files_written:
            typer.echo(f"{written} is written.", err=True)
        if not files_written:
            typer.echo(f"{file} is not written: it would have no window.", err=True)


def _tell_failed(failed: dict[str, str]) -> None:
    for name, reason in failed.items():
        typer.echo(f"  failed {name}: {reason}", err=True)
