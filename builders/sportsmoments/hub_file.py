"""A file of the Hugging Face Hub, continued where an earlier run was cut off.

`huggingface_hub.hf_hub_download` continues within a call, but throws away what it has when the call
fails or is killed: for archives of many gigabytes that is too much.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from vid2vidmr.downloads.reasons import FetchError, Reason
from vid2vidmr.files import file_sha256

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoFile


def fetch_hub_file(file: RepoFile, url: str, path: Path, partial: Path) -> None:
    """Fetch a file, unless it is there; what an earlier run has of it is not fetched again.

    Parameters
    ----------
    file : RepoFile
        What the hub says of it: its size and hash.
    url : str
        Where it lies, see `huggingface_hub.hf_hub_url`.
    path : Path
        Where it goes.
    partial : Path
        Folder of what is not complete: pieces of 10 MB, as the client hands them over.

    Raises
    ------
    FetchError
        If what arrived is not what the hub says.
    """
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    if path.exists() and _is(file, path):
        return
    partial.mkdir(parents=True, exist_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    version = f"{file.path}\x1f{file.lfs.sha256 if file.lfs else file.blob_id}"
    part = partial / f"{hashlib.sha256(version.encode()).hexdigest()[:32]}.part"
    if part.exists() and part.stat().st_size > file.size:
        part.unlink()
    with part.open("ab") as out:
        http_get(
            url,
            out,
            resume_size=out.tell(),
            headers=build_hf_headers(),
            expected_size=file.size,
        )
    if not _is(file, part):
        part.unlink()
        raise FetchError(Reason.network, f"{file.path} arrived damaged, it is fetched anew")
    part.replace(path)


def _is(file: RepoFile, path: Path) -> bool:
    """Whether a file is what the hub says, by the hash that it keeps: of LFS, else of git."""
    if path.stat().st_size != file.size:
        return False
    if file.lfs:
        return file_sha256(path) == file.lfs.sha256
    digest = hashlib.sha1(b"blob %d\0" % file.size, usedforsecurity=False)
    with path.open("rb") as data:
        while piece := data.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest() == file.blob_id
