"""Commands about checkpoints: import-checkpoint."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vid2vidmr.cli.options import MethodName, complete_encoders


def import_checkpoint(
    method: MethodName,
    file: Annotated[Path, typer.Argument(help="Checkpoint file of the published code.")],
    out: Annotated[Path, typer.Option(help="Checkpoint folder to write.")],
    encoder: Annotated[
        str,
        typer.Option(
            help="Encoder of the features it was trained on.", autocompletion=complete_encoders
        ),
    ] = "clip-vit-b32",
) -> None:
    """Make a checkpoint of the published code one of ours.

    Only weights and options are read from it: no code that a file may hold is run.
    """
    from vid2vidmr.methods.published import import_checkpoint

    imported = import_checkpoint(method, file, out, encoder)
    assert imported.encoder_contract is not None
    dim = imported.encoder_contract.dim
    typer.echo(f"The checkpoint of {method} is in {out}, for features of {encoder} ({dim}-d).")
