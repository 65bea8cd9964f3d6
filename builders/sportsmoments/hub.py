"""The released clips and CSV files of SportsMoments, from the Hugging Face Hub.

The repository's layout was never seen here. So nothing is taken from where a file lies: a CSV file
is known by its columns and split by its name, a clip by the name of its file, in folders or in
archives. Whatever is not recognised is listed in ``hub.json``.
"""

from __future__ import annotations

import math
import re
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO

from pydantic import BaseModel

from builders.sportsmoments.hub_file import fetch_hub_file
from vid2vidmr.downloads import DownloadOptions, DownloadStore, FetchError, Reason, retried
from vid2vidmr.downloads.fetch import checked
from vid2vidmr.downloads.reasons import DISK_FULL
from vid2vidmr.errors import DataError, HubError, UserError
from vid2vidmr.files import MAX_TABLE_BYTES, replacing, write_json
from vid2vidmr.progress import progress
from vid2vidmr.records import read_record

RECORD = "hub.json"
"""In the data set's folder: the repository's commit, what its archives held, what is unknown."""


class _Record(BaseModel):
    """What is read back of `RECORD`."""

    revision: str | None
    emptied: dict[str, dict[str, list[str]]]


@dataclass(frozen=True)
class HubConfig:
    """Which files of the repository are what; patterns are searched in paths, without case.

    Attributes
    ----------
    rows : mapping of str to str
        Split to the pattern of the CSV file with its pairs.
    clip : str
        Pattern of a clip's file name; its group ``id`` is the clip's id.
    archive : str
        Pattern of archives, which are searched for clips and CSV files.
    known : str
        Pattern of files that are no part of what is built.
    """

    repository: str = "yogeshiitj/SportsMoment"
    rows: Mapping[str, str] = field(
        default_factory=lambda: {
            "train": r"(^|[/_-])train[^/]*\.csv$",
            "val": r"(^|[/_-])val[^/]*\.csv$",
            "test": r"(^|[/_-])test[^/]*\.csv$",
        }
    )
    clip: str = r"(^|/)(?P<id>[\w-]{11}__\d+_\d+)\.(mp4|mkv|webm|avi|mov)$"
    archive: str = r"\.(zip|tar|tar\.gz|tgz|tar\.bz2|tar\.xz)$"
    known: str = (
        r"(^|/)(README[^/]*|LICEN[SC]E[^/]*|\.git[^/]*|\.DS_Store|vids\.txt|[^/]*caption[^/]*|"
        r"id_class_mapping\.json)$"
    )

    def kind(self, path: str) -> tuple[str, str]:
        """Give what a file is (``rows``, ``clip``, ``archive``, ``known``, ``unknown``) and whose.

        The second is the split of rows, the id of a clip, else empty.
        """
        if found := re.search(self.clip, path):
            return "clip", found["id"]
        for split, pattern in self.rows.items():
            if re.search(pattern, path, re.IGNORECASE):
                return "rows", split
        for kind in ("archive", "known"):
            if re.search(getattr(self, kind), path, re.IGNORECASE):
                return kind, ""
        return "unknown", ""


@dataclass
class Fetched:
    """What the repository held.

    Attributes
    ----------
    rows : dict of str to Path
        Split to CSV file.
    clips : set of str
        Ids of the clips it has, wherever they lay.
    unknown : list of str
        Files that were not recognised, those in archives as ``ARCHIVE!MEMBER``.
    """

    rows: dict[str, Path] = field(default_factory=dict)
    clips: set[str] = field(default_factory=set)
    unknown: list[str] = field(default_factory=list)


