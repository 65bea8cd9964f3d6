"""Writing files so that a reader never sees half of one, and reading them with clear errors.

Files of a repository of the Hugging Face Hub are fetched here, too.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import secrets
import shutil
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vid2vidmr.errors import DataError, HubError

_unfinished: set[Path] = set()
_REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
LOCK = ".lock"
"""File of a folder in which a process works `alone`."""
TEMPORARY = ".tmp-"
"""Begins the names of files and folders that are not finished."""
_PROBE_S = 10.0  # the hub's own client retries for a minute before it says that there is no network


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` and rename it to `path` when the block succeeds.

    The temporary name is nobody else's, so that two processes that write the same file leave one
    of the two whole; what a killed run left goes when somebody works in the folder `alone`. It
    keeps the suffix: some writers choose a format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}{path.suffix}")
    _unfinished.add(temporary)
    try:
        yield temporary
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        _unfinished.discard(temporary)


def give_up() -> None:
    """Delete what this process has not finished: it is about to end at once."""
    for path in list(_unfinished):
        with suppress(OSError):
            path.unlink()


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Work in a folder as the only process that does: another one waits, and says so in a line.

    The lock is a file in the folder that goes when the block ends. One that a killed process left
    locks nobody out (the lock itself ends with its process) and tells the next one to take away
    what was left half-written. A folder that this made, and that stays empty, goes, too.
    """
    path, made = folder / LOCK, not folder.exists()
    left, lock = path.exists(), FileLock(path)
    _acquire(lock, folder)
    _unfinished.add(path)
    try:
        if left:
            _take_away_unfinished(folder)
        yield
    finally:
        with suppress(OSError):
            path.unlink()  # while it is held: whoever waits for this file sees that it is gone
        _unfinished.discard(path)
        lock.release()
        if made:
            with suppress(OSError):
                folder.rmdir()


def _acquire(lock: FileLock, folder: Path) -> None:
    timeout = 0.0
    while not lock.is_locked:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout)
        except FileNotFoundError:  # who was there left nothing, and took the folder away
            continue
        except Timeout:
            line = f"Another process is at work in {folder}: waiting for it (Ctrl-C gives up)."
            print(line, file=sys.stderr, flush=True)
            timeout = -1.0


def _take_away_unfinished(folder: Path) -> None:
    """Delete what is temporary, but for that in folders where somebody else may be at work."""
    for root, folders, files in os.walk(folder):
        here = Path(root)
        for name in (name for name in files if name.startswith(TEMPORARY)):
            (here / name).unlink(missing_ok=True)
        for name in (name for name in folders if name.startswith(TEMPORARY)):
            shutil.rmtree(here / name, ignore_errors=True)
        folders[:] = [
            name
            for name in folders
            if not (here / name / LOCK).exists() and not (here / f".{name}.lock").exists()
        ]


def file_name(text: str) -> str:
    """Make a name of a file or folder of any text."""
    return re.sub(r"[^\w.@+-]+", "-", text).strip("-.")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON atomically; NaN and infinity are refused, JSON has none."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_jsonl(path: Path, rows: Iterable[Any]) -> None:
    """Write one JSON value a line, atomically; compressed if the name ends with ``.gz``."""
    with replacing(path) as temporary, ExitStack() as opened:
        file: Any = opened.enter_context(temporary.open("wb"))
        if path.suffix == ".gz":  # without name and time: the same rows are the same bytes
            file = opened.enter_context(gzip.GzipFile("", "wb", fileobj=file, mtime=0))
        for row in rows:
            line = json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"
            file.write(line.encode())


def read_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    DataError
        If the file is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except (ValueError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is not a JSON file: {error}.") from None


def read_jsonl(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield (line number, value) for every line that is not blank; ``.gz`` is uncompressed.

    Raises
    ------
    DataError
        If the file is missing or a line is not JSON.
    """
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        file = opened(path, "rt", encoding="utf-8")
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    number = 0
    with file:
        try:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(
                f"{path}, line {number} is not JSON: {error.msg} at column {error.colno}."
            ) from None
        except UnicodeDecodeError as error:
            raise DataError(f"{path} is not UTF-8 text after line {number}: {error}.") from None
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataError(f"{path} is damaged after line {number}: {error}.") from None


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_repository(name: str | Path) -> bool:
    """Tell whether a name could be that of a repository of the Hub: ``user/name``."""
    return _REPOSITORY.fullmatch(str(name)) is not None


def fetch_repository(
    name: str, files: list[str], kind: str = "model", revision: str | None = None
) -> Path:
    """Fetch files of a repository of the Hub into the cache, and give their folder there.

    Without a network, what was fetched before is taken.

    Parameters
    ----------
    name : str
        ``user/name``.
    files : list of str
        Names or patterns of the files; one that fits nothing is no error.
    kind : {"model", "dataset"}
    revision : str, optional
        Branch, tag or commit.

    Raises
    ------
    HubError
        If there is no such repository, or it cannot be fetched.
    """
    import huggingface_hub as hub
    from huggingface_hub.errors import HfHubHTTPError

    try:
        hub.HfApi().repo_info(name, repo_type=kind, revision=revision, timeout=_PROBE_S)
        offline = False
    except HfHubHTTPError as error:  # the hub's answer: the cache is not asked
        raise hub_error(f"There is no folder {name}, and no such repository", error) from None
    except Exception:  # the clients below raise errors of many kinds where there is no network
        offline = True
    try:
        return Path(
            hub.snapshot_download(
                name,
                repo_type=kind,
                revision=revision,
                allow_patterns=files,
                local_files_only=offline,
            )
        )
    except Exception as error:
        raise hub_error(
            f"There is no folder {name}, and the repository cannot be fetched", error
        ) from None


def hub_error(what: str, error: Exception) -> HubError:
    """Say in one line what a client of the Hub could not do."""
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return HubError(f"{what} ({reason}): check the name, the network and `hf auth whoami`.")
