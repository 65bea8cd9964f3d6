"""Publishing a data set: a folder for the Hugging Face Hub, and its upload."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pandas as pd

from vid2vidmr.data.builder import dataset_builder
from vid2vidmr.data.dataset import TARGETS, Dataset
from vid2vidmr.errors import HubError, UserError
from vid2vidmr.features.store import FILES, FeatureStore, open_features
from vid2vidmr.files import alone, read_json, replacing, write_json, write_text
from vid2vidmr.publish.card import TABLES, dataset_card, licence_of
from vid2vidmr.publish.croissant import croissant
from vid2vidmr.registry import registered_names

_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")


def write_published(
    dataset: Dataset,
    out: Path,
    encoder: str | None = None,
    licence: str | None = None,
    repository: str | None = None,
) -> list[str]:
    """Write the folder: tables, card, Croissant metadata; videos stay where they are.

    It is a data set folder too: `vid2vidmr.load_dataset` opens it, with the same fingerprint.
    Gives its files, relative to it.

    Parameters
    ----------
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
    with alone(out):
        return _write(dataset, out, store, licence, repository)


def _write(
    dataset: Dataset, out: Path, store: FeatureStore | None, licence: str, repository: str | None
) -> list[str]:
    tables = {f"pairs/{split}.parquet": dataset.pair_ids(split) for split in dataset.splits}
    tables["moments.parquet"] = dataset.moments
    tables["videos.parquet"] = dataset.videos.assign(path=None, status="missing")
    if (targets := dataset.exhaustive) is not None:
        tables[TARGETS] = targets
    columns = {name: TABLES[re.split(r"[/.]", name)[0]] for name in tables}
    for name, table in tables.items():
        _write_table(out / name, table, columns[name])
    others = ["dataset.json"]
    write_json(out / others[0], read_json(dataset.path / others[0]) | {"licence": licence})
    named = dataset.name in registered_names("dataset")
    if named and (notice := dataset_builder(dataset.name).notice) is not None:
        others.append("NOTICE")
        _take(notice, out / "NOTICE")
    contracts = {}
    if store is not None:
        folder = f"features/{store.path.name}"
        contracts[folder] = store.contract
        for name in FILES:
            others.append(f"{folder}/{name}")
            _take(store.path / name, out / folder / name)
    write_text(out / "README.md", dataset_card(dataset, licence, contracts, repository))
    known = re.search(r"https?://[^\s;,]+", dataset.info.source)
    url = f"https://huggingface.co/datasets/{repository}" if repository else known and known[0]
    metadata = croissant(dataset, out, columns, others, licence_of(licence)[1], url)
    write_json(out / "croissant.json", metadata)
    return [*tables, *others, "README.md", "croissant.json"]


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
    if path.exists() and path.samefile(source):  # renaming one name onto the other does nothing
        return
    with replacing(path) as temporary:
        temporary.unlink(missing_ok=True)
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)


def push_dataset(folder: Path, files: list[str], repository: str, private: bool = False) -> str:
    """Upload files of a folder into a data set repository, made where there is none.

    Files that are there already are not sent again, so an upload that was cut off continues.
    Gives the address of the repository.

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
            folder_path=folder,
            allow_patterns=files,
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
        raise HubError(f"{folder} cannot be pushed to {repository}: {todo}.") from None
