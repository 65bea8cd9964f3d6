"""Publishing a data set: a folder for the Hugging Face Hub, and its upload."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from vid2vidmr.data.builder import dataset_builder
from vid2vidmr.data.dataset import Dataset
from vid2vidmr.data.info import MOMENT_COLUMNS, PAIR_COLUMNS, VIDEO_COLUMNS
from vid2vidmr.errors import HubError, UserError
from vid2vidmr.features.store import FILES, FeatureStore, open_features
from vid2vidmr.files import read_json, replacing, write_json, write_text
from vid2vidmr.publish.card import dataset_card, licence_of
from vid2vidmr.publish.croissant import croissant
from vid2vidmr.registry import registered_names

_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


@dataclass(frozen=True)
class Published:
    """A folder as it is, or is to be, on the Hub: its path and its files, relative to it."""

    folder: Path
    files: list[str]


def write_published(
    dataset: Dataset,
    out: Path,
    encoder: str | None = None,
    licence: str | None = None,
    repository: str | None = None,
) -> Published:
    """Write the folder: tables, card, Croissant metadata; videos stay where they are.

    It is a data set folder too: `vid2vidmr.load_dataset` opens it, with the same fingerprint.

    Parameters
    ----------
    dataset : Dataset
    out : Path
    encoder : str, optional
        Add the features of this encoder.
    licence : str, optional
        Of the annotations, by default what the data set says of itself.
    repository : str, optional
        Where it is to go, ``user/name``.

    Raises
    ------
    UserError
        If `out` is the data set's own folder.
    FeatureError
        If there are no such features.
    """
    if out.resolve() == dataset.path.resolve():
        raise UserError(f"{out} is the data set itself: choose another folder with --out.")
    licence = licence or dataset.info.licence
    store = open_features(dataset, encoder) if encoder else None
    videos = dataset.videos.assign(path=None, status="missing")
    tables = {
        **{
            f"pairs/{split}.parquet": (dataset.pair_ids(split), PAIR_COLUMNS)
            for split in dataset.splits
        },
        "moments.parquet": (dataset.moments, MOMENT_COLUMNS),
        "videos.parquet": (videos, VIDEO_COLUMNS),
    }
    for name, (table, columns) in tables.items():
        _write_table(out / name, table, columns)
    others = ["dataset.json"]
    described = {**read_json(dataset.path / "dataset.json"), "licence": licence}
    write_json(out / "dataset.json", described)
    notice = (
        dataset_builder(dataset.name).notice
        if dataset.name in registered_names("dataset")
        else None
    )
    if notice is not None:
        others.append("NOTICE")
        _take(notice, out / "NOTICE")
    contracts = {}
    if store is not None:
        folder = f"features/{store.path.name}"
        contracts[folder] = store.contract
        others += _take_store(store, out, folder)
    write_text(out / "README.md", dataset_card(dataset, licence, contracts, repository))
    known = re.search(r"https?://[^\s;,]+", dataset.info.source)
    url = f"https://huggingface.co/datasets/{repository}" if repository else known and known[0]
    columns_of = {name: columns for name, (_, columns) in tables.items()}
    write_json(
        out / "croissant.json",
        croissant(dataset, out, columns_of, others, licence_of(licence)[1], url),
    )
    return Published(out, [*tables, *others, "README.md", "croissant.json"])


def _write_table(path: Path, table: pd.DataFrame, columns: tuple[str, ...]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [(name, pa.float64() if name.endswith("_s") else pa.string()) for name in columns]
    )
    rows = pa.Table.from_pandas(table[list(columns)], preserve_index=False)
    with replacing(path) as temporary:
        pq.write_table(rows.cast(schema).replace_schema_metadata(), temporary, compression="zstd")


def _take(source: Path, path: Path) -> None:
    """Give a file a second name, or copy it to another disk."""
    with replacing(path) as temporary:
        temporary.unlink(missing_ok=True)
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)


def _take_store(store: FeatureStore, out: Path, folder: str) -> list[str]:
    for name in FILES:
        _take(store.path / name, out / folder / name)
    return [f"{folder}/{name}" for name in FILES]


def push_dataset(published: Published, repository: str, private: bool = False) -> str:
    """Upload a folder into a data set repository, making it where there is none.

    Files that are there already are not sent again, so an upload that was cut off continues.

    Returns
    -------
    str
        Its address.

    Raises
    ------
    HubError
        If the hub cannot be reached, or refuses.
    """
    import huggingface_hub as hub
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    if not _REPOSITORY.fullmatch(repository):
        raise UserError(f"{repository} is no repository of the hub: expected USER/NAME.")
    try:
        api = hub.HfApi()
        url = api.create_repo(repository, repo_type="dataset", private=private, exist_ok=True)
        api.upload_folder(
            repo_id=repository,
            repo_type="dataset",
            folder_path=published.folder,
            allow_patterns=published.files,
            commit_message="vid2vidmr push",
        )
        return str(url)
    except Exception as error:  # clients raise many kinds where there is no network
        answer = error.response.status_code if isinstance(error, HfHubHTTPError) else None
        if answer == 401 or isinstance(error, LocalTokenNotFoundError):
            todo = "the hub does not know you: run `hf auth login` with a token that may write"
        elif answer == 403:
            owner = repository.split("/")[0]
            todo = f"your token may not write there: use one of {owner} that may (`hf auth whoami`)"
        else:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            todo = f"{reason}; run the same command again, it continues"
        raise HubError(f"{published.folder} cannot be pushed to {repository}: {todo}.") from None
