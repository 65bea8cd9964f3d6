"""Commands that give data sets to others: export, push."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from vid2vidmr.cli.options import AsJson, DatasetOption, complete_encoders
from vid2vidmr.cli.output import count, print_json
from vid2vidmr.text import counted


class LayoutName(StrEnum):
    """Projects whose folders a data set can be written in (`vid2vidmr.publish.export.LAYOUTS`)."""

    moment_detr = "moment-detr"
    univtg = "univtg"
    lighthouse = "lighthouse"


def export(
    dataset: DatasetOption,
    out: Annotated[Path, typer.Option(help="File to write; with --layout, the folder.")],
    split: Annotated[
        str | None,
        typer.Option(help="train, val or test (default: test; of --layout all)."),
    ] = None,
    layout: Annotated[
        LayoutName | None,
        typer.Option(metavar="<name>", help="With features: moment-detr, univtg or lighthouse."),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="With --layout (default: the data set's own).",
            autocompletion=complete_encoders,
        ),
    ] = None,
    captions: Annotated[
        bool, typer.Option("--captions", help="With --layout: queries are captions, not videos.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write pairs for other projects, with features too.

    As QVHighlights JSON Lines, or as the folders that a project reads: see docs/publishing.md.
    """
    from vid2vidmr.data.dataset import load_dataset
    from vid2vidmr.errors import UserError
    from vid2vidmr.features.captions import open_captions
    from vid2vidmr.features.store import open_features
    from vid2vidmr.publish.export import export_annotations, export_layout

    built = load_dataset(dataset)
    if layout is None:
        if encoder is not None or captions:
            raise UserError("--encoder and --captions are of --layout: add it, or leave them out.")
        pairs = built.pairs(split or "test")
        export_annotations(pairs, out)
        if as_json:
            print_json({"path": str(out), "pairs": len(pairs)})
        else:
            typer.echo(f"{counted(len(pairs), f'{pairs.split} pair')} written to {out}.")
        return
    store = open_features(built, encoder)
    of = store.contract.encoder
    texts = open_captions(built, of) if captions else None
    found = export_layout(built, layout.value, store, out, split and [split], texts)
    if as_json:
        files = {name: str(path) for name, path in found.files.items()}
        said = {"path": str(out), "layout": layout.value, "encoder": of, "annotations": files}
        print_json(said | {"pairs": found.written, "left_out": found.left_out})
        return
    for name, path in found.files.items():
        missing = found.left_out[name]
        without = f" ({count(missing)} left out: no features)" if missing else ""
        typer.echo(f"{counted(found.written[name], f'{name} pair')} written to {path}{without}.")


def push(
    dataset: DatasetOption,
    to: Annotated[
        str | None, typer.Option(metavar="USER/NAME", help="Data set repository of the Hub.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder to write (default: DATASET/published)."),
    ] = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="Add the features of this encoder (default: none).",
            autocompletion=complete_encoders,
        ),
    ] = None,
    licence: Annotated[
        str | None,
        typer.Option(help="Licence of the annotations (default: what the data set says)."),
    ] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Make the repository private.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Publish a data set on the Hugging Face Hub.

    Annotations and pairs with a card and Croissant metadata, never videos. The same command again
    continues an upload that was cut off. See docs/publishing.md.
    """
    from vid2vidmr.data.dataset import load_dataset
    from vid2vidmr.errors import UserError
    from vid2vidmr.publish.hub import push_dataset, write_published

    if to is None and out is None:
        raise UserError("Say where: --to USER/NAME on the Hub, or --out DIR to write it only.")
    built = load_dataset(dataset)
    folder = out or built.path / "published"
    files = write_published(built, folder, encoder, licence, to)
    url = None if to is None else push_dataset(folder, files, to, private)
    if as_json:
        said = {"path": str(folder), "files": files, "fingerprint": built.fingerprint, "url": url}
        print_json(said)
        return
    typer.echo(
        f"{built.name} is written to {folder} (fingerprint {built.fingerprint})"
        + (f" and pushed to {url}." if url else "; nothing was sent.")
    )
