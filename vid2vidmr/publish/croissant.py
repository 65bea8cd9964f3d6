"""Croissant metadata of a published data set: https://docs.mlcommons.org/croissant, version 1.0."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from vid2vidmr.data.dataset import Dataset
from vid2vidmr.files import file_sha256

_TERMS = (
    "citeAs", "column", "dataBiases", "dataCollection", "extract", "field", "fileProperty",
    "fileObject", "fileSet", "format", "includes", "isLiveDataset", "jsonPath", "key", "md5",
    "parentField", "path", "personalSensitiveInformation", "recordSet", "references", "regex",
    "repeated", "replace", "separator", "source", "subField", "transform",
)  # fmt: skip
CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    **{term: f"cr:{term}" for term in _TERMS},
}
"""The context that the specification gives in its appendix."""

_FORMS = {
    ".json": "application/json",
    ".jsonl": "application/jsonlines",
    ".bin": "application/octet-stream",
}


def croissant(
    dataset: Dataset,
    folder: Path,
    tables: Mapping[str, tuple[str, ...]],
    others: list[str],
    licence: str,
    url: str | None,
) -> dict[str, Any]:
    """Describe the files of a folder.

    Parameters
    ----------
    dataset : Dataset
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

    Returns
    -------
    dict
        JSON-LD.
    """
    info = dataset.info
    built = datetime.fromtimestamp((dataset.path / "dataset.json").stat().st_mtime, UTC)
    return {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": info.name,
        "description": f"{info.title}. Fingerprint {dataset.fingerprint}. Source: {info.source}",
        "alternateName": info.title,
        "license": licence,
        **({"url": url} if url else {}),
        "citeAs": info.citation,
        "creator": {"@type": "sc:Organization", "name": info.source},
        "datePublished": built.date().isoformat(),
        "version": f"{info.version}.0.0" if info.version.isdigit() else info.version,
        "keywords": ["video-moment-retrieval", *["synthetic"] * info.synthetic],
        "isLiveDataset": False,
        "distribution": [
            *(_file(folder, name, "application/x-parquet") for name in tables),
            *(_file(folder, name, _FORMS.get(Path(name).suffix, "text/plain")) for name in others),
        ],
        "recordSet": [_records(name, columns) for name, columns in tables.items()],
    }


def _file(folder: Path, name: str, form: str) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{(folder / name).stat().st_size} B",
        "encodingFormat": form,
        "sha256": file_sha256(folder / name),
    }


def _records(name: str, columns: tuple[str, ...]) -> dict[str, Any]:
    of = name.removesuffix(".parquet").replace("/", "_")
    return {
        "@type": "cr:RecordSet",
        "@id": of,
        "name": of,
        "key": {"@id": f"{of}/{columns[0]}"},
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{of}/{column}",
                "name": column,
                "dataType": "sc:Float" if column.endswith("_s") else "sc:Text",
                "source": {"fileObject": {"@id": name}, "extract": {"column": column}},
            }
            for column in columns
        ],
    }