class HubFiles:
    """The files of the repository at one commit, fetched into a data set folder.

    Parameters
    ----------
    folder : Path
        The data set's folder. CSV files go to ``hub/SPLIT.csv``, clips to ``videos/``; archives
        are deleted once all their clips are there.
    options : DownloadOptions
        Only `parallel` applies.

    Raises
    ------
    HubError
        If the repository cannot be listed.
    """

    def __init__(
        self, folder: Path, options: DownloadOptions, config: HubConfig | None = None
    ) -> None:
        import huggingface_hub as hub

        self.folder, self.options, self.config = folder, options, config or HubConfig()
        repository = self.config.repository
        try:
            api = hub.HfApi()
            self.revision = str(api.dataset_info(repository, timeout=30).sha)
            self.files = {
                entry.path: entry
                for entry in api.list_repo_tree(
                    repository, recursive=True, revision=self.revision, repo_type="dataset"
                )
                if isinstance(entry, hub.hf_api.RepoFile)
            }
        except Exception as error:  # clients raise many kinds where there is no network
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise HubError(
                f"The files of the data set {repository} cannot be listed ({reason}): check the "
                "network, and `hf auth whoami` if it asks for an account."
            ) from None
        self.found = Fetched()
        path = folder / RECORD
        self._emptied: dict[str, dict[str, list[str]]] = {}
        if path.exists():
            then = "delete it, and archives are fetched again"
            record = read_record(path, _Record, "record of a download", then, MAX_TABLE_BYTES)
            if record.revision == self.revision:
                self._emptied = record.emptied

    def fetch_rows(self) -> dict[str, Path]:
        """Fetch the CSV files that lie outside archives."""
        for path in self._of_kind("rows"):
            try:
                self._add_rows(self.config.kind(path)[1], self._fetch(path), path)
            except Exception as error:
                raise _unreachable(path, error) from None
        return self.found.rows

    def fetch_clips(self, durations_s: Mapping[str, float]) -> Fetched:
        """Fetch the clips that are not here yet, then empty the archives.

        Parameters
        ----------
        durations_s : mapping of str to float
            Clip id to its length in seconds, where it is known.
        """
        clips = {self.config.kind(path)[1]: path for path in self._of_kind("clip")}
        self.found.clips |= clips.keys()
        self.found.unknown += self._of_kind("unknown")
        with DownloadStore(self.folder) as store:
            settled = {
                clip_id
                for clip_id, state in store.states().items()
                if (state.path is not None and (self.folder / state.path).exists())
                or (state.state == "failed" and not retried(state.reason, self.options))
            }
            todo = {clip_id: path for clip_id, path in clips.items() if clip_id not in settled}
            store.add((clip_id, self._url(path)) for clip_id, path in todo.items())
            with (
                progress("Clips", len(todo)) as bar,
                ThreadPoolExecutor(self.options.parallel) as pool,
            ):
                for clip_id, ended in zip(todo, pool.map(self._try, todo.values()), strict=True):
                    store.downloading(clip_id)
                    if isinstance(ended, FetchError):
                        store.failed(clip_id, ended)
                    else:
                        self._take(store, clip_id, ended, durations_s.get(clip_id))
                    bar.advance()
            for path in self._of_kind("archive"):
                if path not in self._emptied or set(self._emptied[path]["clips"]) - settled:
                    self._empty(path, store, durations_s, settled)
                held = self._emptied[path]
                self.found.clips.update(held["clips"])
                self.found.unknown += held["unknown"]
                for name in held["rows"]:
                    split = self.config.kind(name)[1]
                    self._add_rows(split, self.folder / "hub" / f"{split}.csv", f"{path}!{name}")
        self._write_record()
        return self.found

    def _of_kind(self, kind: str) -> list[str]:
        return [path for path in self.files if self.config.kind(path)[0] == kind]

    def _write_record(self) -> None:
        write_json(
            self.folder / RECORD,
            {
                "repository": self.config.repository,
                "revision": self.revision,
                "emptied": self._emptied,
                "unknown": sorted(self.found.unknown),
            },
        )

    def _url(self, path: str) -> str:
        return f"hf://datasets/{self.config.repository}@{self.revision}/{path}"

    def _fetch(self, path: str) -> Path:
        """Fetch a file of the repository into ``hub/``; what is there is not fetched again."""
        from huggingface_hub import hf_hub_url

        fetched = self.folder / "hub" / path
        url = hf_hub_url(self.config.repository, path, repo_type="dataset", revision=self.revision)
        fetch_hub_file(self.files[path], url, fetched, self.folder / ".downloading")
        return fetched

    def _try(self, path: str) -> Path | FetchError:
        try:
            return self._fetch(path)
        except FetchError as failure:
            return failure
        except Exception as error:
            if isinstance(error, OSError) and error.errno in DISK_FULL:
                raise
            message = " ".join((str(error) or type(error).__name__).split())
            return FetchError(Reason.network, message)

    def _take(
        self, store: DownloadStore, clip_id: str, path: Path, duration_s: float | None
    ) -> None:
        """Check a clip and give it its name."""
        known = duration_s is not None and not math.isnan(duration_s)
        try:
            file = checked(path, duration_s if known else None)
        except FetchError as failure:
            store.failed(clip_id, failure)
            return
        final = self.folder / "videos" / f"{clip_id}{path.suffix.lower()}"
        final.parent.mkdir(exist_ok=True)
        path.replace(final)
        store.done(clip_id, file._replace(path=f"videos/{final.name}"))

    def _add_rows(self, split: str, file: Path, path: str) -> None:
        if split in self.found.rows:
            self.found.unknown.append(f"{path} (a second file of {split} pairs)")
            return
        self.found.rows[split] = self.folder / "hub" / f"{split}.csv"
        if file != self.found.rows[split]:
            with replacing(self.found.rows[split]) as temporary:
                shutil.copyfile(file, temporary)

    def _empty(
        self,
        path: str,
        store: DownloadStore,
        durations_s: Mapping[str, float],
        settled: set[str],
    ) -> None:
        """Take clips and rows out of an archive and delete it; a killed run begins it again.

        The name of a member says what it is, never where it goes: no path leads out of the folder.
        """
        try:
            archive = self._fetch(path)
        except Exception as error:
            raise _unreachable(path, error) from None
        held: dict[str, list[str]] = {"clips": [], "rows": [], "unknown": []}
        with (
            _undamaged(archive),
            progress(f"Clips of {PurePosixPath(path).name}", None) as bar,
        ):
            for name, file in members(archive):
                kind, of = self.config.kind(name)
                if kind == "clip":
                    held["clips"].append(of)
                    if of not in settled:
                        store.add([(of, f"{self._url(path)}!{name}")])
                        store.downloading(of)
                        partial = self.folder / ".downloading" / f"{of}{PurePosixPath(name).suffix}"
                        _write(file, partial)
                        self._take(store, of, partial, durations_s.get(of))
                    bar.advance()
                elif kind == "rows":
                    held["rows"].append(name)
                    with replacing(self.folder / "hub" / f"{of}.csv") as temporary:
                        _write(file, temporary)
                elif kind != "known":
                    held["unknown"].append(f"{path}!{name}")
        self._emptied[path] = held
        self._write_record()
        archive.unlink()


def _unreachable(path: str, error: Exception) -> Exception:
    """Give what to raise where a file cannot be fetched that the build cannot do without."""
    if isinstance(error, UserError) or (isinstance(error, OSError) and error.errno in DISK_FULL):
        return error
    message = " ".join((str(error) or type(error).__name__).split())
    return HubError(f"{path} cannot be fetched ({message}): run the same command again.")


def _write(file: IO[bytes], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        shutil.copyfileobj(file, out)


def members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield name and content of the regular files of a zip or tar archive, one after the other."""
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as unpacked:
            for info in unpacked.infolist():
                if not info.is_dir():
                    with unpacked.open(info) as file:
                        yield info.filename, file
        return
    with tarfile.open(archive, "r|*") as stream:
        for member in stream:
            file = stream.extractfile(member) if member.isfile() else None
            if file is not None:  # links and devices are left where they are
                with closing(file):
                    yield member.name, file


@contextmanager
def _undamaged(archive: Path) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
        archive.unlink()
        raise DataError(
            f"{archive.name} is damaged ({error}): run the same command again, it is fetched anew; "
            "if it stays so, tell those who published it."
        ) from None
