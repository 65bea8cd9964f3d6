"""Captions of moments: read from a file, encoded into a feature store beside that of the videos.

A file is JSON Lines, ``{"moment_id": "m1", "caption": "a header"}``, or CSV with the columns
``moment_id,caption``. The store is that of `vid2vidmr.features.store`, with moments in place
of videos and tokens in place of frames.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vid2vidmr.contract import DEFAULT_ENCODER, TEXT
from vid2vidmr.errors import DataError, FeatureError
from vid2vidmr.features.store import FeatureStore, feature_folder
from vid2vidmr.features.writer import FeatureWriter
from vid2vidmr.files import file_sha256, read_jsonl
from vid2vidmr.progress import progress
from vid2vidmr.text import counted

if TYPE_CHECKING:
    import torch

    from vid2vidmr.data.dataset import Dataset
    from vid2vidmr.features.text import TextEncoder

BATCH = 64


def read_captions(path: Path) -> dict[str, str]:
    """Read a file of captions: moment id to text, stripped; it may be empty.

    Raises
    ------
    DataError
        If the file is missing or damaged, a line lacks a field, or a moment has two captions.
    """
    captions: dict[str, str] = {}
    for number, row in csv_rows(path) if path.suffix == ".csv" else read_jsonl(path):
        fields = row if isinstance(row, dict) else {}
        moment, caption = fields.get("moment_id"), fields.get("caption")
        # What a CSV row has in excess is under None: a comma within a caption that is not quoted.
        if not isinstance(moment, str) or not isinstance(caption, str) or None in fields:
            raise DataError(
                f"{path}, line {number} is no caption: expected the fields moment_id and caption, "
                "both text (in CSV in quotes if there is a comma in it)."
            )
        if moment in captions:
            raise DataError(
                f"{path}, line {number} is a second caption of moment {moment!r}: leave one."
            )
        captions[moment] = " ".join(caption.split())
    return captions


def csv_rows(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield the last line of each row of a CSV file, and its cells by column; None: in excess."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            for row in reader:
                yield reader.line_num, row
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a CSV file in UTF-8: {error}.") from None


def encode_captions(
    dataset: Dataset,
    path: Path,
    encoder_name: str | TextEncoder = DEFAULT_ENCODER,
    out: Path | None = None,
    device: str | torch.device | None = None,
) -> tuple[FeatureStore, str]:
    """Encode the captions of a data set's moments that have no features yet.

    A run that was killed ends, when called again, with the same bytes as one that was not.

    Parameters
    ----------
    path : Path
        See `read_captions`.
    encoder_name : str or TextEncoder
        See `vid2vidmr.features.text.load_text_encoder`.
    out : Path, optional
        Folder of the store; by default where `open_captions` looks.
    device : str or torch.device, optional
        See `vid2vidmr.devices.pick_device`.

    Returns
    -------
    store : FeatureStore
    summary : str
        How many there are, and what the file lacks or has in excess.

    Raises
    ------
    DataError
        If the file cannot be read, or has no caption of a moment of this data set.
    FeatureError
        If the store there was made differently, or from another file.
    """
    captions = read_captions(path)
    moments = dataset.moments["moment_id"].tolist()
    known = [moment for moment in moments if captions.get(moment)]
    if not known:
        raise DataError(
            f"{path} has no caption of any of the {len(moments)} moments of {dataset.name}: "
            f"expected moment ids such as {moments[0]!r}."
        )
    if isinstance(encoder_name, str):
        from vid2vidmr.features.text import load_text_encoder

        encoder = load_text_encoder(encoder_name, device)
    else:
        encoder = encoder_name
    folder = feature_folder(dataset, encoder.name) if out is None else out
    with (
        FeatureWriter(folder, encoder.contract(file_sha256(path))) as writer,
        progress(f"Captions {encoder.name}", len(known)) as bar,
    ):
        for first in range(0, len(known), BATCH):
            # A batch is encoded whole or not at all: the numbers depend a little on its size.
            some = known[first : first + BATCH]
            if not writer.keys.issuperset(some):
                encoded = encoder.encode([captions[moment] for moment in some])
                for moment, rows in zip(some, encoded, strict=True):
                    if moment not in writer.keys:
                        writer.append(moment, rows)
            bar.advance(len(some))
    return FeatureStore(folder), _summary(dataset, captions, known, encoder, folder)


def _summary(
    dataset: Dataset,
    captions: dict[str, str],
    known: list[str],
    encoder: TextEncoder,
    folder: Path,
) -> str:
    of_moments = set(dataset.moments["moment_id"])
    queries = {
        query for split in dataset.splits for query in dataset.pairs(split).table["query_id"]
    }
    cut = [m for m in known if len(encoder.tokens(captions[m])) > encoder.longest]
    faults = {
        ("query", "without a caption"): sorted(queries.difference(known)),
        ("caption", "empty"): [m for m in captions if m in of_moments and not captions[m]],
        ("caption", "of no moment of this data set"): [m for m in captions if m not in of_moments],
        ("caption", f"cut off after {encoder.longest} tokens"): cut,
    }
    said = [
        f"{counted(len(found), noun)} {what} (such as {found[0]!r})"
        for (noun, what), found in faults.items()
        if found
    ]
    return "; ".join([f"Features of {counted(len(known), 'caption')} are in {folder}", *said]) + "."


def open_captions(dataset: Dataset, encoder: str) -> FeatureStore:
    """Open the captions of a data set.

    Parameters
    ----------
    encoder : str
        Of the frames that they are used with.

    Raises
    ------
    FeatureError
        If there are none, saying which command makes them.
    """
    folder = feature_folder(dataset, encoder + TEXT)
    if not (folder / "contract.json").exists():
        raise FeatureError(
            f"{dataset.name} has no captions for {encoder} features in {folder}: run `vid2vidmr "
            f"features --dataset {dataset.name} --captions FILE --encoder {encoder}`."
        )
    store = FeatureStore(folder)
    if store.contract.encoder != encoder + TEXT:
        raise FeatureError(
            f"{folder} holds features of {store.contract.encoder}, not captions for {encoder}: "
            "move it away and run `vid2vidmr features` again."
        )
    return store
