"""Writing files so that a reader never sees half of one; reading anybody's, within bounds."""

from __future__ import annotations

import errno
import gzip
import hashlib
import json
import math
import os
import re
import secrets
import shutil
import stat
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vid2vidmr.errors import DataError

MAX_BYTES = 2**24
"""Of a JSON file, where its reader says nothing else."""
MAX_RECORD_BYTES = 2**20
"""Of a JSON file that describes one thing: a data set, a checkpoint, a store, a result."""
MAX_TABLE_BYTES = 2**27
"""Of a JSON file with an entry a video: Kinetics-700 has 650,000."""
MAX_LINE = 2**20
"""Bytes of a line of JSON Lines."""
MAX_LINES = 10**7
MAX_DEPTH = 64
"""Objects and lists in each other."""
MAX_DIGITS = 18
"""Of a whole number: it fits 64 bits."""
_unfinished: set[Path] = set()
LOCK = ".lock"
"""File of a folder in which a process works `alone`."""
TEMPORARY = ".tmp-"
"""Begins the names of files and folders that are not finished."""

BASE_CSS = Path(__file__).with_name("base.css")
"""Style of all pages: those of the app, of analyses and of the leaderboard build on it."""


def require_no_folder(path: Path) -> None:
    """Refuse to write a file where a folder is, before anything is worked out for it.

    Raises
    ------
    IsADirectoryError
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` and rename it to `path` when the block succeeds.

    The temporary name is nobody else's, so that two processes that write the same file leave one
    of the two whole; what a killed run left goes when somebody works in the folder `alone`. It
    keeps the suffix: some writers choose a format by it.
    """
    require_no_folder(path)
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


def require_folder(path: Path) -> None:
    """Refuse what can be no folder, before there is anything to write into it.

    Raises
    ------
    OSError
        As writing would.
    """
    there = next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(there))
    if not os.access(there, os.W_OK | os.X_OK):
        whole = os.statvfs(there).f_flag & os.ST_RDONLY
        wrong = errno.EROFS if whole else errno.EACCES
        raise OSError(wrong, os.strerror(wrong), str(there))


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Work in a folder as the only process that does: another one waits, and says so in a line.

    The lock is a file in the folder that goes when the block ends. One that a killed process left
    locks nobody out (the lock itself ends with its process) and tells the next one to take away
    what was left half-written. Folders that this made, and that stay empty, go, too. Who works
    alone in a folder may ask for it again.
    """
    path = folder.absolute() / LOCK
    require_folder(folder)
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    lock = FileLock(path, is_singleton=True)  # of this thread, too: it is known to be held
    if lock.is_locked:
        yield
        return
    left = _acquire(lock, folder)
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
        with suppress(OSError):
            for each in made:
                each.rmdir()


def _acquire(lock: FileLock, folder: Path) -> bool:
    """Wait for a lock; tell whether a killed process left its file."""
    timeout = 0.0
    with ExitStack() as opened:
        before = None
        with suppress(FileNotFoundError):
            before = opened.enter_context(Path(lock.lock_file).open("rb"))
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
        # One that ended by itself has deleted its file.
        return before is not None and os.fstat(before.fileno()).st_nlink > 0


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
    """Write indented JSON atomically; NaN and what else `read_json` would refuse are refused."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    parse_json(text, path)
    write_text(path, text + "\n")


def write_jsonl(path: Path, rows: Iterable[Any]) -> None:
    """Write one JSON value a line, atomically; compressed if the name ends with ``.gz``."""
    with replacing(path) as temporary, ExitStack() as opened:
        file: Any = opened.enter_context(temporary.open("wb"))
        if path.suffix == ".gz":  # without name and time: the same rows are the same bytes
            file = opened.enter_context(gzip.GzipFile("", "wb", fileobj=file, mtime=0))
        for row in rows:
            line = json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n"
            file.write(line.encode())


def read_bytes(path: Path, limit: int) -> bytes:
    """Read a file of at most `limit` bytes.

    Raises
    ------
    DataError
        If it is missing, no regular file (reading a pipe never ends), or larger.
    """
    size = _size(path)
    if size > limit:
        raise DataError(f"{path} has {size:,} bytes; at most {limit:,} are read.")
    with path.open("rb") as file:
        return file.read(limit)


