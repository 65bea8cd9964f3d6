"""``vid2vidmr vlm``: the steps one by one, so that any program can do one of them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vid2vidmr.cli.options import AsJson, DatasetOption, SeedOption
from vid2vidmr.cli.output import print_json, print_table
from vid2vidmr.text import counted

if TYPE_CHECKING:
    from baselines.vlm.config import VlmConfig

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_help_panel="Methods",
    help="Ask vision-language models, step by step.",
)

FolderArgument = Annotated[
    Path, typer.Argument(metavar="FOLDER", help="Folder that `vlm prepare` wrote.")
]
MethodOption = Annotated[
    str,
    typer.Option(help="vlm:MODEL, vlm:MODEL@PRESET or vlm:USER/NAME, see `methods`."),
]
UrlOption = Annotated[
    str | None,
    typer.Option(
        envvar="VID2VIDMR_VLM_URL",
        help="OpenAI-compatible server (default: the model is loaded here).",
    ),
]
SplitOption = Annotated[str, typer.Option(help="train, val or test.")]


class Track(StrEnum):
    """Tracks that can be written."""

    common = "common"
    own = "own"


def _chosen(method: str) -> tuple[Any, Any]:
    """Give class and config of ``vlm:MODEL@PRESET``; the first preset where there is none."""
    from vid2vidmr.errors import UnknownNameError
    from vid2vidmr.methods.load import method_class, preset_config

    name, _, preset = method.partition("@")
    cls = method_class(name)
    if preset and preset not in cls.presets:
        raise UnknownNameError(f"preset of {name}", preset, cls.presets)
    return cls, preset_config(name, preset or None)


@app.command(
    epilog="Example: [bold]vid2vidmr vlm prepare --dataset minimatch --method "
    "vlm:qwen3-vl-8b@two-video --out asked[/]"
)
def prepare(
    dataset: DatasetOption,
    method: MethodOption,
    out: Annotated[Path, typer.Option(help="Folder for requests.jsonl and frames.")],
    split: SplitOption = "test",
    protocol: Annotated[str, typer.Option(help="official, or recropped.")] = "official",
    seed: SeedOption = 0,
) -> None:
    """Write what a model is asked, pair by pair: text, and frames as JPEG files.

    The seed chooses the wording and the order of query and target.
    """
    from baselines.vlm.captions import open_track
    from baselines.vlm.prepare import prepare as write
    from baselines.vlm.records import Frames
    from vid2vidmr.data.dataset import load_dataset
    from vid2vidmr.experiments.predict import prediction_header

    built = load_dataset(dataset)
    cls, config = _chosen(method)
    chosen = cls(config, seed)
    pairs = built.pairs(split).under(protocol)
    header = prediction_header(chosen, built, pairs)
    captions = open_track(built, chosen.config)
    requests = write(built, pairs, chosen.config, header, out, Frames(out / "frames"), captions)
    typer.echo(f"{len(requests.prepared)} requests are in {out}.")


@app.command(epilog="Example: [bold]vid2vidmr vlm generate asked --url http://127.0.0.1:8000/v1[/]")
def generate(
    folder: FolderArgument,
    url: UrlOption = None,
    concurrency: Annotated[
        int, typer.Option(metavar="<int>", min=1, help="Requests under way at a time, of a server.")
    ] = 8,
    timeout_s: Annotated[float, typer.Option("--timeout", help="Of a request, seconds.")] = 600.0,
) -> None:
    """Ask a model, and keep every answer in FOLDER/raw_answers.jsonl.

    What has an answer is not asked again: the same command continues. Exit status 1 if requests
    are left without an answer.
    """
    from baselines.vlm import ledger
    from baselines.vlm.generate import ask
    from baselines.vlm.prepare import read_requests
    from baselines.vlm.records import Frames

    requests = read_requests(folder)
    config, frames = _config(requests.header.config), Frames(folder / "frames")
    keys = requests.by_key(config)
    settings = {"concurrency": concurrency, "timeout_s": timeout_s}
    with ledger.open_ledger(folder / ledger.FILE) as answers:
        ask(keys, answers, config, frames, url, **settings)
    left = [key for key in keys if not answers.is_settled(key)]
    typer.echo(f"{len(keys) - len(left)} of {len(keys)} requests have an answer.")
    if left:
        reasons = sorted({answers[key].error or "" for key in left if key in answers})
        typer.echo(f"{len(left)} have none ({', '.join(reasons)}): run it again.", err=True)
        raise typer.Exit(1)


@app.command(epilog="Example: [bold]vid2vidmr vlm parse asked --answers timechat.jsonl[/]")
def parse(
    folder: FolderArgument,
    answers: Annotated[
        Path | None,
        typer.Option(help="Raw answers of any program: pair_id and text, a line each."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Predictions (default: FOLDER/predictions.jsonl).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read windows out of raw answers, and say what failed and why.

    Writes predictions for `vid2vidmr evaluate`, and answers.jsonl with what was made of each.
    """
    from baselines.vlm import ledger, outcome
    from baselines.vlm.prepare import read_requests
    from vid2vidmr.evaluation.predictions import write_predictions
    from vid2vidmr.methods.load import method_class

    requests = read_requests(folder)
    config = _config(requests.header.config)
    replies = outcome.read_raw_answers(answers or folder / ledger.FILE, requests.prepared, config)
    found = outcome.outcomes(requests.prepared, replies)
    written = folder / "predictions.jsonl" if out is None else out
    outcome.write_outcomes(written.with_name(outcome.FILE), found)
    write_predictions(written, requests.header, (one.prediction() for one in found))
    model = method_class(requests.header.method).model  # type: ignore[attr-defined]
    said = outcome.details(found, config, model.contamination(requests.header.dataset))
    if as_json:
        print_json({"predictions": str(written), "details": said})
        return
    rows = [[name, "" if value is None else str(value)] for name, value in said.items()]
    print_table(f"{requests.header.method}: {counted(len(found), 'pair')}", ["what", "value"], rows)
    typer.echo(f"Predictions: {written}")
    if said["unanswered"]:
        typer.echo(f"Incomplete: no answer yet to {counted(said['unanswered'], 'pair')}.", err=True)


@app.command(
    epilog="Example: [bold]vid2vidmr vlm caption --dataset minimatch --method vlm:qwen3-vl-8b "
    "--track common[/]"
)
def caption(
    dataset: DatasetOption,
    method: MethodOption,
    track: Annotated[Track, typer.Option(help="One captioner for all models, or each its own.")],
    split: SplitOption = "test",
    url: UrlOption = None,
) -> None:
    """Have a model describe the queries of a split, for the protocol caption.

    Writes DATASET/captions/TRACK.jsonl. What has a caption is not asked again.
    """
    from baselines.vlm.captions import write_captions
    from vid2vidmr.data.dataset import load_dataset

    built = load_dataset(dataset)
    _, config = _chosen(method)
    path, missing = write_captions(built, built.pairs(split), config, track.value, url)
    typer.echo(f"Captions: {path}")
    if missing:
        typer.echo(f"No caption yet of {counted(missing, 'query')}: run it again.", err=True)
        raise typer.Exit(1)


def _config(fields: dict[str, object]) -> VlmConfig:
    from baselines.vlm.config import VlmConfig
    from vid2vidmr.errors import DataError

    try:
        return VlmConfig(**fields)  # type: ignore[arg-type]
    except TypeError as error:
        raise DataError(f"The requests are of another version ({error}): prepare again.") from None
