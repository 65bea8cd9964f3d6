"""Broken input for the readers of foreign bytes: ``python -m tests.fuzz submission --minutes 10``.

A reader may give a value or raise one line of a `UserError`. Anything else is a failure, as is an
input that takes long or much memory; what made it is kept in ``runs/fuzz``. It is no part of the
tests: it runs as long as it is told to.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from fuzzed_readers import READERS, Reader

from vid2vidmr.errors import UserError

SLOW_S = 5.0
MORE_MEMORY = 512 * 2**20
"""Bytes above what the first hundred inputs took."""
OUT = Path("runs/fuzz")

NASTY_VALUES: list[Any] = [
    None, True, False, 0, -1, 1.5, 10**17, 10**40, 1e308, -1e308, float("nan"), float("inf"),
    "", "x", "nan", "inf", "\ud800", "a\u061cb", "\x00", "\x1b[2J", "../../x", "/etc/passwd",
    "x" * 5000, "=1+1", "\\input{x}", "<b>", "2026-11-29", [], {}, [[]], [None], {"": 0}, [1, 2, 3],
    [[0, 1, 1]],
]  # fmt: skip
NASTY_BYTES = [
    b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\n", b"\r\n", b"\n\n\n", b",", b'"', b"\\",
    b"{", b"}", b"[", b"]", b"[" * 2000, b'{"a":' * 2000, b"9" * 5000, b"1e999", b"NaN",
    b"-Infinity", b"-", b"\\ud800", b"\xed\xa0\x80", "\u202e".encode(), "\u0661".encode(), b"\t",
    b" " * 3000, b"null", b"true", b":", b";",
]  # fmt: skip


def _value_in(value: Any, rng: random.Random) -> Any:
    """A JSON value with one node changed."""
    if rng.random() < 0.15 or not isinstance(value, dict | list) or not value:
        return rng.choice(NASTY_VALUES)
    if isinstance(value, dict):
        key = rng.choice(list(value))
        chance = rng.random()
        if chance < 0.1:
            return {k: v for k, v in value.items() if k != key}
        if chance < 0.2:
            return value | {rng.choice(["", "x", "a\u202eb", "../x", "\ud800"]): value[key]}
        return value | {key: _value_in(value[key], rng)}
    place = rng.randrange(len(value))
    if rng.random() < 0.1:
        return value[:place] + value[place + 1 :]
    return [*value[:place], _value_in(value[place], rng), *value[place + 1 :]]


def _changed_json(data: bytes, rng: random.Random) -> bytes:
    """Change nodes of a file of JSON, or of a line of one of JSON Lines."""
    try:
        value, rest = json.loads(data), None
    except ValueError:
        lines = data.split(b"\n")
        place = min(int(rng.expovariate(0.3)), len(lines) - 1)
        value, rest = json.loads(lines[place]), (lines, place)
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        value = _value_in(value, rng)
    text = json.dumps(value, ensure_ascii=rng.random() < 0.7).encode("utf-8", "surrogatepass")
    if rest is None:
        return text
    lines, place = rest
    return b"\n".join([*lines[:place], text, *lines[place + 1 :]])


def _changed_bytes(data: bytes, rng: random.Random) -> bytes:
    found = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 3, 8])):
        place = rng.randrange(len(found) + 1)
        end = place + int(rng.expovariate(0.1))
        what = rng.randrange(5)
        if what == 0 and place < len(found):
            found[place] ^= 1 << rng.randrange(8)
        elif what == 1:
            del found[place:end]
        elif what == 2:
            found[place:place] = rng.choice(NASTY_BYTES)
        elif what == 3:
            found[place:end] = rng.choice(NASTY_BYTES)
        else:
            other = rng.randrange(len(found) + 1)
            found[place:place] = found[other : other + int(rng.expovariate(0.02))]
    return bytes(found)


def changed(data: bytes, rng: random.Random) -> bytes:
    """Good input made bad: as values where it is JSON, or as bytes; compressed ones inside, too."""
    if data[:2] == b"\x1f\x8b" and rng.random() < 0.8:
        return gzip.compress(changed(gzip.decompress(data), rng), 1)
    if rng.random() < 0.6:
        try:
            return _changed_json(data, rng)
        except (ValueError, RecursionError):
            pass
    return _changed_bytes(data, rng)


def fault_of(reader: Reader, data: bytes, folder: Path) -> str | None:
    """Read; give what is wrong with the answer, with the place where it came from."""
    started = time.process_time()  # others work here, too
    try:
        reader.read(data, folder)
    except UserError as error:
        if not str(error) or "\n" in str(error):
            return f"an error of {len(str(error).splitlines())} lines"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        place = traceback.extract_tb(error.__traceback__)[-1]
        own = [f for f in traceback.extract_tb(error.__traceback__) if "/.venv/" not in f.filename]
        return f"{type(error).__name__} at {own[-1].filename}:{own[-1].lineno} ({place.name})"
    if (took := time.process_time() - started) > SLOW_S:
        return f"it took {took:.0f} s"
    return None


def fuzz(name: str, minutes: float, seed: int) -> Counter[str]:
    """Feed a reader for some minutes; print and give what it found."""
    reader, rng, found = READERS[name], random.Random(seed), Counter[str]()
    folder = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    try:
        seeds = reader.seeds(folder)
        for good in seeds:
            if (fault := fault_of(reader, good, folder)) is not None:
                raise SystemExit(f"{name}: good input fails: {fault}")
        end, count, first = time.monotonic() + 60 * minutes, 0, 0
        while time.monotonic() < end:
            data = changed(rng.choice(seeds), rng)
            fault = fault_of(reader, data, folder)
            count += 1
            memory = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            if count <= 100:
                first = memory
            elif fault is None and memory - first > MORE_MEMORY:
                fault, first = f"it took {(memory - first) >> 20} MB", memory
            if fault is not None:
                found[fault] += 1
                if found[fault] == 1:
                    OUT.mkdir(parents=True, exist_ok=True)
                    path = OUT / f"{name}-{hashlib.sha256(data).hexdigest()[:12]}"
                    path.write_bytes(data)
                    print(f"{name}: {fault}; input: {path}", flush=True)
        print(
            f"{name}: {count:,} inputs in {minutes:g} minutes, {len(found)} kinds of faults, "
            f"{memory >> 20} MB at most",
            flush=True,
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return found


def main() -> None:
    """Fuzz the readers that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("readers", nargs="+", choices=[*READERS, "all"])
    parser.add_argument("--minutes", type=float, default=10.0, help="for each reader")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    names = list(READERS) if "all" in given.readers else given.readers
    found = [fuzz(name, given.minutes, given.seed) for name in names]
    sys.exit(1 if any(found) else 0)


if __name__ == "__main__":
    main()
