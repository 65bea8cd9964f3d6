"""Commands about methods: methods (show), pretrain, train, predict, retrieve; and info."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from vid2vidmr.cli.options import (
    AsJson,
    CheckpointOption,
    DatasetOption,
    DeviceOption,
    EncoderOption,
    MethodName,
    PresetOption,
    SeedOption,
    SplitOption,
    StepOption,
    TrainOnVal,
    complete_encoders,
    complete_methods,
    complete_protocols,
)
from vid2vidmr.cli.output import count, print_found, print_json, print_table
from vid2vidmr.errors import UserError
from vid2vidmr.text import counted


class Level(StrEnum):
    """Where pretraining augments clips."""

    features = "features"
    frames = "frames"


def methods(context: typer.Context, as_json: AsJson = False) -> None:
    """List the methods: trained, untrained, and bias rows.

    Bias rows never look at the query: they show what a data set gives away.

    `methods show NAME` tells all of one.
    """
    if context.invoked_subcommand is not None:
        return
    from vid2vidmr.methods.load import method_class, method_group, method_group_names, method_names

    found = [(name, method_class(name)) for name in method_names()]
    for group in method_group_names():
        found += [(f"{group}:{name}", cls) for name, cls in method_group(group).items()]
    if as_json:
        print_json([{**cls.info.model_dump(), "presets": list(cls.presets)} for _, cls in found])
        return
    rows = [[name, cls.info.kind, f"{cls.info.title}\n{cls.info.source}"] for name, cls in found]
    print_table("Methods", ["name", "kind", "what it is, and where it is from"], rows)


def show(
    name: MethodName,
    dim: Annotated[
        int,
        typer.Option(
            metavar="<int>", min=1, help="Length of a feature for which parameters are counted."
        ),
    ] = 512,
    as_json: AsJson = False,
) -> None:
    """Tell all of a method.

    Where it is from, licence, training data, parameters, presets, deviations.
    """
    from vid2vidmr.methods.card import method_card

    card = method_card(name, dim)
    if as_json:
        print_json(card.model_dump(mode="json"))
        return
    info = card.info
    imports = f"vid2vidmr import-checkpoint {name}" if card.imports_published else "none are read"
    facts = {
        "title": info.title, "kind": info.kind, "source": info.source, "licence": info.licence,
        "trained on": card.trained_on, "published checkpoints": imports,
        "deviations": info.deviations, "README": card.readme or "none",
    }  # fmt: skip
    if not info.needs_training:
        del facts["published checkpoints"]
    print_table(name, ["what", "value"], [[k, v] for k, v in facts.items()])
    rows = []
    for preset, has in card.presets.items():
        number = "none" if has.parameters is None else count(has.parameters)
        fields = ", ".join(f"{field} {value}" for field, value in has.fields.items())
        said = fields if has.base is None else f"as {has.base}" + f" but {fields}" * bool(fields)
        rows.append([preset, "of --init" if has.needs_init else number, said])
    typer.echo()
    title = f"Presets (parameters at {dim}-d features; fields in which presets differ)"
    print_table(title, ["preset", "parameters", "fields"], rows)
    if card.search:
        typer.echo()
        values = [[field, ", ".join(map(str, tried))] for field, tried in card.search.items()]
        print_table("What tune draws from", ["field", "values"], values)


def train(
    method: MethodName,
    dataset: DatasetOption,
    preset: PresetOption = "small",
    seed: SeedOption = 0,
    encoder: EncoderOption = None,
    step: StepOption = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Checkpoint folder (default: where `bench` looks for it)."),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(help="Checkpoint to start from: folder, or USER/NAME on the Hub."),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            metavar="<int>", min=0, help="Processes that prepare batches beside this one."
        ),
    ] = 0,
    log: Annotated[
        bool, typer.Option("--log", help="Write curves for TensorBoard to OUT/logs.")
    ] = False,
    train_on_val: TrainOnVal = False,
    device: DeviceOption = None,
) -> None:
    """Train a method and leave a checkpoint.

    Training that was stopped continues when called again. In several processes: torchrun
    --nproc-per-node 2 -m vid2vidmr train ...
    """
    from vid2vidmr.contract import features_at
    from vid2vidmr.data.dataset import load_dataset
    from vid2vidmr.experiments.run import Setting, runs_home
    from vid2vidmr.methods.hub import checkpoint_folder
    from vid2vidmr.methods.load import preset_config
    from vid2vidmr.progress import is_main_process, logged

    preset_config(method, preset)  # a wrong name is said before anything is read
    built = load_dataset(dataset)
    start = None if init is None else checkpoint_folder(init)
    setting = Setting.of(
        built, method, preset, features_at(encoder, step), start, train_on_val=train_on_val
    )
    folder = setting.checkpoint(runs_home(built), seed) if out is None else out
    with logged(folder):
        setting.fitted(folder, seed, workers=workers, log=log)
    if is_main_process():
        typer.echo(f"The checkpoint of {method} is in {folder}.")


def pretrain(
    method: MethodName,
    videos: Annotated[
        str,
        typer.Option(help="Folder of video files, built data set, or store of features."),
    ],
    out: Annotated[
        Path, typer.Option(help="Checkpoint folder; features of video files go into it.")
    ],
    preset: PresetOption = "small",
    seed: SeedOption = 0,
    split: Annotated[
        str | None, typer.Option(help="Split of a data set: train (default) or val.")
    ] = None,
    level: Annotated[
        Level, typer.Option(help="Augment features, or frames before the encoder.")
    ] = Level.features,
    augmentations: Annotated[
        str, typer.Option(help='With commas between; "" for none.')
    ] = "reverse,noise,slow,fast",
    noise: Annotated[
        float | None,
        typer.Option(
            metavar="<float>", min=0, help="Noise on all features besides (default: the preset's)."
        ),
    ] = None,
    encoder: EncoderOption = None,
    step: StepOption = None,
    device: DeviceOption = None,
) -> None:
    """Pretrain a method on videos without labels.

    It learns to find random clips of a video in that video. `train --init` starts from the
    checkpoint; `predict` uses it as it is. Pretraining that was stopped continues when called
    again.
    """
    from dataclasses import replace

    from vid2vidmr.contract import features_at
    from vid2vidmr.methods.load import method_class, preset_config
    from vid2vidmr.train.config import parse_augmentations
    from vid2vidmr.train.pretrain import pretrain
    from vid2vidmr.train.unlabelled import open_videos

    ways = parse_augmentations(augmentations)
    found = method_class(method)
    if found.info.trained_on and not found.has_weights:
        raise UserError(
            f"{method} comes trained, and takes what else it needs from each target: use it as it "
            "is, without a checkpoint."
        )
    if not found.has_weights:
        raise UserError(f"{method} is no network: choose a trained one, see `vid2vidmr methods`.")
    config = replace(preset_config(method, preset), augmentations=ways)
    learner: Any = found(config if noise is None else replace(config, noise=noise), seed)
    unlabelled = open_videos(videos, out / "features", features_at(encoder, step), split)
    pretrain(learner, unlabelled, out, augmented=0.5 if ways else 0.0, level=level.value)
    typer.echo(
        f"The checkpoint of {method}, pretrained on "
        f"{counted(len(unlabelled.durations_s), 'video')}, is in {out}."
    )


def predict(
    method: MethodName,
    dataset: DatasetOption,
    out: Annotated[Path, typer.Option(help="Predictions file to write, JSON Lines.")],
    split: SplitOption = "test",
    protocol: Annotated[
        str,
        typer.Option(
            help="official, recropped, balanced, open or archive, see docs/evaluation.md.",
            autocompletion=complete_protocols,
        ),
    ] = "official",
    checkpoint: CheckpointOption = None,
    encoder: EncoderOption = None,
    step: StepOption = None,
    device: DeviceOption = None,
) -> None:
    """Predict the windows of every pair of a split."""
    from vid2vidmr.contract import features_at
    from vid2vidmr.data.dataset import load_dataset
    from vid2vidmr.experiments.existence import calibrate
    from vid2vidmr.experiments.predict import write_run
    from vid2vidmr.experiments.run import Setting, query_captions
    from vid2vidmr.files import require_no_folder
    from vid2vidmr.methods.load import load_method
    from vid2vidmr.progress import progress

    require_no_folder(out)
    loaded = load_method(method, checkpoint)
    built = load_dataset(dataset)
    features = Setting.source(built, loaded.info, features_at(encoder, step))
    captions = query_captions(built, loaded, features)
    pairs = built.pairs(split, features, captions).under(protocol)
    existence = None
    if pairs.protocol.is_open and loaded.info.kind != "bias":
        val = built.pairs("val", features, captions)
        existence = calibrate(loaded, built, val, out.with_suffix(".existence.work"))
    with progress(f"predict {method}", len(pairs)) as bar:
        write_run(loaded, built, pairs, out, bar, existence=existence)
    typer.echo(f"{counted(len(pairs), 'prediction')} written to {out}.")


def retrieve(
    query: Annotated[Path, typer.Argument(help="Video file of the moment to find.")],
    targets: Annotated[
        list[str], typer.Argument(metavar="TARGET...", help="Files or folders to find it in.")
    ],
    method: Annotated[
        str,
        typer.Option(help="Method, see `vid2vidmr methods`.", autocompletion=complete_methods),
    ] = "align_refine",
    checkpoint: CheckpointOption = None,
    encoder: Annotated[
        str | None,
        typer.Option(
            help="Encoder (default: the checkpoint's, else clip-vit-b32).",
            autocompletion=complete_encoders,
        ),
    ] = None,
    step: Annotated[
        float | None,
        typer.Option(
            metavar="<float>",
            min=0,
            help="Seconds between two features (default: the checkpoint's).",
        ),
    ] = None,
    top: Annotated[int, typer.Option(metavar="<int>", min=1, help="How many windows.")] = 5,
    device: DeviceOption = None,
    as_json: AsJson = False,
) -> None:
    """Find the moment of one video file in others.

    Any files that FFmpeg reads; they are encoded once. Prints windows in seconds, best first: of
    one target with the method's own scores, of several as `search` does with an archive of them.
    """
    from vid2vidmr.contract import DEFAULT_ENCODER, features_at
    from vid2vidmr.features.names import require_encoder

    require_encoder(encoder or DEFAULT_ENCODER)
    from vid2vidmr.methods.load import load_method

    loaded, asked = load_method(method, checkpoint), features_at(encoder, step)
    if len(targets) > 1 or Path(targets[0]).is_dir():
        from vid2vidmr.archive.retrieve import retrieve_among

        several = retrieve_among(loaded, query, targets, encoder=asked, top=top)
        if as_json:
            print_json(several.model_dump(mode="json"))
        else:
            print_found(several)
        return
    found = loaded.retrieve(query, targets[0], encoder=asked, top=top)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    rows = [
        [str(rank), f"{w.start_s:.1f}", f"{w.end_s:.1f}", f"{w.score:.3f}"]
        for rank, w in enumerate(found.windows, start=1)
    ]
    print_table(f"{query} in {targets[0]} ({method})", ["rank", "start s", "end s", "score"], rows)