def _size(path: Path) -> int:
    try:
        found = path.stat()
        if stat.S_ISREG(found.st_mode):
            path.open("rb").close()  # refused here, in one line, where there is no right to read
            return found.st_size
    except FileNotFoundError:
        raise DataError(f"{path} does not exist.") from None
    except (OSError, ValueError) as error:  # a name with NUL, a circle of links, no right to read
        raise DataError(f"{path} cannot be read ({error}).") from None
    raise DataError(f"{path} is not a regular file: folders and pipes are refused.")


def decode(data: bytes, where: object) -> str:
    """Give UTF-8 text, which has no byte order mark and no NUL.

    Raises
    ------
    DataError
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{where} is not UTF-8 text: {error.reason}.") from None
    if text.startswith("\ufeff") or "\x00" in text:
        raise DataError(f"{where} has a byte order mark or NUL: expected plain UTF-8 text.")
    return text


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number of JSON")


def _number(digits: str) -> float:
    if math.isinf(value := float(digits)):
        raise ValueError(f"{digits[:30]} is too large for a number")
    return value


def _whole(digits: str) -> int:
    if len(digits.removeprefix("-")) > MAX_DIGITS:
        raise ValueError(f"{digits[:30]}... is too large for a number")
    return int(digits)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(found := dict(pairs)) < len(pairs):
        raise ValueError("a key comes twice in one object")
    return found


_EXACT = json.JSONDecoder(
    parse_float=_number, parse_constant=_no_constant, parse_int=_whole, object_pairs_hook=_unique
)
_WITH_NAN = json.JSONDecoder(parse_int=_whole, object_pairs_hook=_unique)


def parse_json(text: str, where: object, *, nan: bool = False) -> Any:
    """Parse JSON of anybody: what it gives can be walked, written and shown without harm.

    No object has a key twice, no text half of a surrogate pair, no whole number more than
    `MAX_DIGITS` digits, and nothing lies deeper than `MAX_DEPTH`.

    Parameters
    ----------
    where : object
        What to call the text in errors.
    nan : bool
        Take NaN and infinity, which JSON lacks and Python writes.

    Raises
    ------
    DataError
    """
    try:
        value = (_WITH_NAN if nan else _EXACT).decode(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, " if error.lineno > 1 else ""
        raise DataError(
            f"{where} is not JSON: {error.msg} at {place}column {error.colno}."
        ) from None
    except RecursionError:
        raise DataError(f"{where} is nested too deeply.") from None
    except ValueError as error:
        raise DataError(f"{where}: {error}.") from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise DataError(f"{where} is nested too deeply: at most {MAX_DEPTH} levels are read.")
    if "\\ud" in text or "\\uD" in text:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise DataError(f"{where} has half of a surrogate pair: it is no text.") from None
    return value


def _depth(value: Any) -> int:
    depth, level = 0, [value]
    while level and depth <= MAX_DEPTH:
        inner = [each for each in level if isinstance(each, dict | list)]
        level = [v for each in inner for v in (each.values() if isinstance(each, dict) else each)]
        depth += bool(inner)
    return depth


def read_json(path: Path, limit: int = MAX_BYTES) -> Any:
    """Read a JSON file, see `parse_json`.

    Parameters
    ----------
    limit : int
        Bytes that are read at most.

    Raises
    ------
    DataError
        If the file is missing, too large or not such JSON.
    """
    return parse_json(decode(read_bytes(path, limit), path), path)


def read_jsonl(path: Path) -> Iterator[tuple[int, Any]]:
    """Yield (line number, value) for every line that is not blank; ``.gz`` is uncompressed.

    NaN and infinity are numbers here. One line is in memory at a time.

    Raises
    ------
    DataError
        If the file is missing, or a line is too long or not JSON.
    """
    _size(path)
    number = 0
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        try:
            while data := file.readline(MAX_LINE + 1):
                number += 1
                where = f"{path}, line {number}"
                if len(data) > MAX_LINE:
                    raise DataError(f"{where} has more than {MAX_LINE:,} bytes, which are read.")
                if number > MAX_LINES:
                    raise DataError(f"{path} has more than {MAX_LINES:,} lines, which are read.")
                if not data.isspace():
                    yield number, parse_json(decode(data, where).rstrip(), where, nan=True)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataError(f"{path} is damaged after line {number}: {error}.") from None


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
