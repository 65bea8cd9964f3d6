"""The three tracks of captions: files beside the data set, see `vid2vidmr.features.captions`.

``DATASET/captions/released.jsonl`` (those of the paper's authors), ``common.jsonl`` (one captioner
for all models), ``own-MODEL.jsonl`` (each model's own). A file never mixes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from baselines.vlm.config import Track, VlmConfig
from baselines.vlm.generate import ask
from baselines.vlm.ledger import FILE, open_ledger
from baselines.vlm.prepare import prepare_captions
from baselines.vlm.records import Frames, Reply
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.pairs import PairSet
from vid2vidmr.errors import DataError
from vid2vidmr.features.captions import read_captions
from vid2vidmr.files import file_name, read_json, write_json, write_jsonl


def captions_file(dataset: Dataset, track: Track, model: str) -> Path:
    """Where a track lies."""
    name = f"own-{file_name(model)}" if track == "own" else track
    return dataset.path / "captions" / f"{name}.jsonl"


def open_track(dataset: Dataset, config: VlmConfig) -> Mapping[str, str] | None:
    """Captions that a config asks by; None if it shows the query.

    Raises
    ------
    DataError
        If they are not there.
    """
    if config.protocol == "two-video":
        return None
    if config.captions is None:
        raise DataError("The protocol caption needs a track: released, common or own (captions).")
    path = captions_file(dataset, config.captions, config.model)
    if not path.exists():
        how = (
            "put the published captions there (moment_id and caption, a line each)"
            if config.captions == "released"
            else f"write them with `vid2vidmr vlm caption {dataset.name} --track {config.captions}`"
        )
        raise DataError(f"{path} is missing: {how}.")
    return read_captions(path)


def write_captions(
    dataset: Dataset, pairs: PairSet, config: VlmConfig, track: Track, url: str | None
) -> tuple[Path, int]:
    """Have the queries of pairs captioned; answers that are there already are used again.

    Returns
    -------
    path : Path
        The track's file: captions of other moments in it are kept.
    missing : int
        Queries whose request failed; the same call asks for them again.

    Raises
    ------
    DataError
        If the track has captions of another captioner.
    """
    if track == "released":
        raise DataError("The track released holds published captions: write common or own.")
    path, frames = captions_file(dataset, track, config.model), Frames(dataset.path / "frames")
    _require_captioner(path, config)
    requests = prepare_captions(dataset, pairs, config, frames)
    keys = {m: request.key(config.model, config.revision) for m, request in requests.items()}
    with open_ledger(path.with_suffix("") / FILE) as ledger:
        ask({keys[m]: r for m, r in requests.items()}, ledger, config, frames, url)
        found = {m: ledger[key] for m, key in keys.items() if key in ledger}
    captions = read_captions(path) if path.exists() else {}
    captions |= {m: text for m, reply in found.items() if (text := _sentence(reply))}
    rows = [{"moment_id": m, "caption": captions[m]} for m in sorted(captions)]
    write_jsonl(path, rows)
    return path, sum(m not in captions for m in requests)


def _require_captioner(path: Path, config: VlmConfig) -> None:
    """Refuse to add captions of one model to those of another; remember the first."""
    note = path.with_suffix("") / "captioner.json"
    own = {"model": config.model, "revision": config.revision, "query_frames": config.query_frames}
    own |= {"size": config.size, "layout": config.layout}
    if not note.exists():
        if path.exists():
            raise DataError(f"{path} was not written by `vlm caption`: move it away.")
        write_json(note, own)
    elif (there := read_json(note)) != own:
        raise DataError(
            f"{path} holds captions made otherwise ({there}): move it and its folder away, or use "
            "another track."
        )


def _sentence(reply: Reply) -> str:
    """Text of a caption; what a model thinks before it answers is no part of it."""
    return " ".join((reply.text or "").rpartition("</think>")[2].split())
