"""Croissant metadata of a published data set: https://docs.mlcommons.org/croissant, version 1.0."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vid2vidmr.data.dataset import Dataset
from vid2vidmr.files import file_sha256

_FORMS = {
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".bin": "application/octet-stream",
    ".parquet": "application/x-parquet",
}


def croissant(
    dataset: Dataset,
    folder: Path,
    tables: Mapping[str, tuple[str, ...]],
    others: list[str],
    licence: str,
    url: str | None,
) -> dict[str, Any]:
    """Describe the files of a folder, in JSON-LD.

    Parameters
    ----------
    folder : Path
        Where the files lie.
    tables : mapping of str to tuple of str
        Parquet file, relative to `folder`, to its columns; the first is its key.
    others : list of str
        Files that are no tables.
    licence : str
        Its address, or its name where there is none.
    url : str or None
        Where the data set is published.
    """
    import mlcroissant as mlc

    info = dataset.info
    built = datetime.fromtimestamp((dataset.path / "dataset.json").stat().st_mtime, UTC)
    files = [
        mlc.FileObject(
            id=name,
            name=name,
            content_url=name,
            content_size=f"{(folder / name).stat().st_size} B",
            encoding_formats=[_FORMS.get(Path(name).suffix, "text/plain")],
            sha256=file_sha256(folder / name),
        )
        for name in (*tables, *others)
    ]
    metadata = mlc.Metadata(
        name=info.name,
        description=f"{info.title}. Fingerprint {dataset.fingerprint}. Source: {info.source}",
        license=[licence],
        url=url,
        cite_as=info.citation,
        creators=[mlc.Organization(name=info.source)],
        date_published=built.date(),
        version=f"{info.version}.0.0" if info.version.isdigit() else info.version,
        keywords=["video-moment-retrieval", *["synthetic"] * info.synthetic],
        distribution=files,
        record_sets=[_records(name, columns) for name, columns in tables.items()],
    )
    found: dict[str, Any] = metadata.to_json()
    return found


def _records(name: str, columns: tuple[str, ...]) -> Any:
    import mlcroissant as mlc

    of = name.removesuffix(".parquet").replace("/", "_")
    fields = [
        mlc.Field(
            id=f"{of}/{column}",
            name=column,
            data_types=[mlc.DataType.FLOAT if column.endswith("_s") else mlc.DataType.TEXT],
            source=mlc.Source(file_object=name, extract=mlc.Extract(column=column)),
        )
        for column in columns
    ]
    return mlc.RecordSet(id=of, name=of, key=f"{of}/{columns[0]}", fields=fields)
